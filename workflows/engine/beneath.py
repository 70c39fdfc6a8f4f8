"""Files below a folder that steps write to, opened part by part: no link that is swapped in meanwhile leads anywhere else."""

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from errno import EINVAL, ELOOP, ENAMETOOLONG
from pathlib import Path
from typing import BinaryIO

FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
DEEPEST = 200


@dataclass(frozen=True)
class Spot:
    """A place below a folder: `base` is where a root or a mount begins, `below` the path in it, of which no part is a link.

    `shared` tells that others than the container itself may write there while the server does.
    """

    base: Path
    below: str = ""
    shared: bool = False

    @property
    def path(self) -> Path:
        """Where it lies; what is there may be another thing at the next look."""
        return self.base / self.below


@dataclass(frozen=True)
class Entry:
    """A folder, a file (open, at its begin) or a link of a tree, by its path in it; the tree's top has the path ``""``."""

    path: str
    about: os.stat_result
    file: BinaryIO | None = None
    link: str | None = None


@contextlib.contextmanager
def _folder(spot: Spot, make: bool = False) -> Iterator[tuple[int, str]]:
    """The folder around a spot, open, and the spot's name in it; ``.`` for the base itself."""
    *above, name = [one for one in spot.below.split("/") if one] or ["."]
    here = os.open(spot.base, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in above:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, dir_fd=here)
            following = os.open(part, FOLDER, dir_fd=here)
            os.close(here)
            here = following
        yield here, name
    finally:
        os.close(here)


@contextlib.contextmanager
def opened(spot: Spot) -> Iterator[int]:
    """A descriptor of the file or folder there. Raises `FileNotFoundError` also where a part of the path became a link."""
    try:
        if not spot.below and not spot.base.is_dir():  # a lone file that is mounted
            found = os.open(spot.base, FILE & ~os.O_NOFOLLOW)
        else:
            with _folder(spot) as (folder, name):
                found = os.open(name, FILE, dir_fd=folder)
    except OSError as error:
        if error.errno == ELOOP or isinstance(error, NotADirectoryError):
            raise FileNotFoundError(*error.args) from error
        raise
    try:
        yield found
    finally:
        os.close(found)


def entries(descriptor: int, path: str = "") -> Iterator[Entry]:
    """What a tree holds, a folder before what is in it; pipes, sockets and devices are passed over.

    Raises `OSError`: it is deeper than any archive is to be, or changed meanwhile.
    """
    about = os.fstat(descriptor)
    if stat.S_ISREG(about.st_mode):
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            yield Entry(path, about, file)
    elif stat.S_ISDIR(about.st_mode):
        yield Entry(path, about)
        if path.count("/") > DEEPEST:
            raise OSError(ENAMETOOLONG, f"more than {DEEPEST} folders, one in the other", path[-100:])
        for name in sorted(os.listdir(descriptor)):
            yield from _inner(descriptor, name, f"{path}/{name}" if path else name)
    elif not path:
        raise OSError(EINVAL, "neither a file nor a folder")


def _inner(folder: int, name: str, path: str) -> Iterator[Entry]:
    about = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISLNK(about.st_mode):
        yield Entry(path, about, link=os.readlink(name, dir_fd=folder))
    elif stat.S_ISREG(about.st_mode) or stat.S_ISDIR(about.st_mode):
        inner = os.open(name, FILE, dir_fd=folder)
        try:
            yield from entries(inner, path)
        finally:
            os.close(inner)


def make_around(spot: Spot) -> None:
    """Makes the folders in which the spot is to lie. Raises `OSError` where a link is in the way."""
    with _folder(spot, make=True):
        pass


def lay(source: Path, spot: Spot) -> None:
    """Copies a file or folder of the server's own to a spot; a folder that is there is filled up. Raises `OSError`."""
    with _folder(spot, make=True) as (folder, name):
        _lay(source, folder, name)


def _lay(source: Path, folder: int, name: str) -> None:
    if source.is_dir() and not source.is_symlink():
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, stat.S_IMODE(source.stat().st_mode), dir_fd=folder)
        inner = os.open(name, FILE | os.O_DIRECTORY, dir_fd=folder)
        try:
            for one in source.iterdir():
                _lay(one, inner, one.name)
        finally:
            os.close(inner)
        return
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
    if source.is_symlink():
        os.symlink(source.readlink(), name, dir_fd=folder)
        return
    made = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    with source.open("rb") as content, os.fdopen(made, "wb") as file:
        shutil.copyfileobj(content, file)
        os.fchmod(file.fileno(), stat.S_IMODE(source.stat().st_mode))
