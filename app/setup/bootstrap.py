"""`make up`, first half: from a clean checkout to installed environments. Standard library only, any Python from 3.8 on.

Each stage is skipped when the lock that it installs has not changed. A set-up that was cut off, even by kill -9, goes on: an
environment that was being changed then is made anew from the cache. What is cached needs no network.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, List, Sequence

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from app.setup.machine import CHECKOUT, GIB, PYTHON, check_machine, fail, system_python

TOOLS, PLATFORM, TRITON = CHECKOUT / ".tools", CHECKOUT / ".venv", CHECKOUT / ".venv-triton"
UV = TOOLS / "bin" / "uv"
UV_LOCK = CHECKOUT / "app" / "setup" / "uv.lock"
BUILDERS = ("hatchling", "setuptools", "packaging", "pathspec", "pluggy", "trove-classifiers", "tomlkit")
CHANGING = "atrium.changing"
IMAGE = {"--image-packages", "--image"}  # layers of a container image: the locked packages, then the checkout


class Stage:
    """Prints what is done and the seconds that it took."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        self.begun = time.monotonic()
        print(f"  {self.what} …", end="", flush=True)

    def __exit__(self, kind: object, *_: object) -> None:
        print(" failed" if kind else " %.1f s" % (time.monotonic() - self.begun), flush=True)


def tried(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """A finished command with what it said. It holds the set-up's lock too: a killed set-up's last command ends before the next."""
    said = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "universal_newlines": True}
    return subprocess.run(command, cwd=str(CHECKOUT), close_fds=False, **said)  # type: ignore[call-overload,no-any-return]


def run(command: Sequence[str]) -> None:
    """Runs a command quietly; its last words end the set-up where it fails."""
    made = tried(command)
    if made.returncode:
        end(command, made.stdout)


def end(command: Sequence[str], said: str) -> None:
    """Ends the set-up with a command's last words."""
    last = "\n".join(said.strip().splitlines()[-12:])
    full = "No space left on device" in said or "os error 28" in said
    allowed = "there must be room on the disk" if full else "it must succeed"
    step = "free some room and run make up again" if full else "mend it and run make up again"
    fail(" ".join(command[:6]) + ":\n" + last, allowed, step + ": what was downloaded is kept")


def digest(*files: Path) -> str:
    """What a stage's stamp holds: the files that decide it."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def stamped(folder: Path, name: str, text: str) -> bool:
    """Whether the stage `name` of an environment was finished for exactly this, and nothing was cut off since."""
    stamp = folder / f"{name}.stamp"
    return stamp.exists() and stamp.read_text() == text and not (folder / CHANGING).exists()


@contextmanager
def changing(folder: Path, name: str, text: str) -> Iterator[None]:
    """Marks an environment as unfinished while it is changed, then stamps the stage."""
    marker = folder / CHANGING
    marker.touch()
    yield
    (folder / f"{name}.stamp").write_text(text)
    marker.unlink()


def cut_off(folder: Path) -> bool:
    """Whether an environment is not there, or a change of it was cut off."""
    return not (folder / "atrium.stamp").exists() or (folder / CHANGING).exists()


def cache() -> Path:
    """Folder where the wheel of uv itself is kept, so that a machine that had it needs no network."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "atrium"


def tools() -> None:
    """Puts uv into an environment of its own, from the machine's Python."""
    text = digest(UV_LOCK)
    if stamped(TOOLS, "atrium", text):
        return
    with Stage("uv"):
        if cut_off(TOOLS):
            shutil.rmtree(str(TOOLS), ignore_errors=True)
            run([sys.executable, "-m", "venv", str(TOOLS)])
        with changing(TOOLS, "atrium", text):
            install_uv()


def install_uv() -> None:
    """Installs uv from its kept wheel, else from the registry; its hash is checked either way."""
    pip = [str(TOOLS / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    locked = ["--require-hashes", "--no-deps", "-r", str(UV_LOCK)]
    kept = ["install", "--no-index", "--find-links", str(cache()), *locked]
    if list(cache().glob("uv-*.whl")) and not tried([*pip, *kept]).returncode:
        return
    cache().mkdir(parents=True, exist_ok=True)
    made = tried([*pip, "download", "--retries", "1", "--dest", str(cache()), *locked])
    if made.returncode:
        version = UV_LOCK.read_text().split()[0]
        last = "\n".join(made.stdout.strip().splitlines()[-3:])
        fail(
            f"{version} is missing, which installs everything else:\n{last}",
            f"the package registry must be reached, or {cache()} hold its wheel",
            "connect, or set PIP_INDEX_URL to a registry that is reached, and run make up again",
        )
    run([*pip, *kept])


def fresh_environment(folder: Path) -> None:
    """An empty virtual environment; ends with words where no Python 3.11 can be had."""
    python = system_python() or PYTHON
    if python == PYTHON:
        print(f" (this machine has no Python {PYTHON}: uv fetches one)", end="", flush=True)
    made = tried([str(UV), "venv", "--quiet", "--clear", "--python", python, str(folder)])
    if made.returncode and python == PYTHON:
        last = "\n".join(made.stdout.strip().splitlines()[-3:])
        fail(
            f"Python {PYTHON} is missing:\n{last}",
            f"the platform runs on Python {PYTHON}, from this system or fetched by uv",
            f"install python{PYTHON}, or let uv reach its downloads, and run make up again",
        )
    if made.returncode:
        end([str(UV), "venv", str(folder)], made.stdout)


def install(folder: Path, lock: Path, *options: str) -> None:
    """Installs exactly what a lock says, hashes checked: from the cache alone where it holds everything, else with the network."""
    python = str(folder / "bin" / "python")
    common = ["--quiet", "--require-hashes", "--no-deps", "--python", python, *options, "-r", str(lock)]
    if not tried([str(UV), "pip", "install", "--offline", *common]).returncode:
        return
    made = tried([str(UV), "pip", "install", *common])
    if not made.returncode:
        return
    if re.search(r"Failed to fetch|error sending request|dns error|timed out|Failed to download", made.stdout):
        missing = not_cached(lock, python)
        last = "\n".join(made.stdout.strip().splitlines()[:3])
        fail(
            f"{len(missing)} packages of {lock.name} are missing: {', '.join(missing)}\n{last}",
            "the package registry must be reached, or uv's cache hold them",
            "connect, or set UV_DEFAULT_INDEX to a registry that is reached, and run make up again: what was downloaded is kept",
        )
    end([str(UV), "pip", "install", "-r", str(lock)], made.stdout)


def compile_ahead(folder: Path) -> None:
    """Compiles an environment's modules, which steps in their sandboxes only read: a start then takes a third of the time."""
    python, (packages,) = str(folder / "bin" / "python"), folder.glob("lib/python3.*/site-packages")
    command = [python, "-m", "compileall", "-q", str(packages)]
    if tried(
        [*command, "-j", "0"]
    ).returncode:  # no shared memory for several processes, or a file that is no Python of this version
        tried(command)


def remove_tests(folder: Path) -> None:
    """Takes packages' own tests and C headers out of an environment, which no image needs: 250 MB with what would be compiled."""
    (packages,) = folder.glob("lib/python3.*/site-packages")
    for name in ("tests", "include"):
        for found in [one for one in packages.rglob(name) if one.is_dir()]:
            shutil.rmtree(str(found), ignore_errors=True)


def not_cached(lock: Path, python: str) -> List[str]:
    """The pins of a lock that uv's cache lacks."""
    pins = re.findall(r"^([\w.\[\]-]+==[^\s;\\]+)", lock.read_text(), re.MULTILINE)
    ask = [
        str(UV),
        "pip",
        "install",
        "--offline",
        "--dry-run",
        "--reinstall",
        "--no-deps",
        "--quiet",
        "--python",
        python,
    ]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return [pin for pin in pool.map(lambda pin: pin if tried([*ask, pin]).returncode else "", pins) if pin]


def environment(what: str, folder: Path, lock: Path, builders: Sequence[str] = ()) -> None:
    """One locked environment, every file checked by its hash."""
    text = digest(lock)
    if stamped(folder, "atrium", text):
        return
    with Stage(what):
        if cut_off(folder):
            fresh_environment(folder)
        with changing(folder, "atrium", text):
            if builders:
                part = folder / "builders.lock"
                part.write_text(only(lock.read_text(), builders))
                install(folder, part)
            install(folder, lock, *(["--no-build-isolation"] if builders else []))
            if IMAGE & set(sys.argv):
                remove_tests(folder)
            compile_ahead(folder)


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


def development() -> None:
    """What checks and tests use, into the platform's environment."""
    lock = CHECKOUT / "requirements-dev.lock"
    if stamped(PLATFORM, "dev", digest(lock)):
        return
    with Stage("what checks and tests use"), changing(PLATFORM, "dev", digest(lock)):
        install(PLATFORM, lock)
        compile_ahead(PLATFORM)


def checkout() -> None:
    """This checkout itself, its command and its words."""
    text = digest(CHECKOUT / "pyproject.toml", *sorted((CHECKOUT / "portal" / "words").glob("*.po")))
    if stamped(PLATFORM, "checkout", text):
        return
    python = str(PLATFORM / "bin" / "python")
    options = ["--quiet", "--offline", "--no-deps", "--no-build-isolation", "--python", python]
    with Stage("this checkout"), changing(PLATFORM, "checkout", text):
        run([str(UV), "pip", "install", *options, "-e", str(CHECKOUT)])
        run([python, "-c", "from portal.words import compile_words; compile_words()"])


def size_gib(folder: Path) -> float:
    """Size of a folder in GiB."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_symlink()) / GIB


@contextmanager
def alone() -> Iterator[None]:
    """Lets one set-up of this checkout run at a time; a second one waits."""
    with open(str(CHECKOUT / ".setup.lock"), "w") as file:
        os.set_inheritable(file.fileno(), True)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("  another set-up of this checkout runs; waiting for it", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> None:
    """Everything that is missing."""
    begun = time.monotonic()
    with alone():
        check_machine(installed=not cut_off(PLATFORM), starts=not IMAGE & set(sys.argv))
        fresh = cut_off(PLATFORM)
        tools()
        environment("the platform's packages", PLATFORM, CHECKOUT / "requirements.lock", BUILDERS)
        environment("Triton's packages", TRITON, CHECKOUT / "serving" / "triton" / "requirements.lock")
        if "--image-packages" in sys.argv:
            return
        if "--dev" in sys.argv:
            development()
        checkout()
    if fresh:
        print(f"  installed {size_gib(PLATFORM) + size_gib(TRITON):.2f} GiB in {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
