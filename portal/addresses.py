"""Addresses under the pages' path that no page has: led to one of ours that says so, since Streamlit's own says it in English only."""

from urllib.parse import urlencode

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from portal.ui.links import ICONS

BASE, HOME = "/app/", "overview"
MISSING = "missing"  # in the address: what was asked for
LONGEST = 80


class Addresses:
    """Middleware that leads a browser from an unknown page's address to `/app/?missing=…`, and from `/app/overview` to `/app/`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102  ASGI's own
        asked = _page_asked_for(scope)
        if asked is None:
            await self.app(scope, receive, send)
            return
        query = scope["query_string"].decode("latin-1")
        parts = [query] if query else []
        if asked != HOME:
            parts = [urlencode({MISSING: asked[:LONGEST]}), *parts]
        await RedirectResponse(BASE + ("?" + "&".join(parts) if parts else ""))(scope, receive, send)


def _page_asked_for(scope: Scope) -> str | None:
    """The unknown page that a browser opens; None for pages there are, and for files and what scripts ask for."""
    if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(BASE):
        return None
    accepted = next((value for name, value in scope["headers"] if name.lower() == b"accept"), b"")
    name = scope["path"].removeprefix(BASE).strip("/")
    first = name.partition("/")[0]
    if (
        b"text/html" not in accepted
        or not name
        or first.startswith("_")
        or first in ("static", "media", "app", "component")
    ):
        return None
    return name if name == HOME or name not in ICONS else None
