"""A PostgreSQL server of the tests' own, in a temporary folder: real, quick to start, and nobody else's."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
import pytest

USER, PASSWORD = "atrium", "p@ss word/1"
HURRY = "-c fsync=off -c full_page_writes=off -c max_connections=200 -c shared_buffers=32MB"


def binaries() -> Path:
    """Folder of initdb and pg_ctl. Skips where PostgreSQL is not installed; in CI it must be."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    where = found[-1] if found else shutil.which("initdb")
    if not where:
        assert os.environ.get("CI") != "true", "no PostgreSQL on this machine: apt-get install postgresql"
        pytest.skip("no PostgreSQL on this machine: apt-get install postgresql")
    return Path(where).parent


def _unprivileged() -> int | None:
    """PostgreSQL does not run as root: the user that its package made, or nobody."""
    if os.getuid():
        return None
    try:
        return pwd.getpwnam("postgres").pw_uid
    except KeyError:
        return pwd.getpwnam("nobody").pw_uid


@dataclass
class Postgres:
    """A running server; `address` gives a database of it to SQLAlchemy."""

    folder: Path
    port: int
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def run(self, program: str, *arguments: str) -> None:
        """One of PostgreSQL's own programs, as the user that it may run as."""
        done = subprocess.run(
            [str(binaries() / program), *arguments], user=_unprivileged(), cwd=self.folder, capture_output=True, text=True,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        options = f"{HURRY} -c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories={self.folder}"
        self.run("pg_ctl", "-D", "data", "-w", "-t", "120", "-l", "log", "-o", options, "start")

    def stop(self) -> None:
        """At once, as if it were killed."""
        self.run("pg_ctl", "-D", "data", "-w", "-t", "120", "-m", "immediate", "stop")

    def address(self, name: str, user: str = USER, password: str = PASSWORD) -> str:
        from sqlalchemy import URL

        made = URL.create("postgresql+psycopg", user, password, "127.0.0.1", self.port, name)
        return made.render_as_string(hide_password=False)

    def tell(self, *statements: str) -> None:
        """Runs statements as the server's own administrator."""
        with psycopg.connect(
            host=str(self.folder), port=self.port, user="boss", dbname="postgres", autocommit=True
        ) as said:
            for one in statements:
                said.execute(one.encode())

    def database(self, template: str = "template0") -> str:
        """A new database's name; a copy of another where it is named, which nobody may use meanwhile."""
        name = f"atrium_{next(self.numbers)}"
        self.tell(f"CREATE DATABASE {name} OWNER {USER} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        self.tell(f"DROP DATABASE {name} WITH (FORCE)")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A server with the user `atrium`, who must show a password over TCP; gone at the end."""
    binaries()
    folder = Path(tempfile.mkdtemp(prefix="atrium-postgres-"))
    made = Postgres(folder, _free_port())
    if (user := _unprivileged()) is not None:
        os.chown(folder, user, -1)
    try:
        made.run("initdb", "-D", "data", "-U", "boss", "--encoding=UTF8", "--locale=C.UTF-8", "--auth-local=trust",
                 "--auth-host=scram-sha-256", "--no-sync", "--no-instructions")  # fmt: skip
        made.start()
        try:
            made.tell(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'")
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(folder)
