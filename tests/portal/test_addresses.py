"""An address that no page has leads to a page that says so; all others pass."""

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from portal.addresses import Addresses


def _pages() -> TestClient:
    app = Starlette(routes=[Route("/{path:path}", lambda _request: PlainTextResponse("the pages"))])
    return TestClient(Addresses(app), follow_redirects=False)


@pytest.mark.parametrize(
    ("asked", "led_to"),
    [
        ("/app/overview?project=flights", "/app/?project=flights"), ("/app/nothing", "/app/?missing=nothing"),
        ("/app/piplines?project=a&run=b", "/app/?missing=piplines&project=a&run=b"), ("/app/a/b?x", "/app/?missing=a%2Fb&x"),
        ("/app/x%0d%0aSet-Cookie:a=b", "/app/?missing=x%0D%0ASet-Cookie%3Aa%3Db"),
    ],
)  # fmt: skip
def test_an_unknown_address_is_led_to_our_own_words(asked: str, led_to: str) -> None:
    answer = _pages().get(asked, headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (307, led_to)


@pytest.mark.parametrize(
    ("asked", "accepted"),
    [
        ("/app/", "text/html"), ("/app/pipelines?run=x", "text/html"), ("/app/settings/", "text/html"),
        ("/app/static/js/index.js", "*/*"), ("/app/nothing", "application/json"), ("/app/_stcore/health", "text/html"),
    ],
)  # fmt: skip
def test_what_is_there_and_what_scripts_ask_for_passes(asked: str, accepted: str) -> None:
    assert _pages().get(asked, headers={"Accept": accepted}).text == "the pages"
