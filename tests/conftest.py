"""One whole platform for the session: its own home and ports, started from this checkout, with the examples live."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import ATRIUM, CHECKOUT, PASSWORD, Platform

sys.path.insert(0, str(CHECKOUT / "tests" / "serving"))

from small_platform import free_port


@pytest.hookimpl(tryfirst=True)  # before the plugin that reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two processes share the tests: one has those of the whole platform, folders of others go to whichever is free."""
    for item in items:
        whole = "platform" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("platform" if whole else str(Path(item.location[0]).parent)))


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
