"""What each database does in its own way."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from sqlalchemy import URL, Engine
from sqlalchemy.exc import SQLAlchemyError

from atrium.errors import AtriumError, Conflict, Invalid, Unavailable

BUSY_SECONDS = 10


class DatabaseSilent(Unavailable):
    """The database cannot be reached, or ended the connection."""


class DatabaseRefuses(Unavailable):
    """The database answers, and lets us do nothing: a password, a name or a right is wrong."""


class DatabaseBusy(Unavailable):
    """Others held the database for longer than a change waits."""


class DatabaseFull(Unavailable):
    """The database's own disk is full."""

    status = 507


class TextRefused(Invalid):
    """A text that the database cannot keep."""


class NotEmpty(Conflict):
    """A database that is to be filled holds something."""


def busy(shown: str, seconds: float) -> DatabaseBusy:
    """The error that tells of it."""
    return DatabaseBusy(
        f"a change of the database {shown}",
        f"others held it for more than {seconds:g} seconds; nothing was changed",
        "do it again",
    )


class DatabaseDialect(Protocol):
    """One database, at one address."""

    url: URL
    """Its address, with the password; never shown."""

    shown: str
    """What it is, and where, without a password."""

    reading: Mapping[str, object]
    """Options of a transaction that only reads, by which it sees one snapshot."""

    def make_engine(self) -> Engine:
        """An engine whose transactions are short, and whose writers stand in one line.

        A transaction with the execution option `writes` holds the one write lock from its beginning to its end and waits for
        it the dialect's `busy_seconds` at most, so that what it reads nobody changes before it has written.
        """

    def explain(self, error: SQLAlchemyError, age: str) -> AtriumError | None:
        """What an error means to the caller, None where it is a defect of ours; `age` tells when the database last answered."""

    def address_of_schema(self, name: str) -> str:
        """Address at which another library's tables stand in the same database, apart from ours; empty where it is to have a file."""

    def making_schema(self, engine: Engine, name: str) -> AbstractContextManager[None]:
        """Makes that place where it is missing; of several replicas one at a time is inside the block, to make or change tables."""

    def keep_copy(self, folder: Path, name: str) -> Path | None:
        """A copy of everything as it is now, a file of mode 0600 in `folder`; None where this machine has nothing to make one with."""
