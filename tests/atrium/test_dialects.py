"""Our state on each database: who waits for whom, who sees what, and what is said where it does not work."""

import os
import subprocess
import threading
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from postgres import PASSWORD, Postgres
from small_platform import forget_settings, free_port
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from support import ATRIUM

from app.doctor import Verdict, _database
from app.migrate import present_revision, step_back, upgrade
from atrium.clock import now
from atrium.database import dialect, reading, writing
from atrium.dialects import DatabaseBusy, DatabaseRefuses, DatabaseSilent, address_of, dialect_of
from atrium.dialects.protocol import TextRefused
from atrium.errors import SettingInvalid
from atrium.events import CursorRow
from atrium.identity import platform_actor
from atrium.settings import get_settings
from serving.models import FigureRow
from tenancy.gate.app import create_app
from tenancy.models import ProjectRow

ON_BOTH_DATABASES = True
on_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


def count_up() -> None:
    """Reads a number and writes the next one, as two processes might at once."""
    with writing() as session:
        row = session.get(CursorRow, "n")
        if row is None:
            session.add(CursorRow(consumer="n", last_id=1))
        else:
            row.last_id += 1


def counted() -> int:
    with reading() as session:
        return session.scalar(select(CursorRow.last_id).where(CursorRow.consumer == "n")) or 0


def test_writers_stand_in_one_line_so_that_no_change_is_lost(own_home: Path) -> None:
    threads = [threading.Thread(target=lambda: [count_up() for _ in range(5)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted() == 20


def test_a_reader_keeps_its_snapshot_and_waits_for_no_writer(own_home: Path) -> None:
    count_up()
    with reading() as session:
        assert session.scalar(select(CursorRow.last_id)) == 1
        count_up()
        assert session.scalar(select(CursorRow.last_id)) == 1
    with writing() as session:
        session.add(CursorRow(consumer="other", last_id=7))
        session.flush()
        assert counted() == 2


def test_a_change_that_fails_leaves_nothing(own_home: Path) -> None:
    with pytest.raises(RuntimeError), writing() as session:
        session.add(CursorRow(consumer="n", last_id=5))
        session.flush()
        raise RuntimeError
    assert counted() == 0


def test_who_waits_too_long_for_the_others_is_told_so(own_home: Path) -> None:
    other = dialect_of(dialect().url, busy_seconds=0.05)
    hurried = other.make_engine().execution_options(writes=True)
    try:
        with writing() as session:
            session.get(CursorRow, "n")
            with pytest.raises(OperationalError) as told, hurried.begin():
                pass
    finally:
        hurried.dispose()
    assert isinstance(said := other.explain(told.value, ""), DatabaseBusy) and "nothing was changed" in said.allowed


def test_figures_of_services_survive_a_step_back_and_forth(own_home: Path) -> None:
    counts = {"succeeded": 5, "refused": 2, "failed": 1, "rows": 5, "total_microseconds": 9}
    with writing() as session:
        session.add(FigureRow(project="flights", service="late", minute=now(), **counts))
    step_back(platform_actor("test"), "counter_replicas")
    upgrade()
    with reading() as session:
        kept = session.scalars(select(FigureRow)).one()
    assert (kept.succeeded, kept.refused, kept.failed) == (5, 0, 3)  # counted together in between


@on_postgresql
def test_a_step_back_and_forth_keeps_rows_and_leaves_a_dump(own_home: Path) -> None:
    newest = present_revision()
    count_up()
    step_back(platform_actor("test"), "0001")
    upgrade()
    assert (present_revision(), counted()) == (newest, 1)
    dumps = sorted((own_home / "backups").iterdir())
    assert len(dumps) == 2 and all(path.stat().st_mode & 0o077 == 0 for path in dumps)
    listed = subprocess.run(["pg_restore", "--list", str(dumps[0])], capture_output=True, text=True, check=True).stdout
    assert "TABLE DATA public event_cursors" in listed


@on_postgresql
@pytest.mark.parametrize("name", ["a\0b", "x" * 31])
def test_a_text_that_cannot_be_kept_is_the_askers_mistake(own_home: Path, name: str) -> None:
    with pytest.raises(TextRefused), writing() as session:
        session.add(ProjectRow(name=name, title="t", created_by="ada", created_at=now()))


@on_postgresql
def test_a_server_that_goes_and_comes_back_is_told_of_with_its_age(own_home: Path, postgres: Postgres) -> None:
    count_up()
    postgres.stop()
    try:
        with pytest.raises(DatabaseSilent, match=r"its last answer came \d+ s ago"):
            counted()
        answer = TestClient(create_app(), raise_server_exceptions=False).post(
            "/auth/login", data={"name": "ada", "password": "x" * 12}, headers={"Origin": "http://testserver"}
        )
        assert answer.status_code == 503
        assert answer.json()["error"] == "DatabaseSilent"
        assert (_database().verdict, "does not answer" in _database().found) == (Verdict.BAD, True)
    finally:
        postgres.start()
    count_up()
    assert counted() == 2
    assert _database().verdict is Verdict.OK


@on_postgresql
@pytest.mark.parametrize(
    ("user", "password", "name"), [("atrium", "wrong", ""), ("nobody", "x", ""), ("atrium", "", "nowhere")]
)
def test_a_wrong_password_user_or_name_is_told_without_the_password(
    own_home: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch, user: str, password: str, name: str
) -> None:  # fmt: skip
    right = dialect().url.database or ""
    monkeypatch.setenv("ATRIUM_DATABASE_URL", postgres.address(name or right, user, password or PASSWORD))
    forget_settings()
    with pytest.raises(DatabaseRefuses, match=f"refuses user '{user}'") as told:
        counted()
    assert "ATRIUM_DATABASE_URL" in told.value.next_step and PASSWORD not in str(told.value)


@on_postgresql
def test_starting_tells_in_three_parts_what_is_wrong_with_the_database(
    own_home: Path, postgres: Postgres, tmp_path: Path
) -> None:
    secret = tmp_path / "address"
    secret.write_text(postgres.address("nowhere", password="not-the-password") + "\n")
    state = {"ATRIUM_DATABASE_URL_FILE": str(secret), "ATRIUM_DATABASE_URL": ""}
    environment = {**os.environ, **state, "ATRIUM_PORT": str(free_port())}
    done = subprocess.run(
        [str(ATRIUM), "up"], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert "password authentication failed" in done.stderr and "not-the-password" not in done.stdout + done.stderr
    assert "allowed:" in done.stderr and "next:    mend ATRIUM_DATABASE_URL" in done.stderr


def test_an_address_is_read_or_refused_without_its_password(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert (
        address_of("postgresql://a:b%40c@h/n").render_as_string(hide_password=False)
        == "postgresql+psycopg://a:b%40c@h/n"
    )
    with pytest.raises(SettingInvalid) as told:
        address_of("postgresql://a:secret@h:port/n")
    assert "secret" not in str(told.value)
    monkeypatch.setenv("ATRIUM_DATABASE_URL", "mysql://a:secret@h/n")
    forget_settings()
    with pytest.raises(SettingInvalid, match=r"'mysql://\*\*\*@h/n'"):
        get_settings()
    monkeypatch.setenv("ATRIUM_DATABASE_URL", "postgresql://a@h/n")
    monkeypatch.setenv("ATRIUM_DATABASE_URL_FILE", str(tmp_path / "none"))
    forget_settings()
    with pytest.raises(SettingInvalid, match="both set"):
        _ = get_settings().database
    monkeypatch.undo()
    forget_settings()
