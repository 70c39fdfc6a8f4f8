"""Limits of memory and CPU by control groups, version 1 or 2, where this machine lets us make them."""

import contextlib
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from workflows.engine.state import Json

MOUNT = Path("/sys/fs/cgroup")
PERIOD_MICROSECONDS = 100_000
LEAST_QUOTA_MICROSECONDS = 1_000
ENTER = 'while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs" || exit 71; shift; done; shift; exec "$@"'


@dataclass(frozen=True)
class Controller:
    """One controller that can be used: `base` is the folder in which groups are made, `unified` whether it is version 2's."""

    name: str
    base: Path
    unified: bool

    def make(self, name: str, value: int) -> Path:
        """A group with the limit: bytes of memory, or thousandths of a CPU. Raises OSError."""
        group = self.base / name
        group.mkdir(parents=True, exist_ok=True)
        for file, text in self._settings(value).items():
            if file in ("memory.memsw.limit_in_bytes", "memory.swap.max") and not (group / file).exists():
                continue
            (group / file).write_text(text)
        return group

    def _settings(self, value: int) -> dict[str, str]:
        quota = str(max(LEAST_QUOTA_MICROSECONDS, value * PERIOD_MICROSECONDS // 1000))
        if self.name == "memory":
            if self.unified:
                return {"memory.max": str(value), "memory.swap.max": "0"}
            return {"memory.limit_in_bytes": str(value), "memory.memsw.limit_in_bytes": str(value)}
        if self.unified:
            return {"cpu.max": f"{quota} {PERIOD_MICROSECONDS}"}
        return {"cpu.cfs_period_us": str(PERIOD_MICROSECONDS), "cpu.cfs_quota_us": quota}


def _own_paths() -> dict[str, str]:
    """Our own group by controller; version 2's under the empty name."""
    lines = Path("/proc/self/cgroup").read_text().splitlines() if Path("/proc/self/cgroup").exists() else []
    return {name: path for _, names, path in (line.split(":", 2) for line in lines) for name in names.split(",")}


@lru_cache
def controller(name: str) -> Controller | None:
    """The controller `memory` or `cpu` as it can be used here; None where it cannot."""
    own = _own_paths()
    candidates = []
    if name in own:
        candidates.append(Controller(name, MOUNT / name / own[name].strip("/") / "atrium", False))
    if "" in own and (MOUNT / "cgroup.controllers").exists():
        candidates.append(Controller(name, MOUNT / own[""].strip("/") / "atrium", True))
    return next((one for one in candidates if _works(one)), None)


def _works(one: Controller) -> bool:
    try:
        one.base.mkdir(exist_ok=True)
        if one.unified:
            for folder in (one.base.parent, one.base):
                (folder / "cgroup.subtree_control").write_text(f"+{one.name}")
        one.make(f"probe-{os.getpid()}", 1 << 26 if one.name == "memory" else 500).rmdir()
    except OSError:
        return False
    return True


def confined(made: Json, name: str, memory_bytes: int | None, cpu_millicores: int | None) -> Json:
    """An order whose container is held to its limits by groups; its memory by the keeper's sampler where no group can be made."""
    groups = []
    for kind, value in (("memory", memory_bytes), ("cpu", cpu_millicores)):
        found = controller(kind) if value else None
        if found and value:
            with contextlib.suppress(OSError):
                groups.append(str(found.make(name, value)))
                if kind == "memory":
                    made = made | {"memory_bytes": None}
    if not groups:
        return made
    argv = ["/bin/sh", "-c", ENTER, "sh", *groups, "--", *made["argv"]]
    return made | {"argv": argv, "groups": groups, "warm": None}  # what is forked elsewhere would not be in the groups
