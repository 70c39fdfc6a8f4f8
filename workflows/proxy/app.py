"""The proxy before a real Argo: who asks, may they, then on with the project's own account; streams flow."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from atrium.database import reading, writing
from atrium.errors import NotFound, Unavailable
from atrium.identity import IDENTITY_HEADER, Actor, read_identity, require
from atrium.settings import get_settings
from tenancy import audit, project_exists
from workflows.clusters.crons import note_cron
from workflows.clusters.home import HOME, pod_access, project_access
from workflows.clusters.kube import Json
from workflows.clusters.models import ClusterRow
from workflows.clusters.steps import as_home_run, as_home_template, note_start
from workflows.engine.rest.artifacts import HEADERS as ATTACHED
from workflows.engine.rest.body import read_body
from workflows.engine.rest.errors import HANDLERS
from workflows.proxy.asked import Asked, check_body, owned, read_asked
from workflows.proxy.exchange import run_token

KEPT_HEADERS = ("content-type", "content-disposition", "cache-control", "location")
PASSED_HEADERS = ("accept", "content-type")
JSON, NOT_KEPT = "application/json", {"cache-control": "no-store"}
MOST_REVIEWS = 8  # questions of pods at once; others wait their turn, so that nobody fills the API server with them
CONNECT_SECONDS, SEND_SECONDS = 3.0, 60.0
CONNECT_RETRIES = 2  # a busy Argo Server misses one at times, and clients that wait for a run end with the first error
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE"]


class NamespaceNotReady(Unavailable):
    """The project's namespace on the cluster is not made yet."""


class Proxy:
    """One client of the Argo Server for everybody; each request carries its project's token."""

    def __init__(self) -> None:
        settings = get_settings()
        verify: ssl.SSLContext | bool = ssl.create_default_context() if settings.argo_checked else False
        timeout = httpx.Timeout(SEND_SECONDS, connect=CONNECT_SECONDS, read=None)  # a watch is quiet for long
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
        way = httpx.AsyncHTTPTransport(verify=verify, limits=limits, trust_env=False, retries=CONNECT_RETRIES)
        self.http = httpx.AsyncClient(base_url=settings.argo_url.rstrip("/"), transport=way, timeout=timeout)
        self.reviews = asyncio.Semaphore(MOST_REVIEWS)

    async def about(self, request: Request) -> Response:
        """GET /api/v1/info and /api/v1/version: the Argo Server's own words, asked as the platform."""
        read_identity(request.headers.get(IDENTITY_HEADER))
        token = (await run_in_threadpool(pod_access)).token
        found = await self._send("GET", request.url.path, "", b"", {"authorization": f"Bearer {token}"})
        return await self._passed(found, {})

    async def userinfo(self, request: Request) -> Response:
        """GET /api/v1/userinfo: who asks, as the platform knows them."""
        who = read_identity(request.headers.get(IDENTITY_HEADER))
        return JSONResponse({"subject": who.name, "issuer": "atrium", "groups": who.projects})

    async def forward(self, request: Request) -> Response:
        """Any other call: of one project, with the right it takes."""
        who = read_identity(request.headers.get(IDENTITY_HEADER))
        asked = read_asked(request.method, request.scope["raw_path"].decode("ascii", "replace"), who.projects)
        require(who, asked.verb, asked.project)
        headers = {name: request.headers[name] for name in PASSED_HEADERS if name in request.headers}
        headers["authorization"] = f"Bearer {await run_in_threadpool(_token, asked.project)}"
        content = await self._content(request, asked, who)
        found = await self._send(request.method, asked.path, request.url.query, content, headers)
        if asked.action and found.is_success:
            await run_in_threadpool(_note, who, asked)
        if (asked.starts or asked.schedules) and found.is_success:
            return await self._noted(found, who, asked.project, note_start if asked.starts else note_cron)
        return await self._passed(found, ATTACHED if "artifact" in asked.noun else {})

    @staticmethod
    async def _noted(
        found: httpx.Response, who: Actor, project: str, note: Callable[[str, str, Json], None]
    ) -> Response:
        """The answer to what started a run, or is to start some, once it is noted who did: steps get a token with that one's rights."""
        content = await found.aread()
        await run_in_threadpool(note, who.name, project, json.loads(content))
        return Response(content, found.status_code, {"content-type": found.headers.get("content-type", JSON)})

    async def run_token(self, request: Request) -> Response:
        """POST /auth/run-token, of a pod that shows its account's token: its run's token."""
        shown = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        async with self.reviews:
            made = await run_in_threadpool(run_token, shown)
        return JSONResponse({"project": made.project, "run": made.run, "token": made.token}, headers=NOT_KEPT)

    @staticmethod
    async def _content(request: Request, asked: Asked, who: Actor) -> bytes:
        body = await read_body(request)
        if not body:
            return b""
        check_body(asked, body)
        body = owned(asked, body, who.name)
        if asked.creates and "workflow" in body:
            body["workflow"] = as_home_run(asked.project, body["workflow"])
        elif asked.keeps and isinstance(body.get(asked.keeps), dict):
            body[asked.keeps] = as_home_template(asked.project, body[asked.keeps], who.name)
        return json.dumps(body).encode()

    async def _send(
        self, method: str, path: str, query: str, content: bytes, headers: dict[str, str]
    ) -> httpx.Response:
        url = httpx.URL(path, query=query.encode()) if query else httpx.URL(path)
        try:
            return await self.http.send(
                self.http.build_request(method, url, content=content, headers=headers), stream=True
            )
        except httpx.TransportError as error:
            problem = str(error) or type(error).__name__
            told = f"ATRIUM_ARGO_URL is {get_settings().argo_url}: an Argo Server answers there"
            raise Unavailable(
                f"Argo Server did not answer ({problem})", told, "kubectl get pods -A -l app=argo-server"
            ) from error

    @staticmethod
    async def _passed(found: httpx.Response, more: dict[str, str]) -> Response:
        headers = {name: found.headers[name] for name in KEPT_HEADERS if name in found.headers}
        if more:
            headers.setdefault("content-disposition", "attachment")
        return StreamingResponse(_flowing(found), found.status_code, {**headers, **more})

    def routes(self) -> list[Route]:
        """Everything under Argo's REST."""
        return [
            Route("/api/v1/info", self.about), Route("/api/v1/version", self.about), Route("/api/v1/userinfo", self.userinfo),
            Route("/auth/run-token", self.run_token, methods=["POST"]),
            Route("/{path:path}", self.forward, methods=METHODS),
        ]  # fmt: skip


async def _flowing(found: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for part in found.aiter_bytes():
            yield part
    finally:
        await found.aclose()


def _token(project: str) -> str:
    if not project_exists(project):
        raise NotFound(f"namespace {project!r}", "a namespace is a project of the platform", "see the projects")
    with reading() as session:
        row = session.get(ClusterRow, HOME)
    if row is None or project not in row.projects:
        told = "the worker makes it within seconds of the project"
        raise NamespaceNotReady(
            f"namespace {project!r} on the cluster is not there yet",
            told,
            "try again; logs/worker.log tells why it stays away",
        )
    return project_access(row.projects[project]).token


def _note(who: Actor, asked: Asked) -> None:
    with writing() as session:
        audit(
            session,
            who,
            asked.action,
            asked.project,
            asked.path.partition(f"/{asked.project}")[2].strip("/") or asked.noun,
        )


def create_app() -> Starlette:
    """The application."""
    proxy = Proxy()

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await proxy.http.aclose()

    return Starlette(routes=proxy.routes(), exception_handlers=HANDLERS, lifespan=lifespan)
