"""One whole platform for the session: its own home and ports, started from this checkout, with the examples live."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
ATRIUM = Path(sys.executable).parent / "atrium"
PASSWORD = "correct horse battery"
UP_SECONDS = 600
sys.path.insert(0, str(CHECKOUT / "tests" / "serving"))

from small_platform import free_port  # noqa: E402  it stands beside serving's tests


@dataclass(frozen=True)
class Platform:
    """A running instance: its address, its home, and the environment that names it."""

    url: str
    home: Path
    environment: dict[str, str]

    def atrium(self, *arguments: str) -> str:
        """What the command line prints; fails with its words where it fails."""
        made = subprocess.run(
            [str(ATRIUM), *arguments], env=self.environment, capture_output=True, text=True, timeout=UP_SECONDS
        )
        assert made.returncode == 0, made.stdout + made.stderr
        return made.stdout

    def token(self, project: str) -> str:
        """A fresh token of the administrator for one project."""
        return self.atrium("token", "create", "test", "--project", project).strip()


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
