"""What a test sees of a page: that it has come to rest, its words, what it asked for, how wide it is."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

NewPage = Callable[..., Page]
NAMES = [
    "overview", "dashboard", "features", "datasets", "pipelines", "experiments", "models", "services", "demos",
    "monitoring", "settings",
]  # fmt: skip
CHINESE = re.compile("[\u4e00-\u9fff]")
WORDS = """() => {
  const found = [], skipped = new Set(["CODE", "PRE", "STYLE", "SCRIPT", "TEXTAREA", "INPUT", "CANVAS"]);
  const walk = (node) => {
    if (node.nodeType === Node.TEXT_NODE && node.textContent.trim()) found.push(node.textContent.trim());
    if (node.nodeType !== Node.ELEMENT_NODE && node.nodeType !== Node.DOCUMENT_FRAGMENT_NODE) return;
    if (skipped.has(node.nodeName) || node.dataset?.testid === "stIconMaterial") return;
    if (node.nodeType === Node.ELEMENT_NODE) {
      const named = node.getAttribute("aria-label") || node.getAttribute("placeholder");
      if (named && node.closest("[data-testid=stApp]")) found.push(named);
    }
    if (node.shadowRoot) walk(node.shadowRoot);
    node.childNodes.forEach(walk);
  };
  walk(document.querySelector("[data-testid=stApp]"));
  return found;
}"""
SIDEWAYS = """() => [document.documentElement, document.querySelector("[data-testid=stMain]")]
  .filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => `${one.scrollWidth} in ${one.clientWidth}`)"""


def open_page(page: Page, url: str, name: str, project: str, **asked: str) -> None:
    """Opens a page of the portal and waits until it has come to rest."""
    query = "&".join(f"{key}={value}" for key, value in {"project": project, **asked}.items())
    page.goto(f"{url}/app/{'' if name == 'overview' else name}?{query}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator("[data-test-script-state=notRunning]").first).to_be_attached()
    expect(page.locator("[data-testid=stSkeleton]:visible")).to_have_count(0)


def words_of(page: Page) -> list[str]:
    """Every piece of text on the page, of its components and of its labels too; code and what is typed left out."""
    found: list[str] = page.evaluate(WORDS)
    return found


def left_english(page: Page, english: re.Pattern[str]) -> list[str]:
    """Texts of a Chinese page that the catalogue has in Chinese."""
    told = [one for one in words_of(page) if not CHINESE.search(one)]
    return [one for one in told if english.fullmatch(one)]


def errors_on(page: Page) -> list[str]:
    """What the page shows as an error, and exceptions that nothing caught."""
    return page.locator("[data-testid=stAlertContentError], [data-testid=stException]").all_inner_texts()


def sideways(page: Page) -> list[str]:
    """Parts of the frame that scroll sideways once charts have taken their size, for which it waits a little."""
    found: list[str] = []
    for _look in range(20):
        found = page.evaluate(SIDEWAYS)
        if not found:
            break
        page.wait_for_timeout(250)
    return found
