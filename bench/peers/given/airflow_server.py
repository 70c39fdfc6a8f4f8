"""What Airflow's processes hold on SQLite: runs deferred in a sensor, or ended ones written by Airflow's own models."""

import os
import subprocess
import sys
import time
import urllib.error
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow_settings import asked_of_database, end, settings
from resident import PAGE, asked, made, page_ms, resident_mib, told

sys.path = [
    one for one in sys.path if Path(one or ".").resolve() != Path(__file__).resolve().parent
]  # or `airflow` is ours

DAG = """from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync
from airflow.sdk import dag


@dag(schedule=None, catchup=False, max_active_runs=1000, max_active_tasks=1000)
def bench():
    DateTimeSensorAsync(task_id="wait", target_time="2099-01-01T00:00:00+00:00")


bench()
"""
AT_ONCE = 8
DEFERRED = "select count(*) from task_instance where state='deferred'"


def token(address: str) -> str:
    """A token of the API; empty where it does not answer yet."""
    try:
        return asked(f"{address}/auth/token")["access_token"]
    except (urllib.error.URLError, OSError):
        return ""


def fill(count: int) -> None:
    """Writes so many ended runs."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunTriggeredByType, DagRunType

    now = datetime.now(UTC)
    with create_session() as session:
        for number in range(count):
            moment = now - timedelta(minutes=number)
            run = DagRun(
                dag_id="bench", run_id=f"run-{number}", run_type=DagRunType.MANUAL, state=DagRunState.SUCCESS, logical_date=moment,
                run_after=moment, start_date=moment, triggered_by=DagRunTriggeredByType.TEST,
            )  # fmt: skip
            run.end_date = moment
            session.add(run)


def main(row: str, count: int) -> None:
    """Gives Airflow so many runs; scheduler, API server, triggerer and the reader of DAG files count."""
    folder = Path.cwd()
    (folder / "dags").mkdir()
    (folder / "dags" / "bench.py").write_text(DAG)
    os.environ |= settings(folder, AT_ONCE) | {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "true"}
    airflow, address = str(Path(sys.executable).parent / "airflow"), os.environ["AIRFLOW__API__BASE_URL"]
    server = subprocess.Popen([airflow, "standalone"], stdout=2, start_new_session=True)
    try:
        while not asked_of_database(folder, "select dag_id from serialized_dag") or not token(address):
            time.sleep(0.2)
        headers, runs = {"Authorization": f"Bearer {token(address)}"}, f"{address}/api/v2/dags/bench/dagRuns"
        idle, begun = resident_mib(server.pid), time.perf_counter()
        if row == "live":
            for _ in range(count):
                made(runs, {"logical_date": None}, headers)
            while int(asked_of_database(folder, DEFERRED) or 0) < count:
                time.sleep(0.2)
        else:
            fill(count)
        filling = time.perf_counter() - begun
        page = page_ms(f"{runs}?limit={PAGE}&order_by=-run_after", headers=headers)
        told(row, idle, [server.pid], filling, page)
    finally:
        end(server)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
