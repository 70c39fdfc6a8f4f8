"""Files that never change are read once; everything else is asked for each time."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

import portal.static_files
from portal.static_files import StaticFiles

FOREVER = {"cache-control": "public, immutable, max-age=31536000"}


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def client(asked: list[str]) -> TestClient:
    async def answer(request: Request) -> Response:
        asked.append(request.url.path)
        status = 404 if "gone" in request.url.path else 200
        headers = {} if "index.html" in request.url.path else FOREVER | {"etag": '"1"'}
        kind = "font/woff2" if "woff2" in request.url.path else "text/javascript"
        return Response(b"x" * 2000, status, headers, kind)

    return TestClient(Starlette(routes=[Route("/{path:path}", answer)], middleware=[Middleware(StaticFiles)]))


def test_a_file_is_read_once_packed_and_once_as_it_is(client: TestClient, asked: list[str]) -> None:
    for encoding in ("gzip, br", "gzip", "identity", "identity", "gzip"):
        answer = client.get("/app/static/js/one.abc.js", headers={"accept-encoding": encoding})
        assert (answer.status_code, answer.content) == (200, b"x" * 2000)
        assert answer.headers["cache-control"] == FOREVER["cache-control"]
    assert len(asked) == 2
    packed = client.get("/app/static/js/one.abc.js", headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip" and int(packed.headers["content-length"]) < 100
    assert "etag" not in packed.headers


def test_a_font_is_not_packed_again(client: TestClient) -> None:
    for _ in range(2):
        answer = client.get("/app/static/media/one.woff2", headers={"accept-encoding": "gzip"})
        assert "content-encoding" not in answer.headers and answer.headers["etag"] == '"1"'


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/app/static/index.html", {}), ("/app/static/js/gone.js", {}), ("/app/_stcore/health", {}), ("/app/static/a.js?x=1", {}),
        ("/app/static/a.js", {"range": "bytes=0-1"}), ("/app/static/a.js", {"if-none-match": '"x"'}),
    ],
)  # fmt: skip
def test_what_may_change_is_asked_for_each_time(
    client: TestClient, asked: list[str], path: str, headers: dict[str, str]
) -> None:
    for _ in range(3):
        client.get(path, headers=headers)
    assert len(asked) == 3


def test_what_is_kept_is_bounded(client: TestClient, asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portal.static_files, "MOST_BYTES", 5000)
    for number in range(4):
        for _ in range(2):
            client.get(f"/app/static/js/{number}.js", headers={"accept-encoding": ""})
    assert len(asked) == 2 + 2 * 2
