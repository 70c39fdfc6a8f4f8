"""What tests of the whole platform share."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
ATRIUM = Path(sys.executable).parent / "atrium"
PASSWORD = "correct horse battery"
UP_SECONDS = 600


@dataclass(frozen=True, eq=False)
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
