"""A script that a user brought to the content port, in a real browser of somebody who is signed in everywhere."""

from collections.abc import Iterator

import pytest
from door_platform import Door
from playwright.sync_api import Page
from small_platform import PASSWORD, until
from support import chromium

from tenancy.gate.judge import cookie_name

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
FETCH = """async ([url, options]) => {
  try { const answer = await fetch(url, options); return `${answer.type} ${answer.status} ${(await answer.text()).slice(0, 80)}` }
  catch (error) { return `blocked: ${error.name}` }
}"""
SOCKET = """(url) => new Promise((done) => {
  const socket = new WebSocket(url);
  socket.onopen = () => done('open');
  socket.onerror = () => done('refused');
  setTimeout(() => done('nothing'), 20000);
})"""
FRAME = """(url) => new Promise((done) => {
  const frame = document.createElement('iframe');
  frame.src = url;
  frame.onload = () => { try { done('read ' + frame.contentDocument.body.innerText.slice(0, 80)) } catch (error) { done('blocked: ' + error.name) } };
  document.body.append(frame);
  setTimeout(() => done('nothing'), 20000);
})"""


@pytest.fixture(scope="module")
def item(door: Door) -> Iterator[Page]:
    """An item's page, open in a browser whose owner is signed in to the portal and has two items open."""
    with chromium() as browser:
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.goto(f"{door.url}/auth/login?lang=en")
        page.get_by_label("Name").fill("bob")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/app/**")
        for name in ("other--flights", "delay--flights"):
            page.goto(f"{door.item(name)}/page.html")
        assert page.get_by_role("heading").inner_text() == "What a user brought"
        yield page


@pytest.mark.parametrize(
    "path", ["/api/v1/me", "/app/", "/mlflow/api/2.0/x", "/argo/api/v1/x", "/v2/models/flights--delay"]
)
def test_a_script_reads_nothing_of_the_portal(item: Page, door: Door, path: str) -> None:
    told = item.evaluate(FETCH, [door.url + path, {"credentials": "include"}])
    assert told.startswith("blocked")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_script_changes_nothing_of_the_portal(item: Page, door: Door, method: str) -> None:
    asked = {"method": method, "credentials": "include", "body": "{}", "headers": {"Content-Type": "text/plain"}}
    assert item.evaluate(FETCH, [f"{door.url}/api/v1/x", asked]).startswith("blocked")


def test_the_door_refuses_what_the_script_could_send_blindly(item: Page, door: Door) -> None:
    statuses: list[int] = []
    item.context.on(
        "response", lambda answer: statuses.append(answer.status) if "/api/v1/blind" in answer.url else None
    )
    asked = {"method": "POST", "credentials": "include", "mode": "no-cors", "body": "{}"}
    item.evaluate(FETCH, [f"{door.url}/api/v1/blind", asked])
    until(lambda: bool(item.evaluate("1")) and bool(statuses), "the door's answer", 30)
    assert set(statuses) <= {401, 403}


def test_a_script_opens_no_websocket_of_the_portal_or_of_another_item(item: Page, door: Door) -> None:
    for base in (door.url, door.item("other--flights")):
        assert item.evaluate(SOCKET, f"{base.replace('http', 'ws', 1)}/app/_stcore/stream") == "refused"
    assert item.evaluate(SOCKET, f"{door.item('delay--flights').replace('http', 'ws', 1)}/own") == "open"


def test_a_script_reads_no_other_item_also_not_in_a_frame(item: Page, door: Door) -> None:
    other = f"{door.item('other--flights')}/page.html"
    assert item.evaluate(FETCH, [other, {"credentials": "include"}]).startswith("blocked")
    assert not item.evaluate(FRAME, other).startswith("read What")
    assert not item.evaluate(FRAME, f"{door.url}/api/v1/me").startswith("read {")


def test_a_script_sees_no_cookie_and_sets_none_for_the_portal(item: Page, door: Door) -> None:
    assert "atrium" not in item.evaluate("document.cookie")
    for domain in ("", "; domain=localhost", "; domain=.localhost"):
        item.evaluate(f"document.cookie = '{cookie_name()}=planted; path=/{domain}'")
    held = {(one["domain"], one["value"]) for one in item.context.cookies(door.url) if one["name"] == cookie_name()}
    assert len(held) == 1 and "planted" not in {value for _, value in held}
