"""The plugin itself: an ASGI layer that decides on each request before MLflow sees it, and tells of each change after."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import httpx
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from atrium.database import writing
from atrium.errors import AtriumError, Forbidden, TooLarge
from atrium.events import emit
from atrium.identity import IDENTITY_HEADER, Actor, Kind, Verb, read_identity, require
from atrium.storage import nearly_full, storage_full
from model_registry.backends.mlflow import EXPECTED_HEADER
from model_registry.server.aliases import WORKSPACE, check_expected, holding
from model_registry.server.places import check_places
from model_registry.server.routes_table import PREFIX, Demand, demand, why_refused
from model_registry.server.workspaces import choose, ensure
from model_registry.worker import EXPERIMENT, MODEL, RUN, STARTED
from tenancy import audit

ALIAS_ACTIONS = frozenset({"post-alias", "delete-alias"})
USER_TAG = "mlflow.user"
LONGEST_NOTED_BODY = 4 * 1024 * 1024
LARGEST_BODY = 16 * 1024 * 1024
FILE_NOUNS = frozenset({"mlflow-artifacts", "upload-artifact"})
CODES = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    409: "RESOURCE_CONFLICT",
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
        reason = why_refused(method, path) or "this route of MLflow is not open on this platform"
        raise RouteRefused(f"{method} {path}", reason, "docs/models.md lists what is open")
    if wanted.verb is None:
        return Admitted(who, None, wanted)
    named = headers.get(WORKSPACE) or parse_qs(query).get("workspace", [""])[0]
    if wanted.noun == "workspaces":
        named = path.rstrip("/").rsplit("/", 1)[-1]
    project = choose(who, named)
    require(who, wanted.verb, project)
    ensure(project)
    return Admitted(who, project, wanted)


def record(admitted: Admitted, path: str, body: bytes, answer: bytes) -> None:
    """Writes the audit line and the event of a change that MLflow has answered well."""
    project, wanted = str(admitted.project), admitted.demand
    said = _said(body)
    changed = changed_object(wanted, said, _parsed(answer))
    with writing() as session:
        if not wanted.quiet:
            named = changed[1] if changed else said.get("name") or path.rstrip("/").rsplit("/", 1)[-1]
            detail = ", ".join(f"{key} {said[key]}" for key in ("alias", "version", "new_name", "key") if key in said)
            audit(session, admitted.who, f"mlflow.{wanted.noun}.{wanted.action}"[:60], project, named, detail)
        if changed:
            told = {key: said[key] for key in ("new_name", "alias") if key in said} | changed[2]
            payload = {"action": wanted.action, "by": admitted.who.name, "made": wanted.action == "create"} | told
            emit(session, changed[0], project, changed[1], payload)


def changed_object(
    wanted: Demand, said: Mapping[str, str], answered: Mapping[str, Any]
) -> tuple[str, str, dict[str, str]] | None:
    """Kind of event, name of the object, and more of its name, of a change that lists show; None for others."""
    if wanted.noun == "experiments":
        return EXPERIMENT, said.get("experiment_id") or str(answered.get("experiment_id", "")), {}
    if wanted.noun == "runs":
        info = (answered.get("run") or answered.get("run_info") or {}).get("info") or {}
        return RUN, said.get("run_id") or said.get("run_uuid") or str(info.get("run_id", "")), {}
    if wanted.noun == "registered-models":
        return MODEL, said.get("name", ""), {}
    if wanted.noun == "model-versions":
        version = said.get("version") or str((answered.get("model_version") or {}).get("version", ""))
        return MODEL, said.get("name", ""), {"version": version}
    return None


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body) if body else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _said(body: bytes) -> dict[str, str]:
    """The short texts in a JSON body, to name what was changed."""
    wanted = ("name", "run_id", "run_uuid", "experiment_id", "version", "alias", "new_name", "key")
    return {key: str(value)[:250] for key, value in _parsed(body).items() if key in wanted}


def made_by(who: Actor, body: bytes) -> bytes:
    """A new run's body with who makes it, in place of the name that the client's machine has for its user (in a step `step`)."""
    said = _parsed(body)
    tags = [one for one in said.get("tags") or [] if isinstance(one, dict) and one.get("key") != USER_TAG]
    return json.dumps({**said, "user_id": who.name, "tags": [*tags, {"key": USER_TAG, "value": who.name}]}).encode()


def note_start() -> None:
    """Tells that MLflow's server began anew: what its predecessor did not tell before it died is looked for."""
    with writing() as session:
        emit(session, STARTED, "", "mlflow", {})


async def whole_body(receive: Receive) -> bytes:
    """A request's body. Raises `TooLarge` over 16 MiB."""
    parts, more = bytearray(), True
    while more:
        message = await receive()
        parts.extend(message.get("body", b""))
        more = message.get("more_body", False) and message["type"] == "http.request"
        if len(parts) > LARGEST_BODY:
            raise TooLarge("the request", f"at most {LARGEST_BODY} bytes", "send it in parts, or files as artifacts")
    return bytes(parts)


def again(body: bytes, receive: Receive | None = None) -> Receive:
    """Gives a body that was read already, and then whatever comes."""
    given = [{"type": "http.request", "body": body, "more_body": False}]

    async def give() -> Message:
        if given:
            return given.pop()
        return await receive() if receive else {"type": "http.disconnect"}

    return give


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
        if admitted.demand.noun == "workspaces" and admitted.project is None:
            await self._list_workspaces(admitted.who)(scope, receive, send)
        elif path == "/atrium/plugin":
            await JSONResponse({"plugin": "atrium"})(scope, receive, send)
        elif admitted.demand.verb is Verb.WRITE and admitted.demand.noun not in FILE_NOUNS:
            await self._change(admitted, path, scope, receive, send)
        else:
            await self._forward(admitted, path, scope, receive, send)

    async def _change(self, admitted: Admitted, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Looks at what a change says before MLflow does."""
        try:
            body = await whole_body(receive)
            check_places(str(admitted.project), body)
            if (admitted.demand.noun, admitted.demand.action) == ("runs", "create"):
                body = made_by(admitted.who, body)
                MutableHeaders(scope=scope)["content-length"] = str(len(body))
            if admitted.demand.action in ALIAS_ACTIONS:
                await self._move_alias(admitted, path, scope, body, send)
            else:
                await self._forward(admitted, path, scope, again(body, receive), send)
        except AtriumError as error:
            await refusal(error)(scope, receive, send)

    @staticmethod
    def _list_workspaces(who: Actor) -> Response:
        return JSONResponse({"workspaces": [{"name": project, "description": ""} for project in who.projects]})

    async def _move_alias(self, admitted: Admitted, path: str, scope: Scope, body: bytes, send: Send) -> None:
        """Lets one writer at a time move an alias. Raises `AliasMoved` for who comes second, or expected it elsewhere."""
        said, project = _said(body), str(admitted.project)
        model, alias = said.get("name", ""), said.get("alias", "")
        expected = Headers(scope=scope).get(EXPECTED_HEADER)
        held = holding(admitted.who, project, model, alias)
        await run_in_threadpool(held.__enter__)
        try:
            if expected is not None:
                await check_expected(self.inner, project, model, alias, expected)
            await self._forward(admitted, path, scope, again(body), send)
        finally:
            await run_in_threadpool(held.__exit__, None, None, None)

    async def _forward(self, admitted: Admitted, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        headers = MutableHeaders(scope=scope)
        if admitted.project:
            headers[WORKSPACE] = admitted.project
        changes = admitted.demand.verb is Verb.WRITE
        heard, held = bytearray(), list[Message]()

        async def listen() -> Message:
            message = await receive()
            if changes and message["type"] == "http.request" and len(heard) <= LONGEST_NOTED_BODY:
                heard.extend(message.get("body", b""))
            return message

        async def answer(message: Message) -> None:
            if (
                message["type"] == "http.response.start"
                and admitted.who.kind is Kind.SESSION
                and admitted.demand.downloads
            ):
                MutableHeaders(raw=message["headers"]).update(ATTACHMENT)
            if not changes:
                await send(message)
                return
            held.append(message)  # whoever has the answer to a change may look at once, so it is noted first
            if message["type"] == "http.response.body" and not message.get("more_body"):
                await give()

        async def give() -> None:
            if held[0]["status"] >= httpx.codes.INTERNAL_SERVER_ERROR and nearly_full():
                await refusal(storage_full(f"{scope['method']} {path}"))(scope, receive, send)
                return
            if held[0]["status"] < httpx.codes.BAD_REQUEST:
                told = b"".join(one.get("body", b"") for one in held[1:])
                await run_in_threadpool(record, admitted, path, bytes(heard), told)
            for one in held:
                await send(one)

        await self.inner(scope, listen, answer)
