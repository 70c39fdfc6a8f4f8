"""What a backup holds: every file of the home but those that the platform makes again by itself."""

import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict

# The first names on a path in the home. Keys go apart, sealed; models for Triton, the front door's files and Prometheus's come anew.
MADE_AGAIN = frozenset(
    {"run", "logs", "door", "triton", "prometheus", "keys", "backups", "supervisord.conf", "times.txt"}
    | {"engine/etc", "engine/roots", "engine/tokens", "engine/keeper.journal"}
)
ARTIFACTS = ("artifacts", "engine/artifacts")
SQLITE, WAL_TAILS = b"SQLite format 3\0", ("-wal", "-shm", "-journal")
FORMAT = 1
MANIFEST, CHECKSUMS, SEALED_KEYS, FILES = "backup.json", "checksums.json", "keys.sealed", "home"
POSTGRESQL = "postgresql.dump"  # by pg_dump, where the platform's state is there


class Manifest(BaseModel):
    """The first entry of a backup. `referenced` holds the bytes of each artifact that was not copied and lies in the folder `home`.

    `postgresql` tells that the state is not among the home's files; `objects` names the object store that keeps artifacts, which stay there.
    """

    model_config = ConfigDict(extra="forbid")

    format: int
    version: str
    revision: str
    created_at: str
    home: str
    keys: bool
    referenced: dict[str, int] = {}
    postgresql: bool = False
    objects: str = ""


def files_of(home: Path, without: tuple[str, ...] = ()) -> Iterator[Path]:
    """Files and empty folders to keep, relative to the home: databases first, and of a Delta table its log before its data.

    So nothing that is named by what was read first is missing among what is read later.
    """
    yield from sorted(_walk(home, Path(), frozenset(without)), key=lambda path: not is_database(home / path))


def _walk(home: Path, folder: Path, without: frozenset[str]) -> Iterator[Path]:
    try:
        entries = list(os.scandir(home / folder))
    except FileNotFoundError:  # it has gone meanwhile
        return
    inside = sorted(entries, key=lambda one: (one.name != "_delta_log", one.name))
    if not inside and folder.name:
        yield folder
    for entry in inside:
        path = folder / entry.name
        if str(path) in MADE_AGAIN or str(path) in without or entry.name.endswith(WAL_TAILS):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(home, path, without)
        elif entry.is_file(follow_symlinks=False):
            yield path


def is_database(path: Path) -> bool:
    """Whether the file is one of SQLite's."""
    try:
        with path.open("rb") as file:
            return file.read(len(SQLITE)) == SQLITE
    except (FileNotFoundError, IsADirectoryError):
        return False
