"""Whole platforms without the examples, for tests that break them."""

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
from small_platform import free_port
from support import ATRIUM, PASSWORD, Platform

from atrium.home import Home

LIMIT_SECONDS = 170


def instance(home: Path, **settings: str) -> Platform:
    """A platform that does not run yet, on ports of its own."""
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ATRIUM_")}
    environment = {
        **kept,
        "ATRIUM_HOME": str(home),
        "ATRIUM_PORT": str(port),
        "ATRIUM_ADMIN_PASSWORD": PASSWORD,
        **settings,
    }
    scheme = "https" if "ATRIUM_TLS_CERT" in settings else "http"
    return Platform(f"{scheme}://localhost:{port}", home, {name: value for name, value in environment.items() if value})


def down(platform: Platform) -> None:
    """Stops it, whatever state it is in."""
    subprocess.run([str(ATRIUM), "down"], env=platform.environment, capture_output=True, timeout=120)


@contextmanager
def running(home: Path, **settings: str) -> Iterator[Platform]:
    """A platform that runs, without the examples."""
    made = instance(home, **settings)
    try:
        made.atrium("up", "--no-examples")
        yield made
    finally:
        down(made)


def until(found: Callable[[], bool], what: str, seconds: float = LIMIT_SECONDS) -> None:
    """Waits for a condition; fails with `what`."""
    due = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < due, f"{what} did not come within {seconds:.0f} s"
        time.sleep(0.2)


def supervisor_pid(platform: Platform) -> int:
    """Its supervisor's process."""
    return int((Home(platform.home).run / "supervisord.pid").read_text())


def component_pids(platform: Platform) -> dict[str, int]:
    """The processes under its supervisor by the component's name, as `atrium status` knows them."""
    from app.components import COMPONENTS

    found = {}
    for child in psutil.Process(supervisor_pid(platform)).children():
        try:
            line = " ".join(child.cmdline())
        except psutil.Error:  # it has just ended
            continue
        name = next((one.name for one in COMPONENTS if f"-m {one.module}" in line), None)
        name = name or ("door" if "/envoy" in line else "triton" if "tritonserver" in line else line)
        found[name] = child.pid
    return found


def sign_in(platform: Platform, password: str) -> int:
    """The status with which signing in as the administrator ends."""
    data = {"name": "admin", "password": password}
    return httpx.post(f"{platform.url}/auth/login", data=data, headers={"Origin": platform.url}, timeout=30).status_code


def printed_password(said: str) -> str | None:
    """The generated password that `up` printed, if it did."""
    found = re.search(r"password (\S+)   \(shown once\)", said)
    return found[1] if found else None
