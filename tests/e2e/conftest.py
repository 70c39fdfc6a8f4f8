"""A browser for the tests of pages, and a signed-in visitor in it."""

import re
from collections.abc import Iterator

import pytest
import support
from babel.messages.pofile import read_po
from e2e.looking import NewPage
from playwright.sync_api import Browser, Page, expect
from support import CHECKOUT, Platform, chromium

CATALOGUE = CHECKOUT / "portal" / "words" / "zh_CN.po"
PATIENCE_MILLISECONDS = 60_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.fixture(scope="module")
def signed_in(browser: Browser, platform: Platform) -> Iterator[NewPage]:
    """Makes pages of a signed-in administrator: `signed_in(width=1440, locale="en-US", **options of the context)`."""
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    context = browser.new_context(locale="en-US")
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MILLISECONDS)
    page.goto(f"{platform.url}/app/features")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(support.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile("/app/features"))
    state = context.storage_state()
    state["cookies"] = [
        one for one in state["cookies"] if one.get("name") != "atrium_language"
    ]  # each page has its own
    context.close()
    made = []

    def new(width: int = 1440, locale: str = "en-US") -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, locale=locale, storage_state=state)
        made.append(context)
        found = context.new_page()
        found.set_default_timeout(PATIENCE_MILLISECONDS)
        return found

    yield new
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def english() -> re.Pattern[str]:
    """Any whole text of the portal that reads otherwise in Chinese."""
    with CATALOGUE.open("rb") as file:
        entries = [(str(one.id), str(one.string)) for one in read_po(file, locale="zh_CN") if one.id]
    told = [
        re.sub(r"\\\{\w+\\\}", ".+?", re.escape(text)) for text, chinese in entries if text != chinese and " " in text
    ]
    single = [re.escape(text) for text, chinese in entries if text != chinese and " " not in text and text[0].isupper()]
    return re.compile("|".join(f"^{one}$" for one in told + single))


@pytest.fixture(scope="module")
def page(signed_in: NewPage) -> Page:
    return signed_in()
