"""A small real platform for tests: Triton, the front door, the gate, MLflow and the demo host."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from atrium.jobs import Job

CHECKOUT = Path(__file__).resolve().parents[2]
PROGRAMS = {"model_registry.server": "mlflow", "tenancy.gate": "gate", "serving.triton": "triton-http",
            "app.door": "door-admin", "serving.demos": "demos", "workflows.engine": "argo", "feature_store.server": "feast",
            "app.rest": "api", "portal": "portal"}  # fmt: skip
START_SECONDS = 240.0
PASSWORD = "correct horse battery"


def until(ready: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
    """Waits for a condition; fails with `what` when it does not come."""
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, f"{what} did not come within {seconds} s"
        time.sleep(0.05)


def free_port() -> int:
    """A port whose follower is free too, for the front door and the content port."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return int(port)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


@dataclass
class Small:
    """The running platform: `url` of its front door, `token` of its user ada for the projects flights and digits."""

    home: Path
    port: int
    environment: dict[str, str]
    token: str = ""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, program: str) -> None:
        """Starts a program and waits until it answers on its socket."""
        path = self.home / "run" / f"{PROGRAMS[program]}.sock"
        with (self.home / f"{program}.log").open("ab") as log:
            self.processes[program] = subprocess.Popen(
                [sys.executable, "-m", program], cwd=CHECKOUT, env=self.environment, stdout=log, stderr=log
            )
        until(lambda: _answers(path), f"{program}, see {self.home / program}.log")

    def kill(self, program: str) -> None:
        process = self.processes.pop(program)
        process.kill()
        process.wait(10)

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(20)

    def ask(self, method: str, path: str, **options: object) -> httpx.Response:
        """Asks the front door with ada's token."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.request(method, self.url + path, headers=headers, timeout=30, **options)  # type: ignore[arg-type]


def forget_settings() -> None:
    import atrium.database
    import atrium.home
    import atrium.identity
    import atrium.objects
    import atrium.settings
    import tenancy.signing

    if atrium.database.engine.cache_info().currsize:
        atrium.database.engine().dispose()
    for cached in (atrium.database.engine, atrium.database.dialect, atrium.objects.object_store, atrium.home.get_home, atrium.settings.get_settings,
                   atrium.identity._identity_key, tenancy.signing._signing_key):  # fmt: skip
        cached.cache_clear()


def make_people(small: Small) -> None:
    import model_registry  # noqa: F401  its tables
    import serving.models  # noqa: F401  the same
    import tenancy
    import tenancy.public_items
    from atrium.database import create_all
    from atrium.identity import platform_actor

    create_all()
    root = platform_actor("setup")
    tenancy.create_user(root, "ada", PASSWORD, administrator=True)
    who = tenancy.actor_of_session(tenancy.sign_in("ada", PASSWORD, "127.0.0.1"))
    for project in ("flights", "digits"):
        tenancy.create_project(who, project)
    small.token = tenancy.create_token(tenancy.refresh(who), "tests", ["flights", "digits"])[1]


@contextmanager
def own_home_in(folder: Path, **settings: str) -> Iterator[Small]:
    """An empty home with ports of its own, in this process too; `settings` are more of the environment. What was started is stopped at the end."""
    port = free_port()
    ours = {"ATRIUM_HOME": str(folder), "ATRIUM_PORT": str(port), **settings}
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    forget_settings()
    small = Small(folder, port, os.environ | {"PYTHONPATH": str(CHECKOUT)})
    try:
        yield small
    finally:
        small.stop()
        forget_settings()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
        forget_settings()


@contextmanager
def repeated(job: Job) -> Iterator[None]:
    """The worker's `job`, as often as it asks, in a thread."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(job.every_seconds):
            job.run()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
