"""The demo host: one ASGI application that gives each host name its demo, while demos come and go."""

import asyncio
import contextlib
import logging
from dataclasses import dataclass

import gradio as gr
from fastapi import FastAPI
from sqlalchemy import select
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from atrium.database import reading
from atrium.errors import AtriumError, Forbidden, error_body
from atrium.identity import IDENTITY_HEADER, Verb, read_identity, require
from atrium.settings import get_settings
from atrium.web import unexpected
from serving import demo_service, service
from serving.demos.asking import Asker
from serving.demos.frame import answer_framed, chosen_language
from serving.demos.page import build, labels
from serving.demos.theme import CSS, theme
from serving.demos.words import Tongue, say, tongue
from serving.models import DemoRow, DemoView, ServiceRow, ServiceView

log = logging.getLogger(__name__)
LOOK_SECONDS = 1.0
# between looks of a demo at its queue; Gradio's own, a thousandth, cost 1.5 % of a core for each idle demo
FREE_SECONDS = 0.05
HEALTH = "/healthz"
NO_DOCS = {"docs_url": None, "redoc_url": None, "openapi_url": None}
Wanted = dict[str, tuple[DemoView, ServiceView | None]]
Stamp = tuple[object, ...]


@dataclass(frozen=True)
class Live:
    """A demo that can be opened; `stamp` tells whether it is still what is wanted."""

    stamp: Stamp
    app: ASGIApp
    asker: Asker
    stack: contextlib.AsyncExitStack
    page: gr.Blocks


def wanted_demos() -> Wanted:
    """Published demos by item (`demo--project`), with their service where it serves."""
    with reading() as session:
        serving = select(ServiceRow).where(ServiceRow.live_version.is_not(None))
        services = {(row.project, row.name): service.view(row) for row in session.scalars(serving)}
        demos = [demo_service.view(row) for row in session.scalars(select(DemoRow))]
    return {f"{demo.name}--{demo.project}": (demo, services.get((demo.project, demo.service))) for demo in demos}


def _stamp(demo: DemoView, found: ServiceView) -> Stamp:
    return demo.title, demo.published_by, found.name, found.live_version, found.signature, found.metadata


async def _open(demo: DemoView, found: ServiceView) -> Live:
    asker = Asker(demo, found)
    page = build(demo, found, asker)
    app = FastAPI(**NO_DOCS)  # type: ignore[arg-type]  # each takes None
    gr.mount_gradio_app(app, page, path="/", footer_links=[], run_history=False, app_kwargs=dict(NO_DOCS), theme=theme(),
                        css=CSS, i18n=labels(demo, asker.form), ssr_mode=False, enable_monitoring=False, max_file_size="1mb")  # fmt: skip
    page._queue.sleep_when_free = FREE_SECONDS
    stack = contextlib.AsyncExitStack()
    await stack.enter_async_context(app.router.lifespan_context(app))  # starts the queue, which else waits for a start
    return Live(_stamp(demo, found), app, asker, stack, page)


def headers() -> dict[str, str]:
    """Headers of every answer: no page but the portal may frame a demo, and a demo reaches nothing but itself."""
    policy = (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
        f"object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self' {get_settings().public_url}"
    )
    return {"content-security-policy": policy, "x-content-type-options": "nosniff", "referrer-policy": "same-origin"}


def _in_language(scope: Scope, language: Tongue) -> Scope:
    """The connection as from a browser that prefers the language which the visitor chose on the page."""
    kept = [one for one in scope["headers"] if one[0] != b"accept-language"]
    return {**scope, "headers": [*kept, (b"accept-language", b"zh-CN" if language == "zh" else b"en")]}


def _item(connection: HTTPConnection) -> str:
    return connection.headers.get("host", "").split(":")[0].split(".")[0]


class DemoHost:
    """Gives each request to the demo that its host name tells, after a look at who asks."""

    def __init__(self) -> None:
        self.live: dict[str, Live] = {}
        self.wanted: Wanted = {}
        self._headers = [(name.encode(), value.encode()) for name, value in headers().items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one connection."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if chosen := chosen_language(HTTPConnection(scope)):
            scope = _in_language(scope, chosen)
        connection = HTTPConnection(scope)
        try:
            found = self._judge(connection)
        except AtriumError as error:
            found = self._told(connection, error)
        if scope["type"] == "websocket" and isinstance(found, Response):
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] == "http" and scope["path"] == "/" and not isinstance(found, Response):
            await answer_framed(found, scope, receive, self._guarded(send))
            return
        await found(scope, receive, self._guarded(send))

    def _guarded(self, send: Send) -> Send:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *self._headers]
            await send(message)

        return guarded

    def _judge(self, connection: HTTPConnection) -> ASGIApp:
        item = _item(connection)
        language = tongue(connection.headers.get("accept-language", ""))
        if item not in self.wanted:
            if connection.url.path == HEALTH:
                return PlainTextResponse("up\n")
            return HTMLResponse(_page(say(language, "not_found")), 404)
        demo, _ = self.wanted[item]
        if not demo.public:
            require(read_identity(connection.headers.get(IDENTITY_HEADER)), Verb.USE, demo.project)
        if item not in self.live:
            return HTMLResponse(_page(say(language, "waiting"), again=True), 503, {"Retry-After": "3"})
        return self.live[item].app

    @staticmethod
    def _told(connection: HTTPConnection, error: AtriumError) -> Response:
        if "text/html" in connection.headers.get("accept", "") and isinstance(error, Forbidden):
            language = tongue(connection.headers.get("accept-language", ""))
            return HTMLResponse(_page(say(language, "refused")), error.status)
        return JSONResponse(error_body(error, accepted=connection.headers.get("accept-language", "")), error.status)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        task = asyncio.create_task(self._keep())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        task.cancel()
        for item in list(self.live):
            await self._drop(item)
        await send({"type": "lifespan.shutdown.complete"})

    async def _keep(self) -> None:
        while True:
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001  the loop's outermost edge: logged under a reference
                unexpected(error)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Opens demos whose service serves, drops those that went, opens changed ones again."""
        self.wanted = await asyncio.to_thread(wanted_demos)
        for item in [item for item in self.live if not self._holds(item)]:
            await self._drop(item)
        for item, (demo, found) in self.wanted.items():
            if found is not None and item not in self.live:
                self.live[item] = await _open(demo, found)
                log.info("demo %s is open", item)

    def _holds(self, item: str) -> bool:
        wanted = self.wanted.get(item)
        return wanted is not None and wanted[1] is not None and self.live[item].stamp == _stamp(wanted[0], wanted[1])

    async def _drop(self, item: str) -> None:
        gone = self.live.pop(item)
        gone.page.close()
        await gone.stack.aclose()
        await asyncio.to_thread(gone.asker.close)
        log.info("demo %s is closed", item)


def _page(text: str, again: bool = False) -> str:
    refresh = '<meta http-equiv="refresh" content="3">' if again else ""
    style = (
        "font:14px Inter,'Noto Sans CJK SC',sans-serif;max-width:34rem;margin:18vh auto;padding:0 1rem;color:#475467"
    )
    return (
        f'<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">{refresh}'
        f'<title>Atrium</title><main style="{style}"><p>{text}</p></main>'
    )
