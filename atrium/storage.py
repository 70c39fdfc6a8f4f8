"""A full disk, told as what it is: whatever library was writing, one error with the next step."""

import errno
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import OperationalError

from atrium.errors import Unavailable
from atrium.home import get_home

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
SQLITES_WORDS = ("disk is full", "disk I/O error")
NEARLY_NOTHING_BYTES = 4 * 1024 * 1024
MIB = 1024 * 1024


class StorageFull(Unavailable):
    """The disk of the home folder is full; nothing was changed."""

    status = 507


def storage_full(what: str) -> StorageFull:
    """The error that tells of it; `what` names what was to be written."""
    root = get_home().root
    return StorageFull(
        f"{what}: the disk of {root} is full ({shutil.disk_usage(root).free / MIB:.1f} MiB are left)",
        "writing needs room; what was kept before is kept",
        "free some room (delete old runs, artifacts or logs), then do it again: nothing must be restarted",
    )


def nearly_full() -> bool:
    """Whether less than 4 MiB are left for the home."""
    return shutil.disk_usage(get_home().root).free < NEARLY_NOTHING_BYTES


def is_full(error: BaseException | None) -> bool:
    """Whether an error, or what caused it, says that the disk is full."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        told = error.orig if isinstance(error, OperationalError) else error
        if isinstance(told, sqlite3.OperationalError) and any(words in str(told) for words in SQLITES_WORDS):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def telling_of_full_disk(what: str) -> Iterator[None]:
    """Turns a write inside the block that found no room into `StorageFull`."""
    try:
        yield
    except (OSError, OperationalError) as error:
        if is_full(error):
            raise storage_full(what) from error
        raise
