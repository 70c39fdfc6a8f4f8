"""The plugin itself: an ASGI layer that decides on each request before MLflow sees it, and tells of each change after."""

import json
import logging
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from atrium.database import writing
from atrium.errors import AtriumError, Forbidden
from atrium.events import emit
from atrium.identity import IDENTITY_HEADER, Actor, Kind, Verb, read_identity, require
from atrium.storage import nearly_full, storage_full
from model_registry.server.routes_table import PREFIX, Demand, demand
from model_registry.server.workspaces import choose, ensure
from tenancy import audit

log = logging.getLogger(__name__)
WORKSPACE = "x-mlflow-workspace"
LONGEST_NOTED_BODY = 64 * 1024
QUIET_NOUNS = frozenset(
    {"metrics", "artifact", "upload-artifact", "traces"}
)  # many a second: told as events, not audited
QUIET_ENDS = (
    "log-metric",
    "log-batch",
    "log-parameter",
    "set-tag",
    "log-inputs",
    "outputs",
    "params",
    "tags",
    "log-model",
)
MODEL_NOUNS = frozenset({"registered-models", "model-versions"})
CODES = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    507: "RESOURCE_LIMIT_EXCEEDED",
}
ATTACHMENT = {
    "content-disposition": "attachment",
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox; default-src 'none'",
}


class RouteRefused(Forbidden):
    """MLflow's route is not open here."""


def refusal(error: AtriumError) -> Response:
    """An error in the shape that MLflow's clients print."""
    code = CODES.get(error.status, "INVALID_PARAMETER_VALUE")
    return JSONResponse({"error_code": code, "message": str(error)}, error.status)


@dataclass(frozen=True)
class Admitted:
    """A request that may go on: who asks, in which project, for what."""

    who: Actor
    project: str | None
    demand: Demand


def admit(method: str, path: str, headers: Headers, query: str) -> Admitted:
    """Decides on a request.

    Raises:
        NotSignedIn, Forbidden, RouteRefused, WorkspaceAmbiguous, WorkspaceNotProject.
    """
    who = read_identity(headers.get(IDENTITY_HEADER))
    wanted = demand(method, path)
    if wanted is None:
        raise RouteRefused(
            f"{method} {path}", "this route of MLflow is not open on this platform", "docs/models.md lists what is"
        )
    if wanted.verb is None:
        return Admitted(who, None, wanted)
    named = headers.get(WORKSPACE) or parse_qs(query).get("workspace", [""])[0]
    project = choose(who, named)
    require(who, wanted.verb, project)
    ensure(project)
    return Admitted(who, project, wanted)


def record(admitted: Admitted, path: str, body: bytes) -> None:
    """Writes the audit line and the event of a change that MLflow has answered well."""
    project, noun = str(admitted.project), admitted.demand.noun
    said = _said(body)
    named = said.get("name") or said.get("run_id") or said.get("experiment_id") or said.get("version") or ""
    action = path.rstrip("/").rsplit("/", 1)[-1]
    with writing() as session:
        if noun not in QUIET_NOUNS and not path.endswith(QUIET_ENDS):
            audit(session, admitted.who, f"mlflow.{noun}.{action}"[:60], project, str(named))
        if noun in MODEL_NOUNS:
            emit(session, "mlflow.model.changed", project, str(named), {"path": path} | said)
        elif noun in ("runs", "experiments", "logged-models"):
            emit(session, "mlflow.run.changed", project, str(named), {"path": path, "run_id": said.get("run_id", "")})


def _said(body: bytes) -> dict[str, str]:
    """The short texts in a JSON body, to name what was changed."""
    try:
        parsed = json.loads(body) if 0 < len(body) <= LONGEST_NOTED_BODY else {}
    except ValueError:
        return {}
    wanted = ("name", "run_id", "experiment_id", "version", "alias")
    return {key: str(parsed[key])[:200] for key in wanted if isinstance(parsed, dict) and key in parsed}


class Guard:
    """Wraps MLflow's application."""

    def __init__(self, inner: ASGIApp) -> None:
        self.inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuses, answers itself, or passes on to MLflow."""
        if scope["type"] != "http":
            await self.inner(scope, receive, send)
            return
        path = scope["path"].removeprefix(PREFIX) or "/"
        try:
            admitted = await run_in_threadpool(
                admit, scope["method"], path, Headers(scope=scope), scope["query_string"].decode()
            )
        except AtriumError as error:
            await refusal(error)(scope, receive, send)
            return
        if admitted.demand.lists_workspaces:
            await self._list_workspaces(admitted.who)(scope, receive, send)
        elif path == "/atrium/plugin":
            await JSONResponse({"plugin": "atrium"})(scope, receive, send)
        else:
            await self._forward(admitted, path, scope, receive, send)

    @staticmethod
    def _list_workspaces(who: Actor) -> Response:
        return JSONResponse({"workspaces": [{"name": project, "description": ""} for project in who.projects]})

    async def _forward(self, admitted: Admitted, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        headers = MutableHeaders(scope=scope)
        if admitted.project:
            headers[WORKSPACE] = admitted.project
        changes = admitted.demand.verb is Verb.WRITE
        heard = bytearray()
        status, told = 500, False

        async def listen() -> Message:
            message = await receive()
            if changes and message["type"] == "http.request" and len(heard) <= LONGEST_NOTED_BODY:
                heard.extend(message.get("body", b""))
            return message

        async def answer(message: Message) -> None:
            nonlocal status, told
            if told:
                return  # what MLflow says of a full disk was said in words already
            if message["type"] == "http.response.start":
                status = message["status"]
                if changes and status >= 500 and nearly_full():
                    told = True
                    await refusal(storage_full(f"{scope['method']} {path}"))(scope, receive, send)
                    return
                if admitted.who.kind is Kind.SESSION and "artifact" in admitted.demand.noun:
                    MutableHeaders(raw=message["headers"]).update(ATTACHMENT)
            if changes and message["type"] == "http.response.body" and not message.get("more_body") and status < 400:
                await run_in_threadpool(record, admitted, path, bytes(heard))
            await send(message)

        await self.inner(scope, listen, answer)
