"""What this machine has and lacks: told before anything is downloaded. Standard library only, any Python from 3.8 on."""

import os
import platform
import pwd
import shutil
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Dict, List, NoReturn, Optional, Tuple

CHECKOUT = Path(__file__).resolve().parent.parent.parent
GIB = 1024**3
LEAST_DISK_GIB = 5.0
LEAST_HOME_GIB = 0.5
LEAST_MEMORY_GIB = 2.0
LIBRARIES = {"libgomp1": "libgomp.so.1", "libpython3.11": "libpython3.11.so.1.0"}
LISTENING = "0A"
PYTHON = "3.11"


def fail(asked: str, allowed: str, step: str) -> NoReturn:
    """Ends with the three parts that every message has."""
    sys.exit(f"\n{asked}\n  allowed: {allowed}\n  next:    {step}")


def setting(name: str, default: str) -> str:
    """A setting as the platform will read it: from the environment, else from `.env` in the checkout."""
    if name in os.environ:
        return os.environ[name]
    path = CHECKOUT / ".env"
    for line in path.read_text().splitlines() if path.exists() else []:
        key, found, value = line.partition("=")
        if found and key.strip().replace("export ", "") == name:
            return value.strip().strip("'\"")
    return default


def home() -> Path:
    """The home folder that the settings name."""
    return Path(setting("ATRIUM_HOME", "") or str(CHECKOUT / ".atrium")).expanduser()


def nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(one for one in [folder.absolute(), *folder.absolute().parents] if one.is_dir())


def free_gib(folder: Path) -> float:
    """GiB that this user may still write where `folder` is, or will be."""
    return shutil.disk_usage(str(nearest(folder))).free / GIB


def available_memory_gib() -> float:
    """GiB of memory that new processes may take, the control group's limit included."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            found = int(line.split()[1]) * 1024
            break
    else:
        return float("inf")
    for folder, limit, used in (
        ("/sys/fs/cgroup", "memory.max", "memory.current"),
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        try:
            most, now = (Path(folder) / limit).read_text().strip(), (Path(folder) / used).read_text().strip()
        except OSError:
            continue
        if most.isdigit():
            found = min(found, int(most) - int(now))
    return found / GIB


def _sockets(port: int) -> Dict[str, int]:
    """Inodes of the sockets that listen on a TCP port, with their users' numbers."""
    found = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        lines = Path(table).read_text().splitlines()[1:] if Path(table).exists() else []
        for line in lines:
            parts = line.split()
            if parts[3] == LISTENING and int(parts[1].rpartition(":")[2], 16) == port:
                found[parts[9]] = int(parts[7])
    return found


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def port_holder(port: int) -> str:
    """Who listens on a TCP port: the process where it may be seen, else its user; empty where nobody does."""
    held = _sockets(port)
    names = {"socket:[%s]" % inode for inode in held}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if any(os.readlink(str(one)) in names for one in (folder / "fd").iterdir()):
                return "process %s (%s)" % (folder.name, (folder / "comm").read_text().strip())
        except OSError:
            continue  # another user's process, or one that has ended
    return "a process of user %s" % _user(next(iter(held.values()))) if held else ""


def port_trouble(bind: str, port: int) -> Optional[str]:
    """Why the front door could not listen there; None where it could."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except OSError as error:
            holder = port_holder(port)
            return "held by " + holder if holder else error.strerror
    return None


def ports() -> List[Tuple[str, int]]:
    """The settings of the front door's two ports with what they say; ends where one is no port's number."""
    found: List[Tuple[str, int]] = []
    for name, default in (("ATRIUM_PORT", "8080"), ("ATRIUM_CONTENT_PORT", "0")):
        text = setting(name, default)
        if not text.isdigit() or not (0 if default == "0" else 1) <= int(text) <= 65534:
            fail("setting %s is %r" % (name, text), "a number from 1 to 65534", "change or unset " + name)
        found.append((name, int(text) or found[0][1] + 1))
    return found


def check_ports() -> None:
    """Refuses a taken port of the front door where this home's own instance cannot be what holds it."""
    if (home() / "supervisord.conf").exists():
        return  # an instance of this home may run; `atrium up` looks closer
    for name, port in ports():
        trouble = port_trouble(setting("ATRIUM_BIND", "127.0.0.1"), port)
        if trouble:
            fail(
                "port %d (%s) is %s" % (port, name, trouble),
                "it must be free",
                "stop what listens there (ss -ltnp 'sport = :%d'), or set %s=%d" % (port, name, port + 100),
            )


def system_python() -> Optional[str]:
    """Path of a Python 3.11 of this machine; None where it has none and uv must fetch one."""
    for candidate in ("/usr/bin/python" + PYTHON, shutil.which("python" + PYTHON), sys.executable):
        if candidate and Path(candidate).exists():
            asked = [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
            if subprocess.run(asked, stdout=subprocess.PIPE).stdout.decode().strip() == PYTHON:
                return candidate
    return None


def library_found(name: str) -> bool:
    """Whether the dynamic loader would find a library."""
    folders = [
        "/usr/lib/x86_64-linux-gnu",
        "/lib/x86_64-linux-gnu",
        "/usr/lib64",
        "/lib64",
        "/usr/lib",
        "/usr/local/lib",
    ]
    beside = Path(sys.executable).resolve().parent.parent / "lib"
    return any((Path(folder) / name).exists() for folder in [*folders, str(beside)])


def missing_packages() -> List[str]:
    """Debian packages that this machine lacks."""
    libraries = dict(LIBRARIES)
    if system_python() is None:
        del libraries["libpython3.11"]  # it comes with the Python that uv fetches
    missing = [name for name, library in libraries.items() if not library_found(library)]
    if find_spec("ensurepip") is None or find_spec("venv") is None:
        missing.append("python%d.%d-venv" % sys.version_info[:2])
    return missing


def install_packages(missing: List[str]) -> None:
    """Installs Debian packages as root; else names them in one line to copy."""
    if not missing:
        return
    line = "apt-get install -y --no-install-recommends " + " ".join(missing)
    what = "this machine lacks " + ", ".join(missing)
    if not shutil.which("apt-get"):
        fail(what, "they must be installed", "install them with this system's package manager")
    if os.geteuid() != 0:
        fail(what, "they must be installed, which takes root; nothing was downloaded yet", "sudo " + line)
    print("  system packages: %s …" % " ".join(missing), flush=True)
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    for command in (["apt-get", "update", "-qq"], [*line.split(), "-qq"]):
        made = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
        if made.returncode:
            said = "\n".join(made.stdout.decode(errors="replace").strip().splitlines()[-6:])
            fail("%s:\n%s" % (" ".join(command), said), "Debian's packages must be reached", line)


def check_machine(installed: bool, starts: bool = True) -> None:
    """Refuses what cannot work, before anything is downloaded.

    `installed`: the environments are there already. `starts`: the platform is to run on this very machine.
    """
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        fail("this machine is %s %s" % (platform.system(), platform.machine()), "Linux on x86_64", "use such a machine")
    if platform.libc_ver()[0] != "glibc":
        fail(
            "this system's C library is not glibc",
            "the components' wheels need it",
            "use Debian, Ubuntu, Fedora or their like",
        )
    needed = [(home(), LEAST_HOME_GIB, "ATRIUM_HOME")] if installed else [
        (CHECKOUT, LEAST_DISK_GIB, "the checkout"), (home(), LEAST_HOME_GIB, "ATRIUM_HOME")]  # fmt: skip
    for folder, least, name in needed:
        free = free_gib(folder)
        if free < least:
            fail(
                "%.1f GiB are free for %s" % (free, folder),
                "at least %.1f GiB" % least,
                "free some room, or move %s" % name,
            )
    running = (home() / "run" / "supervisord.pid").exists()
    memory = available_memory_gib()
    if memory < LEAST_MEMORY_GIB and not running:
        fail(
            "%.1f GiB of memory are available" % memory,
            "at least %.1f GiB" % LEAST_MEMORY_GIB,
            "end other programs, or use a larger machine",
        )
    if starts:
        check_ports()
    install_packages(missing_packages())
