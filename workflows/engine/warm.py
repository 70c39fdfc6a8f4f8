"""Steps that may be forked from a warm interpreter: which, and what that interpreter is.

A warm interpreter serves one project, one environment and one way of starting (`python -c`, or a script template). It lives in
bubblewrap, sees what its steps see of the machine, read-only, and nothing of any project. What it forks enters a sandbox that
bubblewrap made for the step alone with the options of any step: its own root, mounts, process, IPC and UTS namespaces, limits and
output. See `keeper/interpreter.py`. What is no Python enters a sandbox that was made ahead by such a fork, and is executed there.
"""

import os
import re
from functools import lru_cache
from pathlib import Path

from workflows.engine.images import Image, runtime_image
from workflows.engine.roots import ETC, MACHINE_ETC
from workflows.engine.sandbox import OPTIONS, SCRIPT, Container, bwrap_binary, container_environment, machine_options
from workflows.engine.state import Json

PYTHONS = ("python", "python3")
HOOK = "/atrium/warm/sitecustomize.py"
TOKEN = "raise SystemExit('nobody said what to run')"  # noqa: S105  stands where a step's own text comes
CAPABILITIES = ("SYS_ADMIN", "SYS_CHROOT")
AT_START = re.compile("PYTHON|LD_|LC_|LANG|MALLOC_|GLIBC_|PATH$|HOME$|TMPDIR$|TZ$")
"""Variables that a program or its C library reads when it starts."""


def warm_order(container: Container, etc: Path) -> Json | None:
    """Of which interpreter the container may be forked, and what runs in it; None where it is executed as any."""
    if os.geteuid() != 0 or container.image.root:
        return None
    image, command = container.image, list(container.command)
    forked = _may_be_forked(container)
    if not forked:
        command, image = [*image.entrypoint, *command], runtime_image()
    started = command[:2] if forked and command[1] == SCRIPT else [command[0] if forked else PYTHONS[0], "-c", TOKEN]
    environment = container_environment(container) | {"PWD": container.workdir}
    texts = [f"{name}={value}" for name, value in environment.items()]
    about = _interpreter(image.path, image.read_only, etc, tuple(started))
    key = f"{container.root.parent.name}: {image.path[0]}: {' '.join(started[:2])}"
    place = {"words": command, "environment": texts, "folder": container.workdir}
    return {**about, **place, "key": key, "executes": not forked}


def _may_be_forked(container: Container) -> bool:
    """Whether it runs Python on a text or a script template's script, and nothing of its own changes how Python starts."""
    command, image = container.command, container.image
    if image.entrypoint or not image.path or len(command) < 2:
        return False
    if command[0] not in PYTHONS or not _has(image, command[0]):
        return False
    runs = (command[1] == "-c" and len(command) > 2) or (command[1] == SCRIPT and SCRIPT in container.files)
    own = any(AT_START.match(name) for name in container.environment)
    return runs and not own and not any(_covers(mount.target, image) for mount in container.mounts)


def _covers(target: str, image: Image) -> bool:
    """Whether something is mounted at, above or below what a Python is made of."""
    parts = ["/usr", "/lib", "/lib64", "/bin", "/etc", "/argo", *map(str, image.read_only)]
    return any(
        target == one or target.startswith(f"{one}/") or one.startswith(f"{target.rstrip('/')}/") for one in parts
    )


@lru_cache
def _has(image: Image, name: str) -> bool:
    return (Path(image.path[0]) / name).exists()


@lru_cache
def _interpreter(path: tuple[str, ...], read_only: tuple[Path, ...], etc: Path, started: tuple[str, ...]) -> Json:
    own = Container(etc, "warm", etc, list(started), {}, Image("warm", "", read_only, path))
    options = ["--unshare-ipc", "--unshare-uts", "--die-with-parent", "--clearenv", "--cap-drop", "ALL"]
    for name in CAPABILITIES:
        options += ["--cap-add", f"CAP_{name}"]
    options += ["--tmpfs", "/", "--dev", "/dev", *machine_options(etc, read_only)]
    for name in ETC:
        options += ["--symlink", f"{MACHINE_ETC}/{name}", f"/etc/{name}"]
    options += ["--ro-bind-data", str(OPTIONS + 1), HOOK, "--chdir", "/"]
    for name, value in (container_environment(own) | {"PYTHONPATH": str(Path(HOOK).parent)}).items():
        options += ["--setenv", name, value]
    program = Path(path[0]) / started[0]
    watch = [str(program.resolve()), *map(str, program.parent.parent.glob("lib/python3*/site-packages"))]
    return {"argv": [bwrap_binary(), "--args", str(OPTIONS), "--", *started], "options": options, "watch": watch}
