"""What differs between the databases that our state may be in: a file of SQLite, or PostgreSQL."""

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from atrium.dialects.postgresql import PostgreSQL
from atrium.dialects.protocol import BUSY_SECONDS, DatabaseBusy, DatabaseDialect, DatabaseRefuses, DatabaseSilent
from atrium.dialects.sqlite import SQLite
from atrium.errors import SettingInvalid

__all__ = [
    "BUSY_SECONDS",
    "DatabaseBusy",
    "DatabaseDialect",
    "DatabaseRefuses",
    "DatabaseSilent",
    "PostgreSQL",
    "address_of",
    "dialect_of",
]


def address_of(text: str) -> URL:
    """A database's address, read; PostgreSQL's with the driver that is installed. Raises `SettingInvalid`, without the password."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise SettingInvalid(
            "ATRIUM_DATABASE_URL, or what its file holds",
            "an address like postgresql+psycopg://user:password@host:5432/atrium, special characters of the password as %40 and the like",
            "mend it; docs/storage.md tells how",
        ) from None
    return url.set(drivername="postgresql+psycopg") if url.get_backend_name() == "postgresql" else url


def dialect_of(url: URL, busy_seconds: float = BUSY_SECONDS) -> DatabaseDialect:
    """The one that answers at this address; a writer waits `busy_seconds` for those before it."""
    kind = PostgreSQL if url.get_backend_name() == "postgresql" else SQLite
    return kind(url, busy_seconds)
