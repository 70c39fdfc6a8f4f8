"""Prefect: its server on SQLite; steps in the flow's own process, at once in threads."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path = [one for one in sys.path if Path(one or ".").resolve() != Path(__file__).resolve().parent]

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    PORT = probe.getsockname()[1]
os.environ |= {
    "PREFECT_API_URL": f"http://127.0.0.1:{PORT}/api", "PREFECT_HOME": str(Path.cwd()), "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1", "PREFECT_SERVER_UI_ENABLED": "false",
}  # fmt: skip

from prefect import flow, task  # noqa: E402
from prefect.task_runners import ThreadPoolTaskRunner  # noqa: E402


@task
def step(before=None):
    """Tells when it began."""
    return time.time()


def ready() -> bool:
    """Whether the server answers."""
    try:
        return bool(urllib.request.urlopen(f"{os.environ['PREFECT_API_URL']}/health", timeout=5).status == 200)
    except (urllib.error.URLError, OSError):
        return False


def main(row: str, steps: int, slots: int) -> None:
    """Gives Prefect one row."""
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(PORT)]
    server = subprocess.Popen(command, stdout=2)
    try:
        while not ready():
            time.sleep(0.1)

        @flow(task_runner=ThreadPoolTaskRunner(max_workers=slots))
        def bench():
            if row in ("chain", "first"):
                moments = [step()]
                moments += [step(moments[-1]) for _ in range(steps - 1)]
                return moments[0]
            return min(one.result() for one in [step.submit() for _ in range(steps)])

        begun, clock = time.perf_counter(), time.time()
        first = bench()
        print(json.dumps({"seconds": time.perf_counter() - begun, "latency": first - clock}))
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
