"""The platform's processes as the machine sees them: memory, CPU time, start."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from prometheus_client import Metric

from atrium.home import get_home
from atrium.metrics import counter, gauge

PROGRAM = re.compile(r"^\[program:(?P<name>[\w-]+)\]\ncommand=.* -m (?P<module>[\w.]+)$", re.MULTILINE)
BINARIES = {"door": "envoy", "triton": "tritonserver", "prometheus": "prometheus"}


@dataclass(frozen=True)
class Process:
    """One component's process with its children's: resident bytes, CPU seconds since it began, when it began."""

    name: str
    pid: int
    memory_bytes: int
    cpu_seconds: float
    began: float


def _find(children: list[psutil.Process], name: str, module: str) -> psutil.Process | None:
    for process in children:
        try:
            words = process.cmdline()
        except psutil.NoSuchProcess:
            continue
        if module in words or (name in BINARIES and words and Path(words[0]).name == BINARIES[name]):
            return process
    return None


def _children() -> dict[int, list[psutil.Process]]:
    """Every process of the machine by its parent, from one look at /proc, which costs most of the time here."""
    found: dict[int, list[psutil.Process]] = {}
    for process in psutil.process_iter(["ppid"]):
        found.setdefault(process.info["ppid"], []).append(process)
    return found


def _family(process: psutil.Process, by_parent: dict[int, list[psutil.Process]]) -> list[psutil.Process]:
    family, place = [process], 0
    while place < len(family):
        family += by_parent.get(family[place].pid, [])
        place += 1
    return family


def _measured(name: str, process: psutil.Process, by_parent: dict[int, list[psutil.Process]]) -> Process | None:
    memory, seconds = 0, 0.0
    try:
        ended = process.cpu_times()
        seconds += ended.children_user + ended.children_system
        for one in _family(process, by_parent):
            try:
                memory += one.memory_info().rss
                times = one.cpu_times()
                seconds += times.user + times.system
            except psutil.NoSuchProcess:
                continue
        return Process(name, process.pid, memory, seconds, process.create_time())
    except psutil.NoSuchProcess:
        return None


def processes() -> list[Process]:
    """The components' processes that run now, under this home's supervisor."""
    home = get_home()
    settings, pid_file = home.root / "supervisord.conf", home.run / "supervisord.pid"
    if not settings.exists() or not pid_file.exists():
        return []
    by_parent = _children()
    children = by_parent.get(int(pid_file.read_text()), [])
    found = []
    for program in PROGRAM.finditer(settings.read_text()):
        process = _find(children, program["name"], program["module"])
        measured = _measured(program["name"], process, by_parent) if process else None
        if measured:
            found.append(measured)
    return found


def collect_processes() -> Iterator[Metric]:
    """Memory, CPU seconds and start of each component."""
    memory = gauge("atrium_process_resident_memory_bytes", "Resident memory of a component with its children.")
    cpu = counter("atrium_process_cpu_seconds", "CPU time of a component with its children.")
    began = gauge("atrium_process_start_time_seconds", "When a component's process began, since 1970.")
    for one in processes():
        labels = {"component": one.name}
        memory.add_sample(memory.name, labels, one.memory_bytes)
        cpu.add_sample(f"{cpu.name}_total", labels, one.cpu_seconds)
        began.add_sample(began.name, labels, one.began)
    yield from (memory, cpu, began)
