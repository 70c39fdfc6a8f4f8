"""How long a page takes to its last paint in the browser, ours beside stock `streamlit hello` in the same run."""

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from bench.figures import Figure, wait_until
from bench.instance import ADMIN, PASSWORD, Instance, free_port

LOADS, MOVES = 7, 3
QUIET_MS = 700
LIMIT_MS = 120_000
FIRST_OVER_HELLO, RELOAD_OVER_HELLO, MOVE_OVER_RELOAD = 1.2, 1.3, 0.5
STREAMLIT = Path(sys.executable).parent / "streamlit"
CHROMIUM = ("/usr/bin/chromium", "/usr/bin/google-chrome", "/usr/bin/chromium-browser")
LINK = "[data-testid=stSidebarNavLink]"
# Notes when a click was heard, and when the page last changed. Every change of the body counts, shown by the next frame;
# the head's do not: nothing there is painted.
WATCH = """() => {
  window.lastPaint = window.lastClick = 0;
  window.addEventListener('click', () => { window.lastClick = performance.now(); }, true);
  new MutationObserver((changes) => {
    if (changes.every((one) => document.head?.contains(one.target))) return;
    requestAnimationFrame(() => { window.lastPaint = performance.now(); });
  }).observe(document, {subtree: true, childList: true, characterData: true, attributes: true});
}"""
QUIET = (
    "(quiet) => window.lastPaint > window.lastClick && performance.now() - window.lastPaint > quiet"
    " && !!document.querySelector('[data-test-script-state=notRunning] [data-testid=stMainBlockContainer] h1')"
    " && !document.querySelector('[data-testid=stSkeleton], [data-testid=stAppSkeleton]')"
)


@contextmanager
def hello() -> Iterator[str]:
    """Stock `streamlit hello` on a port of its own; gives its address."""
    port = free_port()
    options = ["--server.port", str(port), "--server.headless", "true", "--browser.gatherUsageStats", "false"]
    process = subprocess.Popen(
        [str(STREAMLIT), "hello", "--server.address", "127.0.0.1", *options],
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: httpx.get(f"{url}/_stcore/health", trust_env=False).is_success, seconds=120)
        yield f"{url}/"
    finally:
        process.terminate()
        process.wait(60)


def browser_binary() -> str:
    """An installed Chromium or Chrome. Raises FileNotFoundError."""
    for path in (os.environ.get("ATRIUM_TEST_BROWSER", ""), *CHROMIUM):
        if path and Path(path).exists():
            return path
    raise FileNotFoundError("no Chromium or Chrome: install Debian's package chromium")


def _painted(page: Page) -> float:
    """Seconds from the last click, or else from the navigation's start, to the last paint."""
    page.wait_for_function(QUIET, arg=QUIET_MS, timeout=LIMIT_MS, polling=50)
    return float(page.evaluate("window.lastPaint - window.lastClick")) / 1000


def visit(page: Page, url: str) -> float:
    """Seconds of a load of `url`."""
    page.goto(url, wait_until="commit", timeout=LIMIT_MS)
    return _painted(page)


def move(page: Page, link: str) -> float:
    """Seconds from a click in the side bar to the last paint of that page."""
    page.locator(LINK).get_by_text(link, exact=True).click()
    return _painted(page)


def new_context(browser: Browser, cookies: list[dict[str, object]]) -> BrowserContext:
    """A browser with an empty cache that knows nothing but `cookies`."""
    context = browser.new_context()
    context.set_default_timeout(LIMIT_MS)
    context.add_init_script(f"({WATCH})()")
    if cookies:
        context.add_cookies(cookies)  # type: ignore[arg-type]
    return context


def sign_in(browser: Browser, url: str) -> list[dict[str, object]]:
    """The cookies of the administrator's session."""
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{url}/auth/login")
        page.fill("input[name=name]", ADMIN)
        page.fill("input[name=password]", PASSWORD)
        page.get_by_role("button").first.click()
        page.wait_for_url("**/app/**", timeout=LIMIT_MS)
        return [dict(one) for one in context.cookies()]


class Seen:
    """Seconds by kind of load, for one side; `moves` by page, the first time in a browser and again apart."""

    def __init__(self) -> None:
        self.first: list[float] = []
        self.reload: list[float] = []
        self.moves: dict[str, dict[str, list[float]]] = {"first": {}, "again": {}}

    def by_page(self, kind: str) -> dict[str, float]:
        """Each page's median."""
        return {name: statistics.median(found) for name, found in self.moves[kind].items()}


def round_of(browser: Browser, url: str, cookies: list[dict[str, object]], seen: Seen, moving: bool) -> None:
    """A first visit, a reload, and where `moving` every page of the side bar twice."""
    with new_context(browser, cookies) as context:
        page = context.new_page()
        seen.first.append(visit(page, url))
        seen.reload.append(visit(page, url))
        if not moving:
            return
        names = [text.strip().split("\n")[-1] for text in page.locator(LINK).all_inner_texts()]
        for kind in ("first", "again"):
            for name in [*names[1:], names[0]]:
                seen.moves[kind].setdefault(name, []).append(move(page, name))


def pages(instance: Instance) -> list[Figure]:
    """Our overview and each move inside the app, beside `streamlit hello`, in turns; each round in a fresh browser context."""
    ours, theirs, url = Seen(), Seen(), f"{instance.url}/app/"
    with hello() as stock, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_binary(), args=["--no-sandbox"])
        cookies = sign_in(browser, instance.url)
        round_of(browser, stock, [], Seen(), moving=False)
        round_of(browser, url, cookies, Seen(), moving=False)
        for number in range(LOADS):
            round_of(browser, stock, [], theirs, moving=False)
            round_of(browser, url, cookies, ours, moving=number < MOVES)
        browser.close()
    return _figures(ours, theirs)


def _figures(ours: Seen, theirs: Seen) -> list[Figure]:
    first, warm = statistics.median(theirs.first), statistics.median(theirs.reload)
    again, new = ours.by_page("again"), ours.by_page("first")
    slowest, newest = max(again, key=again.__getitem__), max(new, key=new.__getitem__)
    beside = f"median of {LOADS}, in turns"
    return [
        Figure("first visit of `streamlit hello`", first, "s", note=beside),
        Figure("first visit of the overview", statistics.median(ours.first), "s", FIRST_OVER_HELLO * first, beside),
        Figure("warm reload of `streamlit hello`", warm, "s", note=beside),
        Figure("warm reload of the overview", statistics.median(ours.reload), "s", RELOAD_OVER_HELLO * warm, beside),
        Figure(
            "move inside the app, median page", statistics.median(again.values()), "s", MOVE_OVER_RELOAD * warm,
            f"{len(again)} pages, {MOVES} times each",
        ),
        Figure("  its slowest page", again[slowest], "s", note=slowest),
        Figure("  a page's first time in this browser, median", statistics.median(new.values()), "s"),
        Figure("  its slowest page", new[newest], "s", note=newest),
    ]  # fmt: skip
