"""Our own state: one database that the gate, REST, pages, worker and the plugins share by short transactions."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import DateTime, Dialect, Engine, MetaData, TypeDecorator
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Session

from atrium.dialects import DatabaseDialect, address_of, dialect_of
from atrium.home import get_home
from atrium.settings import get_settings
from atrium.storage import telling_of_full_disk

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


@lru_cache
def dialect() -> DatabaseDialect:
    """The database that the settings name, SQLite in the home by default."""
    return dialect_of(address_of(get_settings().database or f"sqlite:///{get_home().database}"))


@lru_cache
def engine() -> Engine:
    """The process's engine on it."""
    return dialect().make_engine()


class _Answered:
    """When the database last answered this process."""

    at = 0.0

    def age(self) -> str:
        return f"its last answer came {time.monotonic() - self.at:.0f} s ago" if self.at else "it has not answered yet"


_answered = _Answered()


@contextmanager
def in_words() -> Iterator[None]:
    """Turns what the database refuses inside the block into words: `DatabaseSilent`, `DatabaseRefuses`, `DatabaseBusy` and the like."""
    try:
        yield
    except SQLAlchemyError as error:
        if known := dialect().explain(error, _answered.age()):
            raise known from error
        raise
    _answered.at = time.monotonic()


@contextmanager
def reading() -> Iterator[Session]:
    """A session that only reads, on one snapshot. Raises `DatabaseSilent`, `DatabaseRefuses`."""
    with in_words(), Session(engine().execution_options(**dialect().reading), expire_on_commit=False) as session:
        yield session


@contextmanager
def writing() -> Iterator[Session]:
    """A session that holds the write lock from its first statement to commit; keep it short, others wait 10 seconds for it.

    Raises:
        StorageFull: the disk is full; DatabaseBusy, DatabaseSilent, DatabaseRefuses. The transaction left nothing behind.
    """
    with (
        in_words(),
        telling_of_full_disk("a change of the platform's database"),
        Session(engine().execution_options(writes=True), expire_on_commit=False) as session,
        session.begin(),
    ):
        yield session


def create_all() -> None:
    """Makes every table whose module was imported; for tests, since a home's tables come from the migrations."""
    Base.metadata.create_all(engine())
