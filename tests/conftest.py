"""One whole platform for the session: its own home and ports, started from this checkout, with the examples live."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from support import ATRIUM, CHECKOUT, PASSWORD, Platform
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

sys.path.insert(0, str(CHECKOUT / "tests" / "serving"))

from small_platform import free_port

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


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home with its tables, for tests of one area in this process."""
    from small_platform import forget_settings

    from app.migrate import upgrade

    monkeypatch.setenv("ATRIUM_HOME", str(tmp_path))
    forget_settings()
    upgrade()
    yield tmp_path
    forget_settings()
