"""Workflow templates, cluster templates and cron workflows: kept by name."""

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from atrium.identity import IDENTITY_HEADER, Verb, read_identity
from workflows.engine.rest.desk import Desk
from workflows.engine.rest.errors import refused
from workflows.engine.rest.workflows import PLURALS
from workflows.engine.submit import WorkflowInvalid, check_spec

KINDS = {"workflow-templates": "WorkflowTemplate", "cluster-workflow-templates": "ClusterWorkflowTemplate",
         "cron-workflows": "CronWorkflow"}  # fmt: skip
BODIES = {"WorkflowTemplate": "template", "ClusterWorkflowTemplate": "template", "CronWorkflow": "cronWorkflow"}


class Templates:
    """`/api/v1/workflow-templates`, `/api/v1/cluster-workflow-templates`, `/api/v1/cron-workflows`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def _kind(self, request: Request) -> tuple[str, str]:
        kind = KINDS[request.url.path.split("/")[3]]
        return kind, request.path_params.get("namespace", "")

    async def list_templates(self, request: Request) -> Response:
        """GET of a kind of template."""
        kind, namespace = self._kind(request)
        if namespace:
            self.desk.who(request, Verb.READ, namespace)
        else:
            read_identity(request.headers.get(IDENTITY_HEADER))
        return JSONResponse(
            {"metadata": {"resourceVersion": "1"}, "items": self.desk.store.templates(kind, namespace) or None}
        )

    async def put_template(self, request: Request) -> Response:
        """POST makes, PUT changes a template."""
        kind, namespace = self._kind(request)
        who = self.desk.who(request, Verb.WRITE if namespace else Verb.ADMINISTER, namespace or None)
        if kind == "CronWorkflow":
            raise WorkflowInvalid(
                "cron workflows are not run by this server yet; start runs from a schedule of your own"
            )
        document = (await request.json()).get(BODIES[kind]) or {}
        metadata = document.setdefault("metadata", {})
        if not metadata.get("name"):
            raise WorkflowInvalid("name is required")
        check_spec(document["spec"].get("workflowSpec") or document["spec"], whole=False)
        existing = self.desk.store.template(kind, namespace, metadata["name"])
        if existing and request.method == "POST":
            return refused(409, f'{PLURALS[kind]}.argoproj.io "{metadata["name"]}" already exists')
        metadata.update(uid=metadata.get("uid") or f"{kind}-{metadata['name']}", resourceVersion="1")
        if namespace:
            metadata["namespace"] = namespace
        document |= {"apiVersion": "argoproj.io/v1alpha1", "kind": kind}
        self.desk.store.put_template(kind, namespace, document)
        await run_in_threadpool(self.desk.note, who, f"{kind}.save", namespace, metadata["name"])
        return JSONResponse(document)

    async def one_template(self, request: Request) -> Response:
        """GET or DELETE of one template."""
        kind, namespace = self._kind(request)
        name = request.path_params["name"]
        if request.method == "GET":
            if namespace:
                self.desk.who(request, Verb.READ, namespace)
            found = self.desk.store.template(kind, namespace, name)
        else:
            who = self.desk.who(request, Verb.WRITE if namespace else Verb.ADMINISTER, namespace or None)
            found = {} if self.desk.store.delete_template(kind, namespace, name) else None
            if found is not None:
                await run_in_threadpool(self.desk.note, who, f"{kind}.delete", namespace, name)
        if found is None:
            raise HTTPException(404, f'{PLURALS[kind]}.argoproj.io "{name}" not found')
        return JSONResponse(found)

    def routes(self) -> list[Route]:
        """Argo Server's paths."""
        found = []
        for noun in KINDS:
            where = f"/api/v1/{noun}" if noun.startswith("cluster") else f"/api/v1/{noun}/{{namespace}}"
            found += [
                Route(where, self.list_templates),
                Route(where, self.put_template, methods=["POST"]),
                Route(f"{where}/{{name}}", self.put_template, methods=["PUT"]),
                Route(f"{where}/{{name}}", self.one_template, methods=["GET", "DELETE"]),
            ]
        return found
