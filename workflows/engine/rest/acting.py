"""What is done to a workflow: PUT of a verb."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from atrium.identity import Actor, Verb
from workflows.engine.control import (
    Change,
    NotPossible,
    resubmitted,
    resume,
    retry,
    set_nodes,
    shut_down,
    suspend,
)
from workflows.engine.pods import Place
from workflows.engine.rest.body import read_body, texts
from workflows.engine.rest.desk import Desk, answer_workflow
from workflows.engine.rest.workflows import Workflows
from workflows.engine.state import Json, Workflow, pod_name
from workflows.engine.submit import with_parameters
from workflows.engine.validate import WorkflowInvalid

ACTIONS = ("retry", "resubmit", "resume", "suspend", "stop", "terminate", "set")
PHASES = ("Succeeded", "Failed", "Error", "")
ACTOR, ACTION = "workflows.argoproj.io/actor", "workflows.argoproj.io/action"
LABELLED = {"suspend": "Suspend", "resume": "Resume", "stop": "Stop", "terminate": "Terminate"}


class Acting:
    """`/api/v1/workflows/{namespace}/{name}/{action}`."""

    def __init__(self, desk: Desk, workflows: Workflows) -> None:
        self.desk, self.workflows = desk, workflows

    async def act(self, request: Request) -> Response:
        """PUT /workflows/{namespace}/{name}/{action}."""
        namespace, name, action = (request.path_params[key] for key in ("namespace", "name", "action"))
        who = self.desk.who(request, Verb.WRITE, namespace)
        if action not in ACTIONS:
            raise HTTPException(404, f"{action!r} is not done to a workflow; {', '.join(ACTIONS)} are")
        body = await read_body(request)
        workflow = self.desk.find(namespace, name)
        if action == "resubmit":
            return await self.resubmit(request, who, workflow, body)
        return await self.change(who, workflow, action, body)

    async def change(self, who: Actor, workflow: Workflow, action: str, body: Json) -> Response:
        """Does it, writes it down, and has the workflow go on; the answer is as it was left. Raises `NotPossible`, `WorkflowInvalid`."""
        selector = str(body.get("nodeFieldSelector") or "")
        doing: dict[str, Callable[[], None]] = {
            "suspend": lambda: suspend(workflow),
            "resume": lambda: resume(workflow, selector, who.name),
            "set": lambda: set_nodes(workflow, selector, _change(body)),
            "stop": lambda: self._stop(workflow, selector, str(body.get("message") or "")),
            "terminate": lambda: shut_down(workflow, "Terminate"),
            "retry": lambda: self._retry(workflow, body),
        }
        doing[action]()
        if action in LABELLED:
            workflow.metadata.setdefault("labels", {}).update({ACTOR: who.name, ACTION: LABELLED[action]})
        self.desk.runner.take_up(workflow, who.name if action == "retry" else "")
        answered = answer_workflow(workflow)
        await self.desk.note(who, f"workflow.{action}", workflow.namespace, workflow.name)
        return answered

    @staticmethod
    def _stop(workflow: Workflow, selector: str, message: str) -> None:
        if selector:
            set_nodes(workflow, selector, Change("Failed", message))
        else:
            shut_down(workflow, "Stop")

    def _retry(self, workflow: Workflow, body: Json) -> None:
        given = texts(body.get("parameters"), "parameters")
        with _as_internal_error():
            gone = retry(workflow, bool(body.get("restartSuccessful")), str(body.get("nodeFieldSelector") or ""), given)
        place = Place(self.desk.home, workflow)
        for node in gone:
            template = node.get("templateName") or (node.get("templateRef") or {}).get("template", "")
            shutil.rmtree(place.folder(pod_name(workflow.name, template, node["name"])), ignore_errors=True)

    async def resubmit(self, request: Request, who: Actor, workflow: Workflow, body: Json) -> Response:
        """Runs the same once more under a new name. Raises `NotPossible`, `WorkflowInvalid`."""
        again = resubmitted(workflow, bool(body.get("memoized")))
        if given := texts(body.get("parameters"), "parameters"):
            with _as_internal_error():
                again["spec"]["arguments"] = with_parameters(again["spec"].get("arguments"), given)
        return await self.workflows.take(request, who, workflow.namespace, again)

    def routes(self) -> list[Route]:
        """Argo Server's paths."""
        return [Route("/api/v1/workflows/{namespace}/{name}/{action}", self.act, methods=["PUT"])]


@contextmanager
def _as_internal_error() -> Iterator[None]:
    """Has a parameter that is none told as Argo tells it here."""
    try:
        yield
    except WorkflowInvalid as error:
        raise NotPossible(str(error), broken=True) from error


def _change(body: Json) -> Change:
    phase, outputs = str(body.get("phase") or ""), body.get("outputParameters") or "{}"
    if phase not in PHASES:
        raise NotPossible(f"{phase} is an invalid phase to set to")
    try:
        found = json.loads(outputs) if isinstance(outputs, str) else outputs
    except ValueError as error:
        raise WorkflowInvalid(f"unable to parse output parameter set request: {error}") from error
    if not isinstance(found, dict):
        raise WorkflowInvalid("unable to parse output parameter set request: it is an object of texts by name")
    return Change(phase, str(body.get("message") or ""), {str(key): str(value) for key, value in found.items()})
