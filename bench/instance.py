"""The instance under measurement: a home and ports of its own, on loopback."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

ADMIN, PASSWORD = "admin", "measured once"
LIMIT_SECONDS = 1800


def free_port() -> int:
    """A port on loopback that nobody holds now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def end_processes(folder: Path) -> None:
    """Ends every process that names `folder` in its arguments or environment, with the families of those."""
    for process in psutil.process_iter():
        try:
            told = [*process.cmdline(), *process.environ().values()]
            if process.pid != os.getpid() and any(str(folder) in one for one in told):
                for one in [process, *process.children(recursive=True)]:
                    one.kill()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue


@dataclass(frozen=True)
class Instance:
    """An instance of the checkout in the folder `checkout`."""

    checkout: Path
    home: Path
    port: int

    @property
    def environment(self) -> dict[str, str]:
        """The environment that names it."""
        own = {"ATRIUM_HOME": str(self.home), "ATRIUM_PORT": str(self.port), "ATRIUM_ADMIN_PASSWORD": PASSWORD}
        return {key: value for key, value in os.environ.items() if not key.startswith("ATRIUM_")} | own

    @property
    def url(self) -> str:
        """Its front door."""
        return f"http://localhost:{self.port}"

    def run(self, *command: str, **more: str) -> str:
        """What a command in its checkout prints; raises RuntimeError with its last words where it fails."""
        made = subprocess.run(
            command,
            cwd=self.checkout,
            env=self.environment | more,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
        )
        if made.returncode:
            raise RuntimeError(
                f"{' '.join(command)} ended with {made.returncode}:\n{made.stdout[-3000:]}{made.stderr[-3000:]}"
            )
        return made.stdout

    def atrium(self, *arguments: str) -> str:
        """What its command line prints."""
        return self.run(str(self.checkout / ".venv" / "bin" / "atrium"), *arguments)

    def memory_mib(self) -> dict[str, int]:
        """Resident memory of each process with its children, in MiB."""
        return {one["name"]: one["memory_mib"] for one in json.loads(self.atrium("status", "--json"))}

    def token(self, project: str) -> str:
        """A token of the administrator for one project."""
        return self.atrium("token", "create", "bench", "--project", project).strip()

    @contextmanager
    def client(self, project: str) -> Iterator[httpx.Client]:
        """A client of the front door with a token for one project."""
        headers = {"Authorization": f"Bearer {self.token(project)}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=600, trust_env=False) as made:
            yield made

    def stop(self) -> None:
        """Stops everything of it, steps that would outlive their server too."""
        if (self.checkout / ".venv" / "bin" / "atrium").exists():
            self.atrium("down")
        end_processes(self.home)
