"""Airflow: `airflow standalone` on SQLite, LocalExecutor, a process a step; triggered and watched in its own database."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

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


def free_port() -> int:
    """A port that nobody holds now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settings(folder: Path, slots: int) -> dict:
    """Airflow's environment."""
    port = free_port()
    return dict(
        os.environ, AIRFLOW_HOME=str(folder), AIRFLOW__CORE__LOAD_EXAMPLES="false", AIRFLOW__CORE__EXECUTOR="LocalExecutor",
        AIRFLOW__CORE__PARALLELISM=str(slots), AIRFLOW__API__PORT=str(port), AIRFLOW__API__HOST="127.0.0.1", AIRFLOW__API__WORKERS="1",
        AIRFLOW__API__BASE_URL=f"http://127.0.0.1:{port}", AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT=str(free_port()),
        AIRFLOW__TRIGGERER__TRIGGER_LOG_SERVER_PORT=str(free_port()), AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL="5",
        AIRFLOW__CORE__EXECUTION_API_SERVER_URL=f"http://127.0.0.1:{port}/execution/",
        PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}", AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="false",
    )  # fmt: skip


def asked(folder: Path, query: str) -> str:
    """One value of Airflow's database; empty where it is not there yet."""
    try:
        with sqlite3.connect(f"file:{folder}/airflow.db?mode=ro", uri=True) as database:
            found = database.execute(query).fetchone()
    except sqlite3.OperationalError:
        return ""
    return str(found[0]) if found else ""


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
        while not asked(folder, "select dag_id from serialized_dag where dag_id='bench'"):
            time.sleep(0.2)
        begun, clock = time.perf_counter(), time.time()
        subprocess.run([airflow, "dags", "trigger", "bench"], check=True, stdout=2, env=environment)
        while (state := asked(folder, "select state from dag_run where dag_id='bench'")) not in ("success", "failed"):
            time.sleep(0.05)
        if state == "failed":
            raise SystemExit("the DAG failed")
        print(
            json.dumps(
                {"seconds": time.perf_counter() - begun, "latency": float((folder / "began").read_text()) - clock}
            )
        )
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
