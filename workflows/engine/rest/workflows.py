"""Workflows: submitted, listed, read, changed, deleted."""

import json

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from atrium.identity import IDENTITY_HEADER, Actor, Verb, read_identity
from workflows.engine.control import NotPossible, resume, retry, shut_down
from workflows.engine.rest.desk import Desk
from workflows.engine.rest.errors import refused
from workflows.engine.selectors import matches
from workflows.engine.state import Json, Workflow
from workflows.engine.submit import WorkflowInvalid, take_in, with_parameters

MOST_LISTED = 500
PLURALS = {
    "WorkflowTemplate": "workflowtemplates",
    "ClusterWorkflowTemplate": "clusterworkflowtemplates",
    "CronWorkflow": "cronworkflows",
}


class Workflows:
    """`/api/v1/workflows`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def create(self, request: Request) -> Response:
        """POST /workflows/{namespace}: runs a workflow; with serverDryRun only checks it."""
        namespace = request.path_params["namespace"]
        who = self.desk.who(request, Verb.WRITE, namespace)
        body = await request.json()
        document = body.get("workflow") or {}
        dry = bool(body.get("serverDryRun") or (body.get("createOptions") or {}).get("dryRun"))
        return await self._take(who, namespace, document, dry)

    async def _take(self, who: Actor, namespace: str, document: Json, dry: bool = False) -> Response:
        workflow = take_in(self.desk.store, namespace, document, who.name)
        if not dry:
            if self.desk.store.load(namespace, workflow.name):
                return refused(409, f'workflows.argoproj.io "{workflow.name}" already exists')
            self.desk.runner.add(workflow)
            await run_in_threadpool(self.desk.note, who, "workflow.submit", namespace, workflow.name)
        return JSONResponse(workflow.rendered())

    async def submit(self, request: Request) -> Response:
        """POST /workflows/{namespace}/submit: runs a template by name."""
        namespace = request.path_params["namespace"]
        who = self.desk.who(request, Verb.WRITE, namespace)
        body = await request.json()
        kind, name = str(body.get("resourceKind", "")).lower(), str(body.get("resourceName", ""))
        options = body.get("submitOptions") or {}
        document = self._from_resource(kind, namespace, name)
        if options.get("entryPoint"):
            document["spec"]["entrypoint"] = options["entryPoint"]
        labels = dict(part.split("=", 1) for part in str(options.get("labels") or "").split(",") if "=" in part)
        document["metadata"]["labels"] |= labels
        if options.get("name"):
            document["metadata"] = {"name": options["name"], "labels": document["metadata"]["labels"]}
        elif options.get("generateName"):
            document["metadata"]["generateName"] = options["generateName"]
        document = with_parameters(document, options.get("parameters") or [])
        return await self._take(who, namespace, document, bool(options.get("dryRun") or options.get("serverDryRun")))

    def _from_resource(self, kind: str, namespace: str, name: str) -> Json:
        names = {
            "workflowtemplate": "WorkflowTemplate",
            "clusterworkflowtemplate": "ClusterWorkflowTemplate",
            "cronworkflow": "CronWorkflow",
        }
        if kind not in names:
            raise WorkflowInvalid(f"Resource kind '{kind}' is not supported for submitting")
        full = names[kind]
        found = self.desk.store.template(full, "" if full.startswith("Cluster") else namespace, name)
        if found is None:
            raise HTTPException(404, f'{PLURALS[full]}.argoproj.io "{name}" not found')
        labels: Json = {}
        if full == "CronWorkflow":
            return {"metadata": {"generateName": f"{name}-", "labels": labels}, "spec": found["spec"]["workflowSpec"]}
        labels["workflows.argoproj.io/workflow-template"] = name
        reference = {"name": name} | ({"clusterScope": True} if full.startswith("Cluster") else {})
        return {"metadata": {"generateName": f"{name}-", "labels": labels}, "spec": {"workflowTemplateRef": reference}}

    async def lint(self, request: Request) -> Response:
        """POST /workflows/{namespace}/lint: checks a workflow."""
        namespace = request.path_params["namespace"]
        who = self.desk.who(request, Verb.READ, namespace)
        document = (await request.json()).get("workflow") or {}
        return JSONResponse(take_in(self.desk.store, namespace, document, who.name).rendered())

    async def listed(self, request: Request) -> Response:
        """GET /workflows/{namespace}: newest first, by selectors, paged."""
        namespace = request.path_params.get("namespace") or ""
        who = (
            self.desk.who(request, Verb.READ, namespace)
            if namespace
            else read_identity(request.headers.get(IDENTITY_HEADER))
        )
        query = request.query_params
        limit = min(int(query.get("listOptions.limit") or 0) or MOST_LISTED, MOST_LISTED)
        offset = int(query.get("listOptions.continue") or 0)
        labels, fields = query.get("listOptions.labelSelector", ""), query.get("listOptions.fieldSelector", "")
        found: list[Json] = []
        seen = offset
        for document in self.desk.store.listed(namespace or None, MOST_LISTED * 20, offset):
            seen += 1
            if not namespace and not who.may(Verb.READ, document["metadata"]["namespace"]):
                continue
            if matches(document, labels, fields):
                live = self.desk.runner.live.get(document["metadata"]["uid"])
                found.append(live.rendered() if live else document)
            if len(found) == limit:
                break
        more = {"continue": str(seen)} if len(found) == limit else {}
        return JSONResponse({"metadata": {"resourceVersion": "1"} | more, "items": found or None})

    async def get(self, request: Request) -> Response:
        """GET /workflows/{namespace}/{name}."""
        namespace = request.path_params["namespace"]
        self.desk.who(request, Verb.READ, namespace)
        return JSONResponse(self.desk.find(namespace, request.path_params["name"]).rendered())

    async def delete(self, request: Request) -> Response:
        """DELETE /workflows/{namespace}/{name}: ends it and forgets it."""
        namespace, name = request.path_params["namespace"], request.path_params["name"]
        who = self.desk.who(request, Verb.WRITE, namespace)
        workflow = self.desk.find(namespace, name)
        if workflow.uid in self.desk.runner.live:
            workflow.spec["shutdown"] = "Terminate"
            self.desk.runner._end_pods(workflow)
        self.desk.runner.forget(workflow)
        await run_in_threadpool(self.desk.note, who, "workflow.delete", namespace, name)
        return JSONResponse({})

    async def act(self, request: Request) -> Response:
        """PUT /workflows/{namespace}/{name}/{action}."""
        namespace, name, action = (request.path_params[key] for key in ("namespace", "name", "action"))
        who = self.desk.who(request, Verb.WRITE, namespace)
        text = await request.body()
        body = json.loads(text) if text else {}
        workflow = self.desk.find(namespace, name)
        await run_in_threadpool(self.desk.note, who, f"workflow.{action}", namespace, name)
        if action == "resubmit":
            return await self._resubmit(who, workflow, body)
        self._change(workflow, action, body)
        self.desk.runner.live[workflow.uid] = workflow
        self.desk.store.save(workflow)
        if action == "retry":
            self.desk.runner._issue_token(workflow, who.name)
        self.desk.runner.kick(workflow)
        return JSONResponse(workflow.rendered())

    async def _resubmit(self, who: Actor, workflow: Workflow, body: Json) -> Response:
        metadata = workflow.metadata
        prefix = metadata.get("generateName") or f"{workflow.name}-"
        labels = {
            key: value
            for key, value in (metadata.get("labels") or {}).items()
            if not key.startswith("workflows.argoproj.io/")
        }
        labels["workflows.argoproj.io/resubmitted-from-workflow"] = workflow.name
        spec = {key: value for key, value in workflow.document["spec"].items() if key != "shutdown"}
        again = {"metadata": {"generateName": prefix, "labels": labels}, "spec": spec}
        return await self._take(who, workflow.namespace, with_parameters(again, body.get("parameters") or []))

    @staticmethod
    def _change(workflow: Workflow, action: str, body: Json) -> None:
        if action == "retry":
            retry(workflow)
        elif action == "resume":
            resume(workflow, body.get("nodeFieldSelector") or "")
        elif action in ("stop", "terminate"):
            shut_down(workflow, "Stop" if action == "stop" else "Terminate", body.get("message") or "")
        else:
            raise NotPossible(
                f"{action} is not supported by this server; retry, resubmit, resume, stop and terminate are"
            )

    def routes(self) -> list[Route]:
        """Argo Server's paths."""
        every, one = "/api/v1/workflows/{namespace}", "/api/v1/workflows/{namespace}/{name}"
        return [
            Route(f"{every}/lint", self.lint, methods=["POST"]),
            Route(f"{every}/submit", self.submit, methods=["POST"]),
            Route(every, self.create, methods=["POST"]),
            Route(every, self.listed),
            Route("/api/v1/workflows/", self.listed),
            Route(one, self.get),
            Route(one, self.delete, methods=["DELETE"]),
            Route(f"{one}/{{action}}", self.act, methods=["PUT"]),
        ]
