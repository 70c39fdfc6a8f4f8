"""PostgreSQL, for several replicas: the same transactions as on one file, by a snapshot for readers and one lock for writers."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError, TimeoutError

from atrium.dialects.protocol import (
    BUSY_SECONDS,
    DatabaseFull,
    DatabaseRefuses,
    DatabaseSilent,
    NotEmpty,
    TextRefused,
    busy,
)
from atrium.errors import AtriumError

WRITERS, MAKERS = 0x61747269, 0x61747270  # numbers of advisory locks, within one database
POOL, MORE, CONNECT_SECONDS = 3, 7, 10
KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 20_000}
TURN = "SELECT set_config('lock_timeout', '{milliseconds}ms', true), pg_advisory_xact_lock({lock})"
TABLES = "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
# https://www.postgresql.org/docs/current/errcodes-appendix.html
LOCK_NOT_AVAILABLE, TOO_MANY_CONNECTIONS, DISK_FULL, TOO_LONG = "55P03", "53300", "53100", "22001"
REFUSED = ("28", "3D", "42501", "25006")  # authorization, no such database, no right, a standby that only reads
GONE = ("08", "57P")  # connection exceptions, shutdown


class PostgreSQL:
    """The state of a platform with several replicas."""

    reading: Mapping[str, object]

    def __init__(self, url: URL, busy_seconds: float = BUSY_SECONDS) -> None:
        self.url, self.busy_seconds = url, busy_seconds
        self.reading = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self.shown = f"PostgreSQL {url.host or 'on this machine'}:{url.port or 5432}/{url.database or ''}"

    def make_engine(self) -> Engine:
        """See `DatabaseDialect`; a connection that died while nobody used it is replaced without a word."""
        made = create_engine(
            self.url, pool_pre_ping=True, pool_size=POOL, max_overflow=MORE, pool_timeout=BUSY_SECONDS,
            connect_args={"connect_timeout": CONNECT_SECONDS, "application_name": "atrium", **KEEPALIVE},
        )  # fmt: skip
        event.listen(made, "begin", self._take_turn)
        return made

    def _take_turn(self, connection: Connection) -> None:
        if connection.get_execution_options().get("writes"):
            connection.exec_driver_sql(TURN.format(milliseconds=int(self.busy_seconds * 1000), lock=WRITERS))

    def explain(self, error: SQLAlchemyError, age: str) -> AtriumError | None:
        """See `DatabaseDialect`."""
        if isinstance(error, TimeoutError):
            return busy(self.shown, self.busy_seconds)
        if not isinstance(error, DBAPIError):
            return None
        code, said = str(getattr(error.orig, "sqlstate", None) or ""), " ".join(str(error.orig).split())[:300]
        if code in (LOCK_NOT_AVAILABLE, TOO_MANY_CONNECTIONS):
            return busy(self.shown, self.busy_seconds)
        if code == DISK_FULL:
            return DatabaseFull(
                f"a change of the database {self.shown}: its disk is full",
                "writing needs room; what was kept before is kept",
                "free room on the database's own machine, then do it again: nothing must be restarted",
            )
        if code == TOO_LONG or "NUL (0x00)" in said:
            return TextRefused(
                f"a text that the database cannot keep: {said}",
                "texts without NUL characters, and within their length",
                "shorten it, or leave the character out",
            )
        if code.startswith(REFUSED) or (not code and any(word in said for word in ("FATAL:", "no password supplied"))):
            return self._refuses(said)
        unreached = isinstance(error, OperationalError) and not code
        return self._silent(said, age) if unreached or code.startswith(GONE) or error.connection_invalidated else None

    def _refuses(self, said: str) -> DatabaseRefuses:
        return DatabaseRefuses(
            f"the database {self.shown} refuses user {self.url.username or ''!r}: {said}",
            "a user with that password, who owns that database on a server that may be written to",
            "mend ATRIUM_DATABASE_URL, or its file, or create user and database; docs/storage.md has the commands",
        )

    def _silent(self, said: str, age: str) -> DatabaseSilent:
        return DatabaseSilent(
            f"the database {self.shown} does not answer ({age}): {said}",
            "it must be reachable from here; what was written before is kept",
            "start it, or mend ATRIUM_DATABASE_URL; nothing here must be restarted",
        )

    def address_of_schema(self, name: str) -> str:
        """See `DatabaseDialect`."""
        options = " ".join([*self.url.normalized_query.get("options", ()), f"-csearch_path={name}"])
        return self.url.update_query_dict({"options": options}).render_as_string(hide_password=False)

    @contextmanager
    def making_schema(self, engine: Engine, name: str) -> Iterator[None]:
        """See `DatabaseDialect`."""
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({MAKERS})")
            try:
                connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {name}")
                yield
            finally:
                connection.exec_driver_sql(f"SELECT pg_advisory_unlock({MAKERS})")

    def keep_copy(self, folder: Path, name: str) -> Path | None:
        """See `DatabaseDialect`; made by pg_dump, restored by pg_restore. Raises `DatabaseRefuses` where pg_dump cannot."""
        target = folder / f"{name}.dump"
        target.touch(mode=0o600)
        said = self._run("pg_dump", "--format=custom", f"--file={target}")
        if said is None:
            target.unlink()
            return None
        if said:
            target.unlink()
            raise DatabaseRefuses(
                f"a copy of the database {self.shown}: {said[:300]}",
                "a pg_dump that is not older than the server, and room for the copy",
                "install the server's version of postgresql-client, or take pg_dump off the path and back up by other means",
            )
        return target

    def fill_from_copy(self, copy: Path) -> None:
        """Fills the empty database with what `keep_copy` made, by pg_restore, all of it or nothing.

        Raises:
            NotEmpty: there are tables already; DatabaseRefuses: it cannot be read in, with the program's words.
        """
        asked = self.make_engine()
        try:
            with asked.connect() as connection:
                tables = connection.exec_driver_sql(TABLES).scalars().all()
        finally:
            asked.dispose()
        if tables:
            raise NotEmpty(
                f"a restore into the database {self.shown}, which has tables: {', '.join(tables[:3])}",
                "an empty database",
                "make one and name it in ATRIUM_DATABASE_URL; docs/storage.md has the commands",
            )
        said = self._run(
            "pg_restore",
            "--no-owner",
            "--no-privileges",
            "--single-transaction",
            "--exit-on-error",
            str(copy),
            by="--dbname",
        )
        if said is None or said:
            raise DatabaseRefuses(
                f"a restore into the database {self.shown}: {(said or 'there is no pg_restore on this machine')[:300]}",
                "a pg_restore that is not older than the one that made the copy, and an owner of the database",
                "install postgresql-client; nothing was changed",
            )

    def _run(self, program: str, *words: str, by: str = "") -> str | None:
        """Why one of PostgreSQL's programs failed, empty where it did not; None where there is none. Its password is in no process list."""
        found, to = shutil.which(program), self.url
        if found is None:
            return None
        address = URL.create(
            "postgresql", to.username, None, to.host, to.port, to.database, to.query
        ).render_as_string()
        secret = {"PGPASSWORD": to.password} if to.password else {}
        done = subprocess.run(
            [found, "--no-password", *words, f"{by}={address}" if by else address],
            env={**os.environ, **secret}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.stderr.strip() or "it failed without a word" if done.returncode else ""
