"""`python -m bench`: measures a fresh instance of this checkout and prints a table, then the same as JSON.

Runs in a home and on ports of its own, on loopback; stops what it started.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import httpx

ATRIUM = Path(sys.executable).parent / "atrium"
ROUNDS, WARM = 400, 50
CHAIN = 50


@dataclass(frozen=True)
class Figure:
    """One measured figure beside what was asked for."""

    name: str
    value: float
    unit: str
    at_most: float

    @property
    def kept(self) -> bool:
        """Whether it is within what was asked for."""
        return self.value <= self.at_most


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _ask(client: httpx.Client, path: str, body: object) -> None:
    client.post(path, json=body).raise_for_status()


class Bench:
    """One instance under measurement."""

    def __init__(self, home: str) -> None:
        self.home, port = Path(home), _port()
        self.environment = {
            **os.environ,
            "ATRIUM_HOME": home,
            "ATRIUM_PORT": str(port),
            "ATRIUM_ADMIN_PASSWORD": "measured once",
        }
        self.url = f"http://127.0.0.1:{port}"

    def atrium(self, *arguments: str) -> str:
        """Runs the command line; raises CalledProcessError with its words where it fails."""
        return subprocess.run(
            [str(ATRIUM), *arguments], env=self.environment, capture_output=True, text=True, check=True
        ).stdout

    def starting(self) -> list[Figure]:
        """First start with the examples, and a warm one."""
        first = _seconds(lambda: self.atrium("up"))
        self.atrium("down")
        warm = _seconds(lambda: self.atrium("up"))
        return [Figure("first make up, packages installed", first, "s", 360), Figure("warm make up", warm, "s", 45)]

    def memory(self) -> list[Figure]:
        """Resident memory of all processes, idle."""
        found = sum(one["memory_mib"] for one in json.loads(self.atrium("status", "--json")))
        return [Figure("idle memory of everything", found / 1024, "GiB", 3)]

    def inference(self) -> list[Figure]:
        """p50 of one client through the door over Triton's own socket, a row of the digits model each."""
        token = self.atrium("token", "create", "bench", "--project", "digits").strip()
        body = {"inputs": [{"name": "image", "shape": [1, 64], "datatype": "FP32", "data": [1.0] * 64}]}
        path = "/v2/models/digits--digit/infer"
        socket_path = str(self.home / "run" / "triton-http.sock")
        with (
            httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {token}"}) as door,
            httpx.Client(base_url="http://triton", transport=httpx.HTTPTransport(uds=socket_path)) as direct,
        ):
            seen: dict[str, list[float]] = {"door": [], "direct": []}
            for number in range(ROUNDS + WARM):
                for name, client in (("door", door), ("direct", direct)):
                    spent = _seconds(partial(_ask, client, path, body))
                    if number >= WARM:
                        seen[name].append(spent)
        over = statistics.median(seen["door"]) - statistics.median(seen["direct"])
        return [Figure("inference through the door over direct, p50", over * 1000, "ms", 0.5)]

    def workflows(self) -> list[Figure]:
        """Start-to-start of a chain's steps over a bare process, by the server's own REST."""
        token = self.atrium("token", "create", "bench", "--project", "digits").strip()
        api = f"{self.url}/argo/api/v1/workflows/digits"
        tasks = [{"name": f"t{n}", "template": "t", **({"depends": f"t{n - 1}"} if n else {})} for n in range(CHAIN)]
        templates = [
            {"name": "main", "dag": {"tasks": tasks}},
            {"name": "t", "container": {"image": "busybox", "command": ["true"]}},
        ]
        manifest = {"metadata": {"generateName": "chain-"}, "spec": {"entrypoint": "main", "templates": templates}}
        with httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:

            def chain() -> None:
                name = client.post(api, json={"workflow": manifest}).raise_for_status().json()["metadata"]["name"]
                while client.get(f"{api}/{name}").json()["status"].get("phase") != "Succeeded":
                    time.sleep(0.01)

            spent = _seconds(chain)
        return [Figure(f"workflow step, start to start, chain of {CHAIN}", spent / CHAIN * 1000, "ms", 150)]


def main() -> None:
    """Measures, prints, and exits 1 where a figure is missed."""
    with tempfile.TemporaryDirectory(prefix="atrium-bench-") as home:
        bench = Bench(home)
        try:
            figures = [*bench.starting(), *bench.memory(), *bench.inference(), *bench.workflows()]
        finally:
            subprocess.run([str(ATRIUM), "down"], env=bench.environment, capture_output=True, check=True)
    for one in figures:
        print(
            f"{one.name:<48} {one.value:>9.2f} {one.unit:<4} asked at most {one.at_most:g}  ratio {one.value / one.at_most:.2f}"
        )
    print(json.dumps([asdict(one) for one in figures]))
    sys.exit(0 if all(one.kept for one in figures) else 1)


if __name__ == "__main__":
    main()
