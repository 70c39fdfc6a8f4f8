"""What the browser is told to fetch with the portal's first page."""

import subprocess
import sys

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from support import CHECKOUT

from portal.first_load import EVERY_PAGE, FOLDER, FONTS, OTHER_PAGES, STATIC, FirstLoad, with_imports, with_preloads

PAGE = (STATIC / "index.html").read_text()


@pytest.mark.parametrize("name", [*EVERY_PAGE, *OTHER_PAGES])
def test_each_named_part_is_one_of_streamlits(name: str) -> None:
    assert with_imports([name])


def test_every_file_that_the_page_names_is_there() -> None:
    named = [one.split('"')[0] for one in with_preloads(PAGE).split(f"./{FOLDER}/")[1:] if not one.startswith("${")]
    assert named
    assert [name for name in named if not (STATIC / FOLDER / name).exists()] == []


def test_the_fonts_are_preloaded_and_nothing_twice() -> None:
    page = with_preloads(PAGE)
    assert FONTS[0] in page
    assert page.count("MaterialSymbols-Rounded") == 1
    assert "SourceSans" in PAGE
    assert "SourceSans" not in page
    links = [line for line in page.splitlines() if "modulepreload" in line and "href=" in line]
    assert len(links) == len({line.partition("href=")[2] for line in links})


def _client() -> TestClient:
    async def answer(request: Request) -> Response:
        kind = HTMLResponse if request.url.path == "/app/" else JSONResponse
        return kind("<html><head></head></html>", headers={"etag": '"before"', "x-other": "kept"})

    app = Starlette(routes=[Route("/{path:path}", answer)], middleware=[Middleware(FirstLoad)])
    return TestClient(app)


def test_a_page_is_added_to_and_its_validator_is_gone() -> None:
    answer = _client().get("/app/")
    assert "modulepreload" in answer.text
    assert answer.headers["x-other"] == "kept"
    assert "etag" not in answer.headers


def test_another_answer_passes_as_it_is() -> None:
    answer = _client().get("/app/_stcore/health")
    assert answer.json() == "<html><head></head></html>"
    assert answer.headers["etag"] == '"before"'


def test_every_page_is_imported_before_the_first_visitor_asks() -> None:
    code = (
        "import sys, pkgutil, portal.views; from portal.__main__ import import_pages; import_pages();"
        "print([one.name for one in pkgutil.iter_modules(portal.views.__path__) if f'portal.views.{one.name}' not in sys.modules])"
    )
    made = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert made.stdout.strip() == "[]"
