"""What tests of the whole platform share."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHECKOUT = Path(__file__).resolve().parent.parent
ATRIUM = Path(sys.executable).parent / "atrium"
PASSWORD = "correct horse battery"
UP_SECONDS = 2400


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


def argo_binary() -> str:
    """The real argo CLI; the test that asks is skipped where it is not on this machine."""
    found = os.environ.get("ATRIUM_TEST_ARGO") or str(Path.home() / ".cache/testcluster/bin/argo")
    if not Path(found).exists():
        pytest.skip("the real argo CLI is not on this machine (ATRIUM_TEST_ARGO)")
    return found


# one row of the flights' model
FLIGHT: dict[str, object] = {
    "carrier": "UA", "origin": "EWR", "month": 12, "weekday": 4, "hour": 18.5, "distance": 1400, "temp": 40, "wind_speed": 12,
    "precip": 0, "visib": 10, "origin_delay_minutes": 20, "origin_late_share": 0.3, "origin_departures": 60,
    "carrier_delay_minutes": 15, "carrier_late_share": 0.2, "carrier_departures": 90,
}  # fmt: skip


def tensors(row: dict[str, object]) -> list[dict[str, object]]:
    """A row as KServe v2's inputs."""
    return [
        {"name": name, "shape": [1, 1], "datatype": "BYTES" if isinstance(value, str) else "FP32", "data": [value]}
        for name, value in row.items()
    ]


@contextmanager
def chromium() -> Iterator[Browser]:
    """The machine's Chromium or Chrome. Its event loop runs in this thread, and must end before other tests start theirs."""
    found = next((path for path in ("/usr/bin/chromium", "/usr/bin/google-chrome") if Path(path).exists()), None)
    if not found:
        assert os.environ.get("CI") != "true", "no Chromium on this machine: apt-get install chromium"
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        try:
            yield made
        finally:
            made.close()


def open_from_the_side_bar(page: Page, title: str, seconds: float = 60) -> None:
    """Opens a page of the portal as a person does: clicks again where nothing comes, for instance because the connection was just lost."""
    due = time.monotonic() + seconds
    while True:
        page.get_by_test_id("stSidebarNav").get_by_role("link", name=title).click()
        try:
            return expect(page.get_by_role("heading", level=1)).to_contain_text(title, timeout=5_000)
        except AssertionError:
            assert time.monotonic() < due, f"page {title} did not come within {seconds:.0f} s"
