"""Workflows: submitted, listed, read, deleted."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from atrium.identity import Actor, Verb
from workflows.engine.control import update
from workflows.engine.listing import continue_token
from workflows.engine.masks import Mask
from workflows.engine.rest.body import part, read_body, texts, worked
from workflows.engine.rest.desk import Desk, answer, answer_list, answer_workflow
from workflows.engine.rest.errors import UNKNOWN, refused
from workflows.engine.rest.queries import check_namespace, is_to_be_deleted, list_query, masked, shown
from workflows.engine.state import Json
from workflows.engine.submit import check, take_in, with_parameters
from workflows.engine.validate import WorkflowInvalid
from workflows.engine.validate.fields import read_fields

PLURALS = {
    "WorkflowTemplate": "workflowtemplates",
    "ClusterWorkflowTemplate": "clusterworkflowtemplates",
    "CronWorkflow": "cronworkflows",
}
SHORT = {
    "workflowtemplate": "WorkflowTemplate", "workflowtemplates": "WorkflowTemplate", "wftmpl": "WorkflowTemplate",
    "clusterworkflowtemplate": "ClusterWorkflowTemplate", "clusterworkflowtemplates": "ClusterWorkflowTemplate",
    "cwft": "ClusterWorkflowTemplate", "cronworkflow": "CronWorkflow", "cronworkflows": "CronWorkflow",
    "cwf": "CronWorkflow", "cronwf": "CronWorkflow",
}  # fmt: skip
OF_TEMPLATE, OF_CLUSTER_TEMPLATE, OF_CRON = (
    f"workflows.argoproj.io/{kind}" for kind in ("workflow-template", "cluster-workflow-template", "cron-workflow")
)


class Workflows:
    """`/api/v1/workflows`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def create(self, request: Request) -> Response:
        """POST /workflows/{namespace}: runs a workflow; with createOptions.dryRun or serverDryRun only checks it."""
        namespace = request.path_params["namespace"]
        who = self.desk.who(request, Verb.WRITE, namespace)
        body = await read_body(request)
        document = body.get("workflow")
        if not isinstance(document, dict):
            raise WorkflowInvalid("workflow body not specified")
        document = {
            key: value for key, value in document.items() if key != "status"
        }  # what it did is for the server to say
        dry = bool(part(body, "createOptions").get("dryRun"))
        return await self.take(request, who, namespace, document, dry, bool(body.get("serverDryRun")))

    async def take(
        self, request: Request, who: Actor, namespace: str, document: Json, dry: bool = False, server_dry: bool = False
    ) -> Response:
        """Runs a document; `dry` only checks it, `server_dry` also gives it name and id."""
        if dry:
            await worked(request, lambda: check(self.desk.store, namespace, document))
            return answer(document)
        workflow = await worked(request, lambda: take_in(self.desk.store, namespace, document, who.name))
        if not server_dry:
            if self.desk.store.load(namespace, workflow.name):
                told = f'workflows.argoproj.io "{workflow.name}" already exists'
                generated = ", the server was not able to generate a unique name for the object"  # as Kubernetes adds
                return refused(409, told + (generated if workflow.metadata.get("generateName") else ""))
            taken = self.desk.runner.add(workflow)
            await self.desk.note(who, "workflow.submit", namespace, workflow.name)
            return Response(taken, media_type="application/json")
        return answer_workflow(workflow)

    async def submit(self, request: Request) -> Response:
        """POST /workflows/{namespace}/submit: runs a template or cron workflow by name."""
        namespace = request.path_params["namespace"]
        who = self.desk.who(request, Verb.WRITE, namespace)
        body = await read_body(request)
        options = part(body, "submitOptions")
        document = self._from_resource(
            str(body.get("resourceKind") or ""), namespace, str(body.get("resourceName") or "")
        )
        _apply(document, options)
        dry, server_dry = bool(options.get("dryRun")), bool(options.get("serverDryRun"))
        return await self.take(request, who, namespace, document, dry, server_dry)

    def _from_resource(self, kind: str, namespace: str, name: str) -> Json:
        full = SHORT.get(kind.lower())
        if full is None:
            raise WorkflowInvalid(f"Resource kind '{kind}' is not supported for submitting")
        found = self.desk.store.template(full, "" if full.startswith("Cluster") else namespace, name)
        if found is None:
            raise WorkflowInvalid(f'{PLURALS[full]}.argoproj.io "{name}" not found', missing=True)
        if full == "CronWorkflow":
            added = found["spec"].get("workflowMetadata") or {}
            metadata = {"generateName": f"{name}-", "labels": {**(added.get("labels") or {}), OF_CRON: name}}
            metadata["annotations"] = dict(added.get("annotations") or {})
            return {"metadata": metadata, "spec": found["spec"]["workflowSpec"]}
        cluster = full.startswith("Cluster")
        labels = {OF_CLUSTER_TEMPLATE if cluster else OF_TEMPLATE: name}
        reference = {"name": name} | ({"clusterScope": True} if cluster else {})
        return {"metadata": {"generateName": f"{name}-", "labels": labels}, "spec": {"workflowTemplateRef": reference}}

    async def lint(self, request: Request) -> Response:
        """POST /workflows/{namespace}/lint: checks a workflow. What is wrong comes as Argo tells it, as an unknown error."""
        namespace = request.path_params["namespace"]
        self.desk.who(request, Verb.READ, namespace)
        document = (await read_body(request)).get("workflow")
        try:
            if not isinstance(document, dict):
                raise WorkflowInvalid("unable to get a workflow")
            await worked(request, lambda: check(self.desk.store, namespace, document, lint=True))
        except WorkflowInvalid as error:
            if error.missing or error.unread:
                raise
            return refused(500, str(error), UNKNOWN)
        return answer(document)

    async def listed(self, request: Request) -> Response:
        """GET /workflows/{namespace}: newest first, by selectors, at most 500 a page."""
        namespaces = self.desk.readable(request, request.path_params.get("namespace") or "")
        query, counted = list_query(request.query_params, namespaces)
        check_namespace(query, request.path_params.get("namespace") or "")
        mask = Mask(request.query_params.get("fields") or "")
        found, more = self.desk.store.find(query)
        live = self.desk.runner.live
        items = [text for uid, _ in found if (text := shown(self.desk.store, live.get(uid), uid, mask))]
        metadata: Json = {"resourceVersion": str(self.desk.store.version)}
        if more:
            metadata["continue"] = continue_token(found[-1][1])
        if counted:
            metadata["remainingItemCount"] = self.desk.store.remaining(query, len(found))
        return answer_list(metadata, items)

    async def get(self, request: Request) -> Response:
        """GET /workflows/{namespace}/{name}; `fields` keeps parts of it, `uid` (of Argo 4) finds the one of that name in the archive too."""
        namespace, name = request.path_params["namespace"], request.path_params["name"]
        self.desk.who(request, Verb.READ, namespace)
        kept = self.desk.store.by_uid(request.query_params.get("uid") or "")
        is_it = kept is not None and kept.done and (kept.namespace, kept.name) == (namespace, name)
        workflow = kept if kept is not None and is_it else self.desk.find(namespace, name)
        if wanted := request.query_params.get("getOptions.resourceVersion"):
            _check_version(wanted)
        mask = Mask(request.query_params.get("fields") or "")
        if mask.fields:
            return Response(masked(workflow, mask, mask.keeps("status.nodes")), media_type="application/json")
        return answer_workflow(workflow)

    async def update(self, request: Request) -> Response:
        """PUT /workflows/{namespace}/{name}: changes labels, annotations and what of the spec may change. A call of this server's own."""
        namespace, name = request.path_params["namespace"], request.path_params["name"]
        who = self.desk.who(request, Verb.WRITE, namespace)
        wanted = part(await read_body(request), "workflow")
        read_fields("Workflow", {key: wanted[key] for key in ("metadata", "spec") if key in wanted}, "workflow.")
        workflow = self.desk.find(namespace, name)
        update(workflow, wanted)
        if workflow.done:
            self.desk.store.save(workflow)
            self.desk.runner.tell(workflow)
        else:
            self.desk.runner.take_up(workflow)
        answered = answer_workflow(workflow)
        await self.desk.note(who, "workflow.update", namespace, name)
        return answered

    async def delete(self, request: Request) -> Response:
        """DELETE /workflows/{namespace}/{name}: ends it and takes it from the lists."""
        namespace, name = request.path_params["namespace"], request.path_params["name"]
        who = self.desk.who(request, Verb.WRITE, namespace)
        workflow = self.desk.find(namespace, name)
        if not is_to_be_deleted(request.query_params, workflow.metadata):
            return answer({})
        self.desk.runner.remove(workflow)
        await self.desk.note(who, "workflow.delete", namespace, workflow.name)
        return answer({})

    def routes(self) -> list[Route]:
        """Argo Server's paths."""
        every, one = "/api/v1/workflows/{namespace}", "/api/v1/workflows/{namespace}/{name}"
        return [
            Route(f"{every}/lint", self.lint, methods=["POST"]),
            Route(f"{every}/submit", self.submit, methods=["POST"]),
            Route(every, self.create, methods=["POST"]),
            Route(every, self.listed),
            Route("/api/v1/workflows/", self.listed),
            Route("/api/v1/workflows", self.listed),
            Route(one, self.get),
            Route(one, self.update, methods=["PUT"]),
            Route(one, self.delete, methods=["DELETE"]),
        ]


def _check_version(text: str) -> None:
    if not text.isdigit():
        raise HTTPException(400, f"getOptions.resourceVersion {text!r} is no number")


def _pairs(text: str, title: str) -> dict[str, str]:
    found = {}
    for pair in filter(None, text.split(",")):
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise WorkflowInvalid(f"expected {title} of the form: NAME1=VALUE2,NAME2=VALUE2. Received: {text}")
        found[key] = value
    return found


def _apply(document: Json, options: Json) -> None:
    """Puts submit options over a workflow, as Argo does."""
    metadata, spec = document["metadata"], document["spec"]
    for key, name in (("entryPoint", "entrypoint"), ("serviceAccount", "serviceAccountName"),
                      ("podPriorityClassName", "podPriorityClassName"), ("priority", "priority")):  # fmt: skip
        if options.get(key):
            spec[name] = options[key]
    metadata["labels"] = {**(metadata.get("labels") or {}), **_pairs(str(options.get("labels") or ""), "labels")}
    annotations = _pairs(str(options.get("annotations") or ""), "Annotations")
    metadata["annotations"] = {**(metadata.get("annotations") or {}), **annotations}
    if given := texts(options.get("parameters"), "submitOptions.parameters"):
        spec["arguments"] = with_parameters(spec.get("arguments"), given)
    for key in ("generateName", "name"):
        if options.get(key):
            metadata[key] = options[key]
