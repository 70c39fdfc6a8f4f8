"""Streamlit's own files from memory, packed once: a first visit asks for about a hundred.

Reading each from the disk costs a millisecond of the pages' process, and packing it the front door's time, at each visit.
"""

import gzip

from starlette.types import ASGIApp, Message, Receive, Scope, Send

FOLDER = "/static/"
CONDITIONAL = frozenset(
    {b"range", b"if-none-match", b"if-modified-since", b"if-match", b"if-unmodified-since", b"if-range"}
)
UNCHANGING = b"immutable"
TEXTS = (b"javascript", b"css", b"json", b"svg")
LEAST_PACKED_BYTES = 1024
OF_THE_UNPACKED = frozenset({b"content-length", b"etag", b"accept-ranges"})
MOST_BYTES = 32 * 2**20


class StaticFiles:
    """Middleware that answers a second request for a file that never changes (its name holds its checksum) with the first one's answer.

    Requests with conditions or ranges, and files without `immutable` in their `Cache-Control`, pass as they are. At most 32 MiB are kept.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.kept: dict[tuple[str, bool], tuple[Message, Message]] = {}
        self.bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102  ASGI's own
        if scope["type"] != "http" or scope["method"] != "GET" or FOLDER not in scope["path"] or _conditional(scope):
            await self.app(scope, receive, send)
        elif found := self.kept.get(_key(scope)):
            for message in found:
                await send(message)
        else:
            await self.app(scope, receive, _Recorded(self, _key(scope), send))

    def keep(self, key: tuple[str, bool], start: Message, body: bytes) -> None:
        """Keeps an answer, if it is one that never changes and there is room."""
        headers = {name.lower(): value for name, value in start["headers"]}
        unchanging = start["status"] == 200 and UNCHANGING in headers.get(b"cache-control", b"")
        if unchanging and self.bytes + len(body) <= MOST_BYTES:
            self.bytes += len(body)
            if key[1] and len(body) >= LEAST_PACKED_BYTES and _is_text(headers):
                start, body = _packed(start, body)
            self.kept[key] = (start, {"type": "http.response.body", "body": body})


class _Recorded:
    """Passes an answer on, and has it kept once it is whole."""

    def __init__(self, files: StaticFiles, key: tuple[str, bool], send: Send) -> None:
        self.files, self.key, self.send = files, key, send
        self.start: Message | None = None
        self.body = b""

    async def __call__(self, message: Message) -> None:
        await self.send(message)
        if message["type"] == "http.response.start":
            self.start = message
        elif self.start and message["type"] == "http.response.body":
            self.body += message.get("body", b"")
            if not message.get("more_body"):
                self.files.keep(self.key, self.start, self.body)


def _key(scope: Scope) -> tuple[str, bool]:
    accepted = next((value for name, value in scope["headers"] if name.lower() == b"accept-encoding"), b"")
    return scope["path"], b"gzip" in accepted


def _is_text(headers: dict[bytes, bytes]) -> bool:
    plain = b"content-encoding" not in headers
    return plain and any(one in headers.get(b"content-type", b"") for one in TEXTS)


def _packed(start: Message, body: bytes) -> tuple[Message, bytes]:
    body = gzip.compress(body)
    headers = [pair for pair in start["headers"] if pair[0].lower() not in OF_THE_UNPACKED]
    headers += [
        (b"content-length", str(len(body)).encode()),
        (b"content-encoding", b"gzip"),
        (b"vary", b"Accept-Encoding"),
    ]
    return {**start, "headers": headers}, body


def _conditional(scope: Scope) -> bool:
    return bool(scope["query_string"]) or any(name.lower() in CONDITIONAL for name, _ in scope["headers"])
