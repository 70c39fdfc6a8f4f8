"""One file in the home, in WAL mode, that several processes share by short transactions."""

import sqlite3
from collections.abc import Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import OperationalError, SQLAlchemyError, TimeoutError

from atrium.dialects.protocol import BUSY_SECONDS, busy
from atrium.errors import AtriumError
from atrium.settings import get_settings


class SQLite:
    """The state of one machine."""

    reading: Mapping[str, object]

    def __init__(self, url: URL, busy_seconds: float = BUSY_SECONDS) -> None:
        self.url, self.busy_seconds, self.reading = url, busy_seconds, {}
        self.shown = f"SQLite {url.database}"

    def make_engine(self) -> Engine:
        """See `DatabaseDialect`."""
        made = create_engine(self.url)
        event.listen(made, "connect", self._prepare)
        event.listen(made, "begin", lambda connection: connection.exec_driver_sql(
            "BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN"))  # fmt: skip
        return made

    def explain(self, error: SQLAlchemyError, age: str) -> AtriumError | None:
        """See `DatabaseDialect`. A full disk is told by whoever writes (`atrium.storage`)."""
        locked = isinstance(error, OperationalError) and "locked" in str(error.orig)
        return busy(self.shown, self.busy_seconds) if locked or isinstance(error, TimeoutError) else None

    def address_of_schema(self, name: str) -> str:
        """See `DatabaseDialect`."""
        return ""

    def making_schema(self, engine: Engine, name: str) -> AbstractContextManager[None]:
        """See `DatabaseDialect`."""
        return nullcontext()

    def keep_copy(self, folder: Path, name: str) -> Path:
        """See `DatabaseDialect`."""
        target = folder / f"{name}.db"
        snapshot(Path(self.url.database or ""), target)
        return target

    def _prepare(self, connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the events begin transactions themselves
        cursor = connection.cursor()
        synchronous = "FULL" if get_settings().power_safe else "NORMAL"
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            "foreign_keys=ON",
            f"busy_timeout={int(self.busy_seconds * 1000)}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


def snapshot(source: Path, target: Path) -> None:
    """Copies an SQLite file as it is at one moment, while others write to it; the copy (mode 0600) is checked. Raises sqlite3.DatabaseError."""
    target.touch(mode=0o600)
    with closing(sqlite3.connect(source)) as there, closing(sqlite3.connect(target)) as copy:
        there.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
        if (said := copy.execute("PRAGMA quick_check").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(f"{source}: {said}")
