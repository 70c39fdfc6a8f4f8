"""`make up`, first half: from a clean checkout to installed environments. Standard library only, any Python from 3.8 on.

Each stage is skipped when the lock that it installs has not changed, and a set-up that was cut off goes on where it was.
"""

import hashlib
import os
import platform
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, List, NoReturn, Optional, Sequence

CHECKOUT = Path(__file__).resolve().parent.parent.parent
TOOLS, PLATFORM, TRITON = CHECKOUT / ".tools", CHECKOUT / ".venv", CHECKOUT / ".venv-triton"
UV = TOOLS / "bin" / "uv"
UV_REQUIREMENT = "uv==0.13.9"
PYTHON = "3.11"
BUILDERS = ("hatchling", "setuptools", "packaging", "pathspec", "pluggy", "trove-classifiers", "tomlkit")
LEAST_FREE_GIB = 5
GIB = 1024**3
LIBRARIES = {"libgomp1": "libgomp.so.1", "libpython3.11": "libpython3.11.so.1.0"}


def fail(asked: str, allowed: str, step: str) -> NoReturn:
    """Ends with the three parts that every message has."""
    sys.exit(f"\n{asked}\n  allowed: {allowed}\n  next:    {step}")


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


def check_machine() -> None:
    """Refuses what cannot work, before anything is downloaded."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        fail(f"this machine is {platform.system()} {platform.machine()}", "Linux on x86_64", "use such a machine")
    free = shutil.disk_usage(str(CHECKOUT)).free / GIB
    if not PLATFORM.exists() and free < LEAST_FREE_GIB:
        fail(f"{free:.1f} GiB free in {CHECKOUT}", f"{LEAST_FREE_GIB} GiB", "free some room, or check out elsewhere")
    check_port()
    install_packages([name for name, library in LIBRARIES.items() if not library_found(library)])


def check_port() -> None:
    """Refuses a taken front-door port where this checkout's own instance does not hold it."""
    home = Path(os.environ.get("ATRIUM_HOME") or str(CHECKOUT / ".atrium"))
    if (home / "supervisord.conf").exists():
        return  # an instance of this home may run; `atrium up` looks closer
    port = os.environ.get("ATRIUM_PORT", "8080")
    if not port.isdigit() or not 1 <= int(port) <= 65534:
        fail(f"setting ATRIUM_PORT is {port!r}", "a number from 1 to 65534", "change or unset ATRIUM_PORT")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((os.environ.get("ATRIUM_BIND", "127.0.0.1"), int(port)))
        except OSError as error:
            fail(f"port {port} ({error.strerror})", "it must be free", "stop what listens there, or set ATRIUM_PORT")


def install_packages(missing: List[str]) -> None:
    """Installs Debian packages as root; else names them in one line to copy."""
    if not missing:
        return
    line = "apt-get install -y --no-install-recommends " + " ".join(missing)
    if not shutil.which("apt-get"):
        fail(
            "libraries of {}".format(", ".join(missing)),
            "they must be installed",
            "install them with this system's package manager",
        )
    if os.geteuid() != 0:
        fail("packages {}".format(", ".join(missing)), "they must be installed, which takes root", "sudo " + line)
    with Stage("system packages: " + " ".join(missing)):
        run(["apt-get", "update", "-qq"])
        run([*line.split(), "-qq"], env=dict(os.environ, DEBIAN_FRONTEND="noninteractive"))


class Stage:
    """Prints what is done and the seconds that it took."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        self.begun = time.monotonic()
        print(f"  {self.what} …", end="", flush=True)

    def __exit__(self, kind: object, *_: object) -> None:
        print(" failed" if kind else " %.1f s" % (time.monotonic() - self.begun), flush=True)


def run(command: List[str], env: Optional[Dict[str, str]] = None) -> None:
    """Runs a command quietly; its last words end the set-up where it fails."""
    made = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env, cwd=str(CHECKOUT))
    if made.returncode:
        said = made.stdout.decode(errors="replace").strip().splitlines()[-12:]
        fail(
            " ".join(map(str, command[:6])) + ":\n" + "\n".join(said),
            "it must succeed; package registries must be reached",
            "mend it and run make up again: what is installed already is kept",
        )


def digest(*files: Path) -> str:
    """What a stage's stamp holds: the files that decide it."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def stamped(folder: Path, text: str) -> bool:
    """Whether the environment was installed from exactly this."""
    stamp = folder / "atrium.stamp"
    return stamp.exists() and stamp.read_text() == text


def tools() -> None:
    """Puts uv into an environment of its own, from the machine's Python."""
    if not stamped(TOOLS, UV_REQUIREMENT):
        with Stage("uv"):
            if not (TOOLS / "bin" / "python").exists():
                run([sys.executable, "-m", "venv", str(TOOLS)])
            run(
                [
                    str(TOOLS / "bin" / "python"),
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                    UV_REQUIREMENT,
                ]
            )
            (TOOLS / "atrium.stamp").write_text(UV_REQUIREMENT)


def system_python() -> str:
    """Python 3.11 of this machine, or just its version, which makes uv fetch one."""
    for candidate in (f"/usr/bin/python{PYTHON}", shutil.which(f"python{PYTHON}"), sys.executable):
        if candidate and Path(candidate).exists():
            said = subprocess.run(
                [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], stdout=subprocess.PIPE
            )
            if said.stdout.decode().strip() == PYTHON:
                return candidate
    print(f"  this machine has no Python {PYTHON}: uv fetches one")
    return PYTHON


def environment(what: str, folder: Path, lock: Path, builders: Sequence[str] = ()) -> None:
    """One locked environment, every file checked by its hash."""
    text = digest(lock)
    if stamped(folder, text):
        return
    with Stage(what):
        if not (folder / "bin" / "python").exists():
            run([str(UV), "venv", "--quiet", "--clear", "--python", system_python(), str(folder)])
        install = [str(UV), "pip", "install", "--quiet", "--require-hashes", "--python", str(folder / "bin" / "python")]
        if builders:
            part = folder / "builders.lock"
            part.write_text(only(lock.read_text(), builders))
            run([*install, "--no-deps", "-r", str(part)])
            install.append("--no-build-isolation")
        run([*install, "-r", str(lock)])
        (folder / "atrium.stamp").write_text(text)


def only(lock: str, names: Sequence[str]) -> str:
    """The entries of a lock that pin `names`."""
    blocks: List[str] = []
    keep = False
    for line in lock.splitlines():
        if line and not line.startswith((" ", "#")):
            keep = line.split("==")[0] in names
        if keep:
            blocks.append(line)
    return "\n".join(blocks) + "\n"


def checkout() -> None:
    """This checkout itself, its command and its words."""
    text = digest(CHECKOUT / "pyproject.toml", *sorted((CHECKOUT / "portal" / "words").glob("*.po")))
    stamp = PLATFORM / "checkout.stamp"
    if stamp.exists() and stamp.read_text() == text:
        return
    with Stage("this checkout"):
        python = str(PLATFORM / "bin" / "python")
        run(
            [
                str(UV),
                "pip",
                "install",
                "--quiet",
                "--no-deps",
                "--no-build-isolation",
                "--python",
                python,
                "-e",
                str(CHECKOUT),
            ]
        )
        run([python, "-c", "from portal.words import compile_words; compile_words()"])
        stamp.write_text(text)


def size_gib(folder: Path) -> float:
    """Size of a folder in GiB."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_symlink()) / GIB


def main() -> None:
    """Everything that is missing."""
    begun = time.monotonic()
    check_machine()
    fresh = not (PLATFORM / "atrium.stamp").exists()
    tools()
    environment("the platform's packages", PLATFORM, CHECKOUT / "requirements.lock", BUILDERS)
    environment("Triton's packages", TRITON, CHECKOUT / "serving" / "triton" / "requirements.lock")
    if "--dev" in sys.argv:
        lock = CHECKOUT / "requirements-dev.lock"
        stamp = PLATFORM / "dev.stamp"
        if not stamp.exists() or stamp.read_text() != digest(lock):
            with Stage("what checks and tests use"):
                run(
                    [
                        str(UV),
                        "pip",
                        "install",
                        "--quiet",
                        "--require-hashes",
                        "--python",
                        str(PLATFORM / "bin" / "python"),
                        "-r",
                        str(lock),
                    ]
                )
            stamp.write_text(digest(lock))
    checkout()
    if fresh:
        print(f"  installed {size_gib(PLATFORM) + size_gib(TRITON):.2f} GiB in {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
