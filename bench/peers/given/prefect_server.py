"""What Prefect's server holds on SQLite: flow runs that its API made paused, or that its models wrote as completed."""

import asyncio
import os
import socket
import subprocess
import sys
import time
import urllib.error
from pathlib import Path

from resident import PAGE, asked, made, page_ms, resident_mib, told

sys.path = [
    one for one in sys.path if Path(one or ".").resolve() != Path(__file__).resolve().parent
]  # or `prefect` is ours


def ready(api: str) -> bool:
    """Whether the server answers."""
    try:
        return asked(f"{api}/health") is True
    except (urllib.error.URLError, OSError):
        return False


async def fill(flow: str, count: int) -> None:
    """Writes so many completed runs by Prefect's own models."""
    from prefect.server import models, schemas
    from prefect.server.database import provide_database_interface

    async with provide_database_interface().session_context(begin_transaction=True) as session:
        for _ in range(count):
            run = schemas.core.FlowRun(flow_id=flow, state=schemas.states.Completed())
            await models.flow_runs.create_flow_run(session=session, flow_run=run)


def main(row: str, count: int) -> None:
    """Gives Prefect so many flow runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    api = f"http://127.0.0.1:{port}/api"
    os.environ |= {
        "PREFECT_API_URL": api, "PREFECT_HOME": str(Path.cwd()), "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1", "PREFECT_SERVER_UI_ENABLED": "false",
    }  # fmt: skip
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, stdout=2)
    try:
        while not ready(api):
            time.sleep(0.1)
        idle, begun = resident_mib(server.pid), time.perf_counter()
        flow = made(f"{api}/flows/", {"name": "bench"})["id"]
        if row == "live":
            for _ in range(count):
                made(f"{api}/flow_runs/", {"flow_id": flow, "state": {"type": "PAUSED", "name": "Paused"}})
        else:
            asyncio.run(fill(flow, count))
        filling = time.perf_counter() - begun
        page = {"limit": PAGE, "sort": "EXPECTED_START_TIME_DESC"}
        told(row, idle, [server.pid], filling, page_ms(f"{api}/flow_runs/filter", page))
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
