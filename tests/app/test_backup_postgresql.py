"""Backups of a platform whose state is in PostgreSQL: restored into an empty home and an empty database, or told why not."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres import Postgres
from small_platform import own_home_in
from sqlalchemy import text

import tenancy
from app.backup.restoring import BackupUnusable, restore_backup
from app.backup.writing import BackupRefused, write_backup
from app.migrate import upgrade
from atrium.database import engine
from atrium.dialects.protocol import NotEmpty
from atrium.home import get_home
from atrium.identity import platform_actor

ROOT, PASSPHRASE = platform_actor("test"), "four random words here"
SOURCE = '{{"uri": "{}/projects/flights/data/x"}}'


@pytest.fixture(scope="module")
def there(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A backup of a platform with a user, a project, a secret, a file and a row of MLflow's; and that platform's database."""
    name, made = postgres.database(), tmp_path_factory.mktemp("backup") / "all.tar.gz"
    with own_home_in(tmp_path_factory.mktemp("home"), ATRIUM_DATABASE_URL=postgres.address(name)):
        upgrade()
        tenancy.create_user(ROOT, "ada", "correct horse battery")
        tenancy.create_project(ROOT, "flights")
        tenancy.set_secret(ROOT, "flights", "word", "swordfish")
        (get_home().data("flights") / "kept").write_text("a file")
        with engine().begin() as connection:
            connection.execute(text("CREATE SCHEMA mlflow"))
            connection.execute(text("CREATE TABLE mlflow.datasets (dataset_source text)"))
            connection.execute(text("INSERT INTO mlflow.datasets VALUES (:it)"), {"it": SOURCE.format(get_home().root)})
        write_backup(ROOT, made, PASSPHRASE)
    yield made, name
    postgres.drop(name)


def test_everything_is_there_in_an_empty_home_and_database(
    there: tuple[Path, str], postgres: Postgres, tmp_path: Path
) -> None:
    name = postgres.database()
    with own_home_in(tmp_path, ATRIUM_DATABASE_URL=postgres.address(name)):
        restore_backup(ROOT, there[0], PASSPHRASE)
        assert tenancy.read_secrets("flights") == {"word": "swordfish"}
        assert (get_home().data("flights") / "kept").read_text() == "a file"
        assert tenancy.list_audit(ROOT, None).items[0].action == "platform.restore"
        with engine().connect() as connection:
            moved = connection.execute(text("SELECT dataset_source FROM mlflow.datasets")).scalar_one()
        assert moved == SOURCE.format(tmp_path)
        assert not get_home().database.exists()
    postgres.drop(name)


def test_a_database_with_tables_is_not_filled_and_the_home_stays_empty(
    there: tuple[Path, str], postgres: Postgres, tmp_path: Path
) -> None:
    with own_home_in(tmp_path, ATRIUM_DATABASE_URL=postgres.address(there[1])):
        with pytest.raises(NotEmpty, match=r"mlflow\.datasets"):
            restore_backup(ROOT, there[0], PASSPHRASE)
        with engine().connect() as connection:
            assert connection.execute(text("SELECT name FROM projects")).scalars().all() == ["flights"]
    assert list(tmp_path.iterdir()) == []


def test_a_backup_of_the_other_kind_of_database_is_refused(there: tuple[Path, str], tmp_path: Path) -> None:
    with own_home_in(tmp_path), pytest.raises(BackupUnusable, match="PostgreSQL"):
        restore_backup(ROOT, there[0], PASSPHRASE)
    assert list(tmp_path.iterdir()) == []


def test_without_pg_dump_a_backup_is_refused_and_leaves_nothing(
    there: tuple[Path, str], postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "home").mkdir()
    with (
        own_home_in(tmp_path / "home", ATRIUM_DATABASE_URL=postgres.address(there[1])),
        pytest.raises(BackupRefused, match="pg_dump"),
    ):
        write_backup(ROOT, tmp_path / "all.tar.gz", PASSPHRASE)
    assert [one.name for one in tmp_path.iterdir()] == ["home"]
