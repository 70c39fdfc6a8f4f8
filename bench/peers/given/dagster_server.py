"""What Dagster's webserver and daemon hold on SQLite: runs that are started, or succeeded, each made by its own instance."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
from pathlib import Path

from resident import PAGE, asked, page_ms, resident_mib, told

sys.path = [
    one for one in sys.path if Path(one or ".").resolve() != Path(__file__).resolve().parent
]  # or `dagster` is ours

JOB = """from dagster import job, op


@op
def step():
    pass


@job
def bench():
    step()
"""
RUNS = """{ runsOrError(limit: %d) { ... on Runs { results { runId status jobName startTime endTime tags { key value } } } } }"""


def ready(address: str) -> bool:
    """Whether the webserver answers."""
    try:
        return bool(asked(f"{address}/server_info"))
    except (urllib.error.URLError, OSError):
        return False


def fill(row: str, count: int) -> None:
    """Makes so many runs."""
    from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
    from dagster._core.utils import make_new_run_id

    status = DagsterRunStatus.STARTED if row == "live" else DagsterRunStatus.SUCCESS
    with DagsterInstance.get() as instance:
        for _ in range(count):
            instance.add_run(DagsterRun(job_name="bench", run_id=make_new_run_id(), status=status))


def main(row: str, count: int) -> None:
    """Gives Dagster so many runs; both processes count."""
    Path("bench_job.py").write_text(JOB)
    Path("dagster.yaml").write_text("telemetry: {enabled: false}\n")
    os.environ["DAGSTER_HOME"] = str(Path.cwd())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    web = [sys.executable, "-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(port), "-f", "bench_job.py"]
    daemon = [sys.executable, "-m", "dagster._daemon", "run", "-f", "bench_job.py"]
    servers = [subprocess.Popen(command, stdout=2) for command in (web, daemon)]
    try:
        while not ready(f"http://127.0.0.1:{port}"):
            time.sleep(0.2)
        pids = [one.pid for one in servers]
        idle, begun = resident_mib(*pids), time.perf_counter()
        fill(row, count)
        filling = time.perf_counter() - begun
        told(row, idle, pids, filling, page_ms(f"http://127.0.0.1:{port}/graphql", {"query": RUNS % PAGE}))
    finally:
        for one in servers:
            one.terminate()
            one.wait()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
