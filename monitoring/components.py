"""The platform's processes, as the supervisor keeps them, without asking each: a page reads this every few seconds."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from atrium.home import get_home

MIB = 1024 * 1024
PROGRAM = re.compile(r"^\[program:(?P<name>[\w-]+)\]\ncommand=.* -m (?P<module>[\w.]+)$", re.MULTILINE)
BINARIES = {"door": "envoy", "triton": "tritonserver"}


@dataclass(frozen=True)
class ComponentState:
    """One process: up or down, since when, its memory with its children's, the socket by which it was judged."""

    name: str
    state: str
    since: datetime | None
    memory_mib: int
    detail: str


def _family(process: psutil.Process) -> int:
    try:
        return sum(one.memory_info().rss for one in [process, *process.children(recursive=True)]) // MIB
    except psutil.NoSuchProcess:
        return 0


def _find(children: list[psutil.Process], name: str, module: str) -> psutil.Process | None:
    for process in children:
        try:
            words = process.cmdline()
        except psutil.NoSuchProcess:
            continue
        if module in words or (name in BINARIES and words and Path(words[0]).name == BINARIES[name]):
            return process
    return None


def component_states() -> list[ComponentState]:
    """Every process that the supervisor should run, in its order; empty before the first start."""
    home = get_home()
    settings, pid_file = home.root / "supervisord.conf", home.run / "supervisord.pid"
    if not settings.exists() or not pid_file.exists():
        return []
    try:
        children = psutil.Process(int(pid_file.read_text())).children()
    except psutil.NoSuchProcess:
        children = []
    found = []
    for program in PROGRAM.finditer(settings.read_text()):
        process = _find(children, program["name"], program["module"])
        if process is None:
            found.append(ComponentState(program["name"], "down", None, 0, f"see logs/{program['name']}.log"))
            continue
        since = datetime.fromtimestamp(process.create_time(), UTC)
        found.append(ComponentState(program["name"], "up", since, _family(process), f"process {process.pid}"))
    return found
