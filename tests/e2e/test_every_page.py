"""Every page in both languages: with data, empty, and with its back ends gone; on a telephone; by keyboard alone."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import support
from e2e.looking import NAMES, NewPage, errors_on, left_english, open_page, sideways
from playwright.sync_api import Page, expect
from support import CHECKOUT, Platform

pytestmark = [pytest.mark.platform, pytest.mark.browser]
BACK_ENDS = ("argo", "mlflow", "feast", "triton")
EMPTY = "blank"
OUTPUT = CHECKOUT / "tests" / "output"


@pytest.fixture(scope="module")
def empty_project(platform: Platform) -> str:
    token = platform.atrium("token", "create", "matrix", "--administrator").strip()
    made = httpx.post(
        f"{platform.url}/api/v1/projects", headers={"Authorization": f"Bearer {token}"},
        json={"name": EMPTY, "title": "An empty project"}, timeout=60,
    )  # fmt: skip
    assert made.status_code in (201, 409), made.text
    return EMPTY


@pytest.fixture(scope="module")
def pages(signed_in: NewPage) -> dict[str, Page]:
    return {"en": signed_in(), "zh_CN": signed_in(locale="zh-CN")}


def _watched(page: Page, platform: Platform) -> list[str]:
    outside: list[str] = []
    page.on(
        "request",
        lambda request: (
            outside.append(request.url) if request.url.startswith("http") and platform.url not in request.url else None
        ),
    )
    return outside


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize("project", ["flights", EMPTY])
@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_whole_in_its_language(
    pages: dict[str, Page], platform: Platform, english: re.Pattern[str], empty_project: str, name: str, project: str,
    language: str,
) -> None:  # fmt: skip
    page = pages[language]
    outside = _watched(page, platform)
    open_page(page, platform.url, name, project)
    expect(page.locator("html")).to_have_attribute("lang", language.replace("_", "-"))
    assert errors_on(page) == []
    assert outside == []
    if (language, project) == ("en", "flights"):
        OUTPUT.mkdir(exist_ok=True)
        page.screenshot(path=str(OUTPUT / f"{name}.png"))
    if language == "zh_CN":
        assert left_english(page, english) == []


@pytest.mark.parametrize("project", ["flights", EMPTY])
@pytest.mark.parametrize("name", NAMES)
def test_a_page_fits_a_telephone(
    signed_in: NewPage, platform: Platform, empty_project: str, name: str, project: str
) -> None:
    page = signed_in(width=390, locale="zh-CN")
    open_page(page, platform.url, name, project)
    assert sideways(page) == []
    page.context.close()


def _tab_to(page: Page, words: str, most: int = 80) -> None:
    """Presses Tab until what has the focus is named `words`, also within a component."""
    named = """() => {
      let one = document.activeElement;
      while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
      if (!one || one === document.body) return "";
      return one.getAttribute("aria-label") || one.labels?.[0]?.innerText || one.textContent;
    }"""
    seen = []
    for _press in range(most):
        seen.append(str(page.evaluate(named)).strip())
        if re.search(words, seen[-1]):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {words!r}: {seen}")


def test_a_person_signs_in_chooses_a_project_and_runs_a_pipeline_by_keyboard_alone(
    signed_in: NewPage, platform: Platform
) -> None:
    browser = signed_in().context.browser
    assert browser
    page = browser.new_page(locale="en-US", viewport={"width": 1440, "height": 900})
    page.set_default_timeout(60_000)
    page.goto(f"{platform.url}/app/pipelines?project=flights")
    expect(page.get_by_role("textbox", name="Name")).to_be_focused()  # by itself; a person is slower than this test
    page.keyboard.type("admin")
    page.keyboard.press("Tab")
    page.keyboard.type(support.PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Pipelines")).to_be_visible()
    expect(page.locator("[data-test-script-state=notRunning]").first).to_be_attached()
    _tab_to(page, "^Project$")
    page.keyboard.type("digits")
    expect(page).to_have_url(re.compile("project=digits"))
    expect(page.get_by_role("button", name="Run: digit")).to_be_visible()
    _tab_to(page, "^Run: digit")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="digit")).to_be_focused()
    _tab_to(page, "Start$", most=5)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("run=digit-"))
    page.close()


def _supervisor(platform: Platform, *words: str) -> None:
    control = Path(sys.executable).parent / "supervisorctl"
    command = [str(control), "-s", f"unix://{platform.home}/run/supervisor.sock", *words]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


@pytest.fixture(scope="module")
def without_back_ends(platform: Platform) -> Iterator[None]:
    _supervisor(platform, "stop", *BACK_ENDS)
    try:
        yield
    finally:
        _supervisor(platform, "start", *BACK_ENDS)
        platform.atrium("up")


@pytest.mark.parametrize("language", ["en", "zh_CN"])
@pytest.mark.parametrize("name", NAMES)
def test_a_page_without_its_back_end_says_so_and_stands(
    pages: dict[str, Page], platform: Platform, without_back_ends: None, name: str, language: str
) -> None:
    page = pages[language]
    open_page(page, platform.url, name, "flights")
    expect(page.locator("[data-testid=stException]")).to_have_count(0)
    step = {"en": "Next step", "zh_CN": "下一步"}[language]
    for told in errors_on(page):
        assert step in told or "Next: " in told  # a service's own message is as it was noted
        assert "Traceback" not in told
