"""From a fresh checkout, without an environment and with empty caches, to a live model and its demo; then again, warm."""

import os
import re
import subprocess
from pathlib import Path

from bench.figures import Figure, seconds_of
from bench.instance import Instance

STAGE = re.compile(r"^  (?P<what>.+?) … (?P<seconds>[\d.]+) s$", re.MULTILINE)
INSTALLED = re.compile(r"installed (?P<gib>[\d.]+) GiB in (?P<seconds>[\d.]+) s")


def copy_checkout(source: Path, target: Path) -> None:
    """The checkout's own files (those that git knows or would add) into an empty folder."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=source,
        capture_output=True,
        check=True,
    ).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (source / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes((source / name).read_bytes())
            (target / name).chmod((source / name).stat().st_mode)


def _install_seconds(printed: str) -> tuple[float, str]:
    """What `make up` says of downloading and installing: seconds, and the size in words."""
    found = INSTALLED.search(printed)
    if found is None:
        raise RuntimeError(f"`make up` installed nothing in a fresh checkout; it said:\n{printed}")
    return float(found["seconds"]), f"{found['gib']} GiB, caches empty"


def fresh(instance: Instance, caches: Path) -> list[Figure]:
    """`make up` in a checkout without environments; downloads are named apart. Leaves the instance running."""
    empty = {"UV_CACHE_DIR": str(caches / "uv"), "PIP_NO_CACHE_DIR": "1"}
    printed = ""

    def up() -> None:
        nonlocal printed
        printed = instance.run("make", "up", **empty)

    whole = seconds_of(up)
    installing, size = _install_seconds(printed)
    stages = dict(STAGE.findall(printed))
    slowest = max(stages, key=lambda one: float(stages[one]))
    cores = f"{len(os.sched_getaffinity(0))} cores"
    return [
        Figure("fresh `make up` to a live model and demo", whole, "s", 360, f"{cores}, downloads included"),
        Figure("  of it: downloading and installing", installing, "s", note=size),
        Figure("  of it: starting, and both examples", whole - installing, "s", note=f"longest stage: {slowest}"),
    ]


def warm(instance: Instance) -> list[Figure]:
    """`make up` after `make down`; leaves the instance running."""
    instance.run("make", "down")
    again = seconds_of(lambda: instance.run("make", "up"))
    nothing = seconds_of(lambda: instance.run("make", "up"))
    return [
        Figure("warm `make up`", again, "s", 45),
        Figure("`make up` where everything runs", nothing, "s", note="changes nothing"),
    ]


def idle_memory(instance: Instance) -> list[Figure]:
    """Resident memory of all processes after a start, when nobody asks anything."""
    found = instance.memory_mib()
    largest = sorted(found, key=lambda one: -found[one])[:3]
    note = ", ".join(f"{name} {found[name]}" for name in largest) + " MiB"
    return [Figure("idle memory of everything, resident", sum(found.values()) / 1024, "GiB", 3, note)]
