"""One whole platform for the session: its own home and ports, started from this checkout, with the examples live."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from postgres import Postgres, running_postgres
from support import ATRIUM, CHECKOUT, PASSWORD, Platform
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

sys.path.insert(0, str(CHECKOUT / "tests" / "serving"))

from small_platform import free_port

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what the processes of tests import is compiled once
settings.register_profile("atrium", deadline=None)  # what a busy machine needs for one example says nothing of the code
settings.load_profile("atrium")


LONGEST_FIRST = ("tests/e2e", "tests/workflows/engine", "tests/examples", "tests/serving", "tests/app")


def folder_of(nodeid: str) -> str:
    return nodeid.partition("::")[0].rpartition("/")[0]


class ByFolder(LoadScopeScheduling):
    """Shares folders of tests out to several processes, so that what a folder's tests share is started once."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        config.option.loadscopereorder = False  # the order is that of `pytest_collection_modifyitems`
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return folder_of(nodeid)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long folders first, so that no process is left alone with one at the end."""
    rank = {folder: place for place, folder in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: rank.get(folder_of(item.nodeid), len(rank)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFolder:
    return ByFolder(config, log)


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The platform with both examples live; stopped at the end."""
    home, port = tmp_path_factory.mktemp("platform"), free_port()
    environment = {**os.environ, "ATRIUM_HOME": str(home), "ATRIUM_PORT": str(port), "ATRIUM_ADMIN_PASSWORD": PASSWORD}
    made = Platform(f"http://localhost:{port}", home, environment)
    try:
        made.atrium("up")
        yield made
    finally:
        subprocess.run([str(ATRIUM), "down"], env=environment, capture_output=True, timeout=120, check=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL server for the session; skips, by name, where none is installed."""
    with running_postgres() as made:
        yield made


@pytest.fixture(scope="session")
def migrated(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of a database with our tables, of which each test gets a copy."""
    name = postgres.database()
    environment = {
        **os.environ,
        "ATRIUM_HOME": str(tmp_path_factory.mktemp("m")),
        "ATRIUM_DATABASE_URL": postgres.address(name),
    }
    subprocess.run(
        [sys.executable, "-c", "from app.migrate import upgrade; upgrade()"], env=environment, cwd=CHECKOUT, check=True
    )
    return name


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests of our state run on both databases where their module says `ON_BOTH_DATABASES = True`."""
    chosen = any("database" in str(mark.args[0]).split(",") for mark in metafunc.definition.iter_markers("parametrize"))
    if getattr(metafunc.module, "ON_BOTH_DATABASES", False) and "database" in metafunc.fixturenames and not chosen:
        metafunc.parametrize("database", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """What `own_home` keeps its state in: `sqlite`, or `postgresql`."""
    kind = getattr(request, "param", "sqlite")
    if kind == "sqlite":
        yield kind
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.database(request.getfixturevalue("migrated"))
    monkeypatch.setenv("ATRIUM_DATABASE_URL", server.address(name))
    yield kind
    server.drop(name)


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: str) -> Iterator[Path]:
    """An empty home with its tables, for tests of one area in this process."""
    from small_platform import forget_settings

    from app.migrate import upgrade

    monkeypatch.setenv("ATRIUM_HOME", str(tmp_path))
    forget_settings()
    upgrade()
    yield tmp_path
    forget_settings()
