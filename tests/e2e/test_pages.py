"""Every page in a real browser, as a person sees it."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from support import PASSWORD, Platform

pytestmark = [pytest.mark.platform, pytest.mark.browser]
OUTPUT = Path(__file__).parent.parent / "output"
PAGES = [
    "overview",
    "dashboard",
    "features",
    "datasets",
    "pipelines",
    "experiments",
    "models",
    "services",
    "demos",
    "monitoring",
    "settings",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = next((path for path in ("/usr/bin/chromium", "/usr/bin/google-chrome") if Path(path).exists()), None)
    if not found:
        assert os.environ.get("CI") != "true", "no Chromium on this machine: apt-get install chromium"
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield made
        made.close()


@pytest.fixture(scope="session")
def page(browser: Browser, platform: Platform) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
    page = context.new_page()
    page.set_default_timeout(30_000)
    expect.set_options(timeout=30_000)
    page.goto(f"{platform.url}/app/features")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile("/app/features"))
    yield page
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_person_sees_the_page_without_an_error(page: Page, platform: Platform, name: str) -> None:
    outside: list[str] = []
    page.on(
        "request",
        lambda request: (
            outside.append(request.url) if platform.url not in request.url and request.url.startswith("http") else None
        ),
    )
    page.goto(f"{platform.url}/app/{'' if name == 'overview' else name}?project=flights")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("[data-testid=stSkeleton]")).to_have_count(0)
    page.wait_for_load_state("networkidle")
    OUTPUT.mkdir(exist_ok=True)
    page.screenshot(path=str(OUTPUT / f"{name}.png"))
    assert page.locator("[data-testid=stAlertContentError]").all_inner_texts() == []
    assert outside == []


def test_a_wrong_password_is_told_in_words(browser: Browser, platform: Platform) -> None:
    page = browser.new_page(locale="en-US")
    page.goto(f"{platform.url}/auth/login")
    page.get_by_label("Name").fill("nobody")
    page.get_by_label("Password").fill("wrong password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    page.close()


def test_a_person_starts_a_run_and_sees_it_end(page: Page, platform: Platform) -> None:
    page.goto(f"{platform.url}/app/pipelines?project=digits")
    page.get_by_role("button", name="Run: digit").click()
    page.get_by_role("button", name="Start").click()
    expect(page).to_have_url(re.compile("run=digit-"))
    expect(page.get_by_role("button", name="train")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Succeeded").first).to_be_visible(timeout=90_000)


def test_a_stakeholder_opens_the_demo_after_signing_in(page: Page, platform: Platform) -> None:
    port = int(platform.url.rsplit(":", 1)[1]) + 1
    page.goto(f"http://flight-delay--flights.localhost:{port}/")
    expect(page.get_by_role("button").first).to_be_visible(timeout=60_000)
    expect(page).to_have_url(re.compile("flight-delay--flights.localhost"))
    names = [cookie["name"] for cookie in page.context.cookies(f"http://flight-delay--flights.localhost:{port}/")]
    assert [name for name in names if name.startswith("atrium_") and "content" not in name] == []
