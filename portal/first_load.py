"""What Streamlit's first page tells a browser to fetch at once, and what when it has nothing else to do.

Streamlit's script asks for the parts of a page (a select box, a table …) only when it meets them in a page's answer: a round trip
later than need be, and for the large parts a second on the first move to a page that has one.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import streamlit
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STATIC = Path(streamlit.__file__).parent / "static"
FOLDER = "static/js"
EVERY_PAGE = ("PageLink", "Html", "BidiComponent")
OTHER_PAGES = ("Selectbox", "Table", "DataFrame", "TextInput", "TextArea", "Multiselect", "NumberInput", "FileUploader",
               "ArrowVegaLiteChart", "StreamlitSyntaxHighlighter", "LinkButton", "Checkbox", "ButtonGroup")  # fmt: skip
FONTS = ("app/static/inter.woff2", "static/media/MaterialSymbols-Rounded.*.woff2")
IMPORTED = re.compile(r"""(?:from|import)\s*["'`]\./([\w.-]+\.js)["'`]""")
IDLE_AFTER_MILLISECONDS = 1500
WHEN_IDLE = """<script>addEventListener("load", () => setTimeout(() => requestIdleCallback(() => {
  for (const name of %s) {
    const link = document.createElement("link");
    link.rel = "modulepreload";
    link.crossOrigin = "";
    link.href = `./static/js/${name}`;
    document.head.append(link);
  }
}), %d))</script>"""
OWN_FONT = re.compile(r"<link\b[^>]*SourceSans[^>]*/?>\s*")  # Streamlit's own typeface, which the theme does not use
VALIDATORS = (b"content-length", b"etag", b"last-modified")  # they tell of the page as it was


def with_imports(names: Iterable[str]) -> list[str]:
    """File names of Streamlit's parts `names` and of all that those import."""
    found: dict[str, None] = {}
    waiting = [path.name for name in names for path in sorted((STATIC / FOLDER).glob(f"{name}.*.js"))]
    while waiting:
        name = waiting.pop(0)
        if name not in found and (STATIC / FOLDER / name).exists():
            found[name] = None
            waiting += IMPORTED.findall((STATIC / FOLDER / name).read_text())
    return list(found)


def _font(pattern: str) -> str:
    found = sorted(STATIC.glob(pattern))
    return str(found[0].relative_to(STATIC)) if found else pattern


@lru_cache(maxsize=4)
def with_preloads(page: str) -> str:
    """Streamlit's page with links to what every page of ours needs, and a script that fetches the rest once the browser is idle."""
    now = [name for name in with_imports(EVERY_PAGE) if name not in page]
    later = [name for name in with_imports(OTHER_PAGES) if name not in page and name not in now]
    links = [f'<link rel="modulepreload" crossorigin href="./{FOLDER}/{name}">' for name in now]
    links += [f'<link rel="preload" href="./{_font(one)}" as="font" type="font/woff2" crossorigin>' for one in FONTS]
    added = "\n".join([*links, WHEN_IDLE % (later, IDLE_AFTER_MILLISECONDS)])
    return OWN_FONT.sub("", page).replace("</head>", f"{added}</head>", 1)


class FirstLoad:
    """Middleware that adds to Streamlit's page; every other answer passes as it is."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102  ASGI's own
        page = scope["type"] == "http" and scope["method"] == "GET" and "/static/" not in scope["path"]
        await self.app(scope, receive, _Held(send) if page else send)


class _Held:
    """Holds an HTML answer back until it is whole."""

    def __init__(self, send: Send) -> None:
        self.send, self.body = send, b""
        self.start: Message | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_page(message):
            self.start = message
        elif self.start is None:
            await self.send(message)
        else:
            self.body += message.get("body", b"")
            if not message.get("more_body"):
                await self._finish(self.start)

    async def _finish(self, start: Message) -> None:
        body = with_preloads(self.body.decode()).encode()
        kept = [pair for pair in start["headers"] if pair[0].lower() not in VALIDATORS]
        await self.send({**start, "headers": [*kept, (b"content-length", str(len(body)).encode())]})
        await self.send({"type": "http.response.body", "body": body})


def _is_page(message: Message) -> bool:
    headers = {key.lower(): value for key, value in message["headers"]}
    plain = b"content-encoding" not in headers and message["status"] == 200
    return plain and bytes(headers.get(b"content-type", b"")).startswith(b"text/html")
