"""A real workflow server in a process of its own, with the stock CLI and a plain HTTP client pointed at it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from atrium.home import Home
from workflows.engine.launcher import end_keeper

CHECKOUT = Path(__file__).resolve().parents[3]
SETUP = """
import sys
from atrium.database import create_all
from atrium.identity import Role, platform_actor
import tenancy, tenancy.models, atrium.events, workflows.models
create_all()
boss = platform_actor("setup")
tenancy.create_user(boss, "ada", "a-long-password-1", administrator=True)
tenancy.create_user(boss, "eve", "a-long-password-2")
for project in ("flights", "other"):
    tenancy.create_project(boss, project)
tenancy.add_member(boss, "flights", "eve", Role.VIEWER)
from dataclasses import replace
from atrium.identity import Actor, Kind
tenancy.set_secret(boss, "flights", "my-secret.password", "hush-hush")
tenancy.set_secret(boss, "flights", "my-secret.username", "ada")
tenancy.set_secret(boss, "flights", "s3.access", "tester")
tenancy.set_secret(boss, "flights", "s3.secret", "a-long-secret-key")
ada = Actor("ada", Kind.SESSION, {"flights": Role.ADMIN, "other": Role.ADMIN}, True)
eve = Actor("eve", Kind.SESSION, {"flights": Role.VIEWER})
print(tenancy.create_token(ada, "tests", [], 1, administrator=True)[1])
print(tenancy.create_token(eve, "tests", ["flights"], 1)[1])
"""


def argo_cli() -> str | None:
    """Path of the real argo CLI, or None; ATRIUM_TEST_ARGO names one of another version."""
    if chosen := os.environ.get("ATRIUM_TEST_ARGO"):
        return chosen
    built = Path.home() / ".cache/testcluster/bin/argo"
    return str(built) if built.exists() else shutil.which("argo")


def wait_until(condition: Callable[[], object], what: str, seconds: float = 30) -> object:
    """The first true answer of `condition`, asked often; fails with `what` after `seconds`."""
    due = time.monotonic() + seconds
    while time.monotonic() < due:
        if answer := condition():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class EngineServer:
    """One home with its server; `kill` and `start` at will."""

    def __init__(self, home: Path) -> None:
        self.home, self.port = home, free_port()
        self.environment = {
            **os.environ,
            "ATRIUM_HOME": str(home),
            "PYTHONPATH": str(CHECKOUT),
            "SECRET_OF_PARENT": "42",
        }
        made = subprocess.run(
            [sys.executable, "-c", SETUP], env=self.environment, check=True, capture_output=True, text=True
        )
        self.token, self.viewer_token = made.stdout.split()[-2:]
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}/argo",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=120,
        )
        self.start()

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        self.launch()
        wait_until(self.answers, f"the server answers; see {self.home}/server.log", 180)

    def launch(self) -> None:
        """Starts the server."""
        script = str(Path(__file__).with_name("tcp_server.py"))
        with (self.home / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, script, str(self.port)], env=self.environment, stdout=log, stderr=log
            )

    def answers(self) -> bool:
        """Whether it answers now."""
        try:
            return self.http.get("/api/v1/version").status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """Ends the server without a warning."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Ends the server, and what still runs."""
        self.http.close()
        self.process.terminate()
        self.process.wait(10)
        end_keeper(Home(self.home))

    def argo_environment(self, namespace: str = "flights") -> dict[str, str]:
        """Environment by which the CLI and Hera find this server."""
        return {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "ARGO_SERVER": f"127.0.0.1:{self.port}", "ARGO_BASE_HREF": "/argo",
            "ARGO_HTTP1": "true", "ARGO_SECURE": "false", "ARGO_TOKEN": f"Bearer {self.token}", "ARGO_NAMESPACE": namespace,
        }  # fmt: skip

    def argo(self, *words: str, stdin: str | None = None) -> "subprocess.CompletedProcess[str]":
        """What the CLI answers."""
        cli = argo_cli()
        assert cli, "the real argo CLI is missing: ../shared/cluster/testcluster build argo"
        return subprocess.run(
            [cli, *words], env=self.argo_environment(), input=stdin, capture_output=True, text=True, timeout=120
        )

    def submit(self, workflow: dict, namespace: str = "flights") -> dict:
        """Submits by REST; the workflow as it was taken."""
        answer = self.http.post(f"/api/v1/workflows/{namespace}", json={"workflow": workflow})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def get(self, name: str, namespace: str = "flights") -> dict:
        """A workflow as it is now."""
        answer = self.http.get(f"/api/v1/workflows/{namespace}/{name}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ended(self, name: str, namespace: str = "flights", seconds: float = 60) -> dict:
        """The workflow once it has ended."""

        def done() -> dict | None:
            found = self.get(name, namespace)
            return found if found["status"].get("phase") in ("Succeeded", "Failed", "Error") else None

        return wait_until(done, f"{name} ends", seconds)

    def run(self, workflow: dict, seconds: float = 60) -> dict:
        """Submits and waits for the end."""
        return self.ended(self.submit(workflow)["metadata"]["name"], seconds=seconds)
