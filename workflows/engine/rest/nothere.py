"""Calls of Argo Server that stand for things which this server does not have: answered with what, why and what to use instead."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from atrium.identity import Verb
from workflows.engine.rest.desk import Desk

REASONS = {
    "event-sources": "event sources are Argo Events', which runs on Kubernetes; start runs from a schedule or by POST …/submit",
    "sensors": "sensors are Argo Events', which runs on Kubernetes; start runs from a schedule or by POST …/submit",
    "stream/event-sources": "event sources are Argo Events', which runs on Kubernetes; watch /api/v1/workflow-events",
    "stream/sensors": "sensors are Argo Events', which runs on Kubernetes; watch /api/v1/workflow-events",
    "events": "workflow event bindings are not kept here; start a run by POST /api/v1/workflows/{namespace}/submit",
    "workflow-event-bindings": "workflow event bindings are not kept here; start a run by POST /api/v1/workflows/{namespace}/submit",
}
METHODS = ["GET", "POST", "PUT", "DELETE"]


class NotHere:
    """Argo Events and event bindings."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def refuse(self, request: Request) -> Response:
        """Any method: 501 with the reason; the right to read is checked first."""
        self.desk.who(request, Verb.READ, request.path_params["namespace"])
        noun = request.url.path.partition("/api/v1/")[2].rpartition(f"/{request.path_params['namespace']}")[0]
        reason = next((text for name, text in REASONS.items() if noun == name), "it is not kept here")
        raise HTTPException(501, f"{noun} is not served: {reason}")

    def routes(self) -> list[Route]:
        """Argo Server's paths."""
        found = []
        for noun in REASONS:
            path = f"/api/v1/{noun}/{{namespace}}"
            found += [
                Route(path, self.refuse, methods=METHODS),
                Route(f"{path}/{{rest:path}}", self.refuse, methods=METHODS),
            ]
        return found
