"""What luigid holds: tasks that a worker has begun, or that are done; its visualiser's list has no pages."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

from resident import page_ms, resident_mib, told

sys.path = [one for one in sys.path if Path(one or ".").resolve() != Path(__file__).resolve().parent]

from luigi.rpc import RemoteScheduler  # noqa: E402


def main(row: str, count: int) -> None:
    """Gives luigid so many tasks: running ones for `live`, done ones for `lists`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    luigid = Path(sys.executable).parent / "luigid"
    command = [sys.executable, luigid, "--port", str(port), "--address", "127.0.0.1", "--state-path", "state"]
    server = subprocess.Popen(command, stdout=2)
    try:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.05)
        scheduler = RemoteScheduler(f"http://127.0.0.1:{port}")
        scheduler.ping(worker="bench")
        idle, status, begun = resident_mib(server.pid), "RUNNING" if row == "live" else "DONE", time.perf_counter()
        for number in range(count):
            task = {"task_id": f"Step_{number}", "family": "Step", "params": {"number": str(number)}}
            scheduler.add_task(worker="bench", status=status, **task)
        filling = time.perf_counter() - begun
        wanted = quote(json.dumps({"status": status, "upstream_status": ""}))
        told(row, idle, [server.pid], filling, page_ms(f"http://127.0.0.1:{port}/api/task_list?data={wanted}"))
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
