"""Our own state: one database that the gate, REST, pages, worker and the plugins share by short transactions."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import DateTime, Dialect, Engine, MetaData, TypeDecorator, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Session

from atrium.home import get_home
from atrium.settings import get_settings
from atrium.storage import telling_of_full_disk

BUSY_SECONDS = 10
NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of every table; an area's tables stand in its `models.py`."""

    metadata = MetaData(naming_convention=NAMING)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, aware and in UTC on the Python side whatever the database keeps."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database: naive, in UTC. Raises ValueError for a naive moment, which has no meaning here."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; pass an aware datetime, like atrium.clock.now()")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """From the database: aware, in UTC."""
        return value.replace(tzinfo=UTC) if value is not None else None


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # SQLAlchemy's events below begin transactions themselves
    cursor = connection.cursor()
    synchronous = "FULL" if get_settings().power_safe else "NORMAL"
    for pragma in (
        "journal_mode=WAL",
        f"synchronous={synchronous}",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_SECONDS * 1000}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@lru_cache
def engine() -> Engine:
    """The process's engine on the database that the settings name, SQLite in the home by default."""
    url = get_settings().database_url or f"sqlite:///{get_home().database}"
    made = create_engine(url)
    if made.dialect.name == "sqlite":
        event.listen(made, "connect", _prepare_sqlite)
        event.listen(made, "begin", lambda connection: connection.exec_driver_sql(
            "BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN"))  # fmt: skip
    return made


@contextmanager
def reading() -> Iterator[Session]:
    """A session that only reads, on one snapshot."""
    with Session(engine(), expire_on_commit=False) as session:
        yield session


@contextmanager
def writing() -> Iterator[Session]:
    """A session that holds the write lock from start to commit; keep it short, others wait 10 seconds for it.

    Raises:
        StorageFull: the disk is full; the transaction left nothing behind.
    """
    with (
        telling_of_full_disk("a change of the platform's database"),
        Session(engine().execution_options(writes=True), expire_on_commit=False) as session,
        session.begin(),
    ):
        yield session


def snapshot(source: Path, target: Path) -> None:
    """Copies an SQLite file as it is at one moment, while others write to it; the copy (mode 0600) is checked. Raises sqlite3.DatabaseError."""
    target.touch(mode=0o600)
    with closing(sqlite3.connect(source)) as there, closing(sqlite3.connect(target)) as copy:
        there.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
        if (said := copy.execute("PRAGMA quick_check").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(f"{source}: {said}")


def create_all() -> None:
    """Makes every table whose module was imported; for tests, since a home's tables come from the migrations."""
    Base.metadata.create_all(engine())
