"""A person's page stays with one of two replicas, whichever front door each connection comes by, and goes on at the other when that one is killed.

Slow for its two portals: nothing smaller shows that Streamlit's session survives between two front doors.
"""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import expect
from postgres import Postgres
from small_platform import PASSWORD, Small, until
from support import chromium, open_from_the_side_bar
from turns import in_turns
from two_homes import Replicas, two_homes

from atrium.home import Home

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
HOSTS = ("127.0.0.2", "127.0.0.3")
PROGRAMS = ("portal", "app.door")
PATIENCE_MILLISECONDS = 30_000


@pytest.fixture
def replicas(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    with two_homes(postgres, tmp_path_factory) as made:
        doors = ",".join(f"{host}:{made.first.port}" for host in HOSTS)
        for small, host in zip((made.first, made.second), HOSTS, strict=True):
            small.environment |= {"ATRIUM_BIND": host, "ATRIUM_REPLICAS": doors}
            Home(small.home).loaded.touch()  # no service is there
            for program in PROGRAMS:
                small.start(program)
        with in_turns([(host, made.first.port) for host in HOSTS], made.first.port):
            yield made


def _led(small: Small, measure: str) -> dict[str, str]:
    """What this replica's door tells (Envoy) of each front door to which it leads people: `rq_total`, `health_flags`."""
    transport = httpx.HTTPTransport(uds=str(Home(small.home).socket("door-admin")))
    with httpx.Client(transport=transport, base_url="http://door") as client:
        lines = client.get("/clusters").text.splitlines()
    found = (re.fullmatch(rf"replicas::([0-9.]+):\d+::{measure}::(.*)", line) for line in lines)
    return {one[1]: one[2] for one in found if one}


def test_a_page_stays_with_one_replica_and_goes_on_at_the_other_when_that_is_killed(replicas: Replicas) -> None:
    both = (replicas.first, replicas.second)
    healthy = dict.fromkeys(HOSTS, "healthy")
    until(lambda: all(_led(one, "health_flags") == healthy for one in both), "each door's view of both")
    with chromium() as browser:
        page = browser.new_page(locale="en-US")
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        page.goto(f"http://localhost:{replicas.first.port}/app/")
        page.get_by_label("Name").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        for title in ("Pipelines", "Datasets", "Overview"):
            open_from_the_side_bar(page, title)
        for _visit in range(10):  # until it came by each door once
            asked = [{host for host, count in _led(one, "rq_total").items() if int(count)} for one in both]
            if all(asked):
                break
            page.reload()
        assert len(asked[0]) == 1 and asked[0] == asked[1], asked
        has_it = both[HOSTS.index(*asked[0])]
        for program in (*PROGRAMS, "tenancy.gate"):
            has_it.kill(program)
        open_from_the_side_bar(page, "Settings")
        expect(page).to_have_url(re.compile("/app/settings"))
        page.reload()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Settings", timeout=PATIENCE_MILLISECONDS)
