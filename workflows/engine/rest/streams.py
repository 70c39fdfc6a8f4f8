"""What changes and what pods write, as it happens."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from atrium.clock import now
from atrium.errors import AtriumError
from atrium.identity import Verb
from workflows.engine.expressions import ExpressionInvalid
from workflows.engine.listing import Query
from workflows.engine.logs import Asked, stream_logs
from workflows.engine.masks import Mask
from workflows.engine.pods import Place
from workflows.engine.rest.desk import Desk
from workflows.engine.rest.frames import Frames
from workflows.engine.rest.queries import list_query, masked, number, pattern
from workflows.engine.selectors import SelectorInvalid, Term, fits_fields, fits_labels
from workflows.engine.state import Json, Workflow
from workflows.engine.watching import ADDED, DELETED, MODIFIED, Watcher

KEEP_ALIVE_SECONDS = 15
FIRST = 500
TAIL = "logOptions.tailLines"
TOLD = (AtriumError, HTTPException, SelectorInvalid)


def _is_name(query: Query, term: Term) -> bool:
    return len(query.fields) == 1 and term.key == "metadata.name" and term.operator == "in"


class Streams:
    """`/api/v1/workflow-events`, `/api/v1/stream/events` and logs."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def events(self, request: Request) -> Response:
        """GET /workflow-events/{namespace}: what changes, as it changes.

        First comes what is there; with `listOptions.resourceVersion` only what changed since.
        """
        frames = Frames.asked(request)
        try:
            namespace = request.path_params.get("namespace") or ""
            namespaces = self.desk.readable(request, namespace)
            query, _ = list_query(request.query_params, namespaces, watched=True)
            query = self._named(query, namespace)
            since = number(request.query_params, "listOptions.resourceVersion")
        except TOLD as error:
            return frames.refused(error)
        mask = Mask(request.query_params.get("fields") or "", "result.object.")
        stream = self._events(query, since, mask, frames)
        return StreamingResponse(stream, media_type=frames.media_type, headers={"X-Accel-Buffering": "no"})

    def _named(self, query: Query, namespace: str) -> Query:
        """The query with `@latest` replaced by the name that it means. A name alone must be there, else 404."""
        fields = [
            replace(term, values=(self.desk.find(namespace, term.values[0]).name,))
            if term.values == ("@latest",) or (namespace and _is_name(query, term))
            else term
            for term in query.fields
        ]
        return replace(query, fields=fields)

    async def _events(self, query: Query, since: int, mask: Mask, frames: Frames) -> AsyncIterator[str]:
        names = query.namespaces
        watcher = Watcher(names[0] if names and len(names) == 1 else None)
        self.desk.runner.watchers.add(watcher)
        shown: set[str] = set()
        try:
            yield frames.alive
            async for uid in self._first(Query(**{**query.__dict__, "newer_than": since, "limit": FIRST})):
                workflow = self.desk.by_uid(uid)
                if workflow is not None:
                    shown.add(uid)
                    yield frames.told(self._event(ADDED, workflow, mask))
            while True:
                try:
                    uid, gone = await asyncio.wait_for(watcher.next(), KEEP_ALIVE_SECONDS)
                except TimeoutError:
                    yield frames.alive
                    continue
                workflow = Workflow(gone) if gone is not None else self.desk.by_uid(uid)
                if workflow is None or (names is not None and workflow.namespace not in names):
                    continue
                fits = gone is None and _fits(query, workflow)
                if fits or uid in shown:
                    kind = DELETED if not fits else MODIFIED if uid in shown or since else ADDED
                    (shown.add if fits else shown.discard)(uid)
                    yield frames.told(self._event(kind, workflow, mask))
        finally:
            self.desk.runner.watchers.discard(watcher)

    async def _first(self, query: Query) -> AsyncIterator[str]:
        """Uids of what is there, a page at a time, so that others are served in between."""
        while True:
            found, more = self.desk.store.find(query)
            for uid, _ in found:
                yield uid
                await asyncio.sleep(0)
            if not more:
                return
            query = Query(**{**query.__dict__, "after": found[-1][1]})

    @staticmethod
    def _event(kind: str, workflow: Workflow, mask: Mask) -> str:
        text = masked(workflow, mask, mask.keeps("status.nodes")) if mask.fields else workflow.text()
        return f'{{"result": {{"type": "{kind}", "object": {text}}}}}'

    async def kubernetes_events(self, request: Request) -> Response:
        """GET /stream/events/{namespace}: Kubernetes' events, of which there are none here; the stream stays open."""
        frames = Frames.asked(request)
        try:
            self.desk.who(request, Verb.READ, request.path_params["namespace"])
        except TOLD as error:
            return frames.refused(error)

        async def quiet() -> AsyncIterator[str]:
            while True:
                yield frames.alive
                await asyncio.sleep(KEEP_ALIVE_SECONDS)

        return StreamingResponse(quiet(), media_type=frames.media_type)

    async def logs(self, request: Request) -> Response:
        """GET /workflows/{namespace}/{name}/log and /{pod}/log: lines of its pods, followed where asked."""
        frames = Frames.asked(request)
        try:
            namespace = request.path_params["namespace"]
            self.desk.who(request, Verb.READ, namespace)
            workflow = self.desk.find(namespace, request.path_params["name"])
            query = request.query_params
            pod = request.path_params.get("pod") or query.get("podName") or ""
            tail = number(query, TAIL) if TAIL in query else None
            seconds = number(query, "logOptions.sinceSeconds")
            moment = number(query, "logOptions.sinceTime.seconds")
            grep = pattern(query, "grep")
        except TOLD as error:
            return frames.refused(error)
        since = now() - timedelta(seconds=seconds) if seconds else None
        since = datetime.fromtimestamp(moment, UTC) if moment else since
        asked = Asked(
            query.get("logOptions.follow") == "true", grep, tail, query.get("logOptions.container") or "main",
            query.get("logOptions.timestamps") == "true", since,
        )  # fmt: skip
        lines = stream_logs(self.desk.runner, Place(self.desk.home, workflow), pod, asked)
        return StreamingResponse(_told(lines, frames), media_type=frames.media_type)

    def routes(self) -> list[Route]:
        """Argo Server's paths."""
        one = "/api/v1/workflows/{namespace}/{name}"
        return [
            Route(f"{one}/log", self.logs),
            Route(f"{one}/{{pod}}/log", self.logs),
            Route("/api/v1/workflow-events/{namespace}", self.events),
            Route("/api/v1/workflow-events/", self.events),
            Route("/api/v1/stream/events/{namespace}", self.kubernetes_events),
        ]


def _fits(query: Query, workflow: Workflow) -> bool:
    labels = workflow.metadata.get("labels") or {}
    return fits_labels(query.labels, labels) and fits_fields(query.fields, workflow.document)


async def _told(lines: AsyncIterator[Json], frames: Frames) -> AsyncIterator[str]:
    try:
        async for line in lines:
            yield frames.told(json.dumps({"result": line}))
    except ExpressionInvalid as error:  # a pattern that took too long on a line
        yield bytes(frames.refused(SelectorInvalid(str(error))).body).decode()
