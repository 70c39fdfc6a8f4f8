"""What changes and what pods write, as it happens."""

import asyncio
import json
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from atrium.identity import Verb
from workflows.engine.logs import stream_logs
from workflows.engine.pods import Place
from workflows.engine.rest.desk import Desk
from workflows.engine.selectors import matches
from workflows.engine.state import Json, Workflow

MOST_SHOWN = 500


class Streams:
    """`/api/v1/workflow-events` and logs."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def events(self, request: Request) -> Response:
        """GET /workflow-events/{namespace}: what changes, as server-sent events; first what is there."""
        namespace = request.path_params["namespace"]
        self.desk.who(request, Verb.READ, namespace)
        labels, fields = (
            request.query_params.get(f"listOptions.{kind}", "") for kind in ("labelSelector", "fieldSelector")
        )
        return StreamingResponse(self._events(namespace, labels, fields), media_type="text/event-stream")

    async def _events(self, namespace: str, labels: str, fields: str) -> AsyncIterator[str]:
        queue: asyncio.Queue[Workflow] = asyncio.Queue()
        self.desk.runner.watchers.add(queue)
        try:
            for document in self.desk.store.listed(namespace, MOST_SHOWN, 0):
                if matches(document, labels, fields):
                    found = self.desk.runner.live.get(document["metadata"]["uid"]) or self.desk.store.by_uid(
                        document["metadata"]["uid"]
                    )
                    if found:
                        yield _event({"type": "ADDED", "object": found.rendered()})
            while True:
                workflow = await queue.get()
                if workflow.namespace == namespace and matches(workflow.document, labels, fields):
                    yield _event({"type": "MODIFIED", "object": workflow.rendered()})
        finally:
            self.desk.runner.watchers.discard(queue)

    async def logs(self, request: Request) -> Response:
        """GET /workflows/{namespace}/{name}/log and /{pod}/log: lines of its pods, followed where asked."""
        namespace = request.path_params["namespace"]
        self.desk.who(request, Verb.READ, namespace)
        workflow = self.desk.find(namespace, request.path_params["name"])
        query = request.query_params
        pod = request.path_params.get("pod") or query.get("podName") or ""
        lines = stream_logs(
            self.desk.runner, Place(self.desk.home, workflow), pod, query.get("logOptions.follow") == "true", query.get("grep", ""),
            int(query.get("logOptions.tailLines") or 0),
        )  # fmt: skip
        return StreamingResponse((_event(line) async for line in lines), media_type="text/event-stream")

    def routes(self) -> list[Route]:
        """Argo Server's paths."""
        one = "/api/v1/workflows/{namespace}/{name}"
        return [
            Route(f"{one}/log", self.logs),
            Route(f"{one}/{{pod}}/log", self.logs),
            Route("/api/v1/workflow-events/{namespace}", self.events),
        ]


def _event(payload: Json) -> str:
    return f"data: {json.dumps({'result': payload})}\n\n"
