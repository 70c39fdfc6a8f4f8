"""Airflow: `airflow standalone` on SQLite, LocalExecutor, a process a step; triggered and watched in its own database."""

import json
import subprocess
import sys
import time
from pathlib import Path

from airflow_settings import asked_of_database, end, settings

DAG = """import time
from pathlib import Path
from airflow.sdk import dag, task


@task
def step(before=None):
    if not Path("{folder}/began").exists():
        Path("{folder}/began").write_text(str(time.time()))


@dag(schedule=None, catchup=False, max_active_tasks={slots})
def bench():
    last = None
    for number in range({steps}):
        this = step.override(task_id=f"s{{number}}")()
        if {chained} and last is not None:
            last >> this
        last = this


bench()
"""


def main(row: str, steps: int, slots: int) -> None:
    """Gives Airflow one row; its start is not counted."""
    folder = Path.cwd()
    (folder / "dags").mkdir()
    source = DAG.format(folder=folder, slots=slots, steps=steps, chained=row == "chain")
    (folder / "dags" / "bench.py").write_text(source)
    environment = settings(folder, slots)
    airflow = str(Path(sys.executable).parent / "airflow")
    server = subprocess.Popen([airflow, "standalone"], env=environment, stdout=2, start_new_session=True)
    try:
        while not asked_of_database(folder, "select dag_id from serialized_dag where dag_id='bench'"):
            time.sleep(0.2)
        begun, clock = time.perf_counter(), time.time()
        subprocess.run([airflow, "dags", "trigger", "bench"], check=True, stdout=2, env=environment)
        while (state := asked_of_database(folder, "select state from dag_run where dag_id='bench'")) not in (
            "success",
            "failed",
        ):
            time.sleep(0.05)
        if state == "failed":
            raise SystemExit("the DAG failed")
        print(
            json.dumps(
                {"seconds": time.perf_counter() - begun, "latency": float((folder / "began").read_text()) - clock}
            )
        )
    finally:
        end(server)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
