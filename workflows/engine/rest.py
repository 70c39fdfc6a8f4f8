"""Argo Server's REST, as its clients speak it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from atrium.database import writing
from atrium.errors import AtriumError
from atrium.home import Home
from atrium.identity import IDENTITY_HEADER, Actor, Verb, read_identity, require
from atrium.settings import get_settings
from atrium.web import unexpected
from tenancy import audit
from workflows.engine.control import NotPossible, resume, retry, shut_down
from workflows.engine.logs import stream_logs
from workflows.engine.pods import Place
from workflows.engine.runner import Runner
from workflows.engine.selectors import matches
from workflows.engine.state import Json, Workflow
from workflows.engine.store import Store
from workflows.engine.submit import WorkflowInvalid, check_spec, take_in, with_parameters

VERSION = "v3.7.3+atrium"
MOST_LISTED = 500
GRPC = {400: 3, 401: 16, 403: 7, 404: 5, 409: 6, 412: 9, 500: 13, 503: 14}
KINDS = {"workflow-templates": "WorkflowTemplate", "cluster-workflow-templates": "ClusterWorkflowTemplate",
         "cron-workflows": "CronWorkflow"}  # fmt: skip
BODIES = {"WorkflowTemplate": "template", "ClusterWorkflowTemplate": "template", "CronWorkflow": "cronWorkflow"}
PLURALS = {
    "WorkflowTemplate": "workflowtemplates",
    "ClusterWorkflowTemplate": "clusterworkflowtemplates",
    "CronWorkflow": "cronworkflows",
}
Handler = Callable[[Request], Awaitable[Response]]


def refused(status: int, message: str) -> JSONResponse:
    """An error as Argo Server words it."""
    return JSONResponse({"code": GRPC.get(status, 2), "message": message}, status)


class Server:
    """The routes over one runner and store."""

    def __init__(self, home: Home, store: Store, runner: Runner) -> None:
        self.home, self.store, self.runner = home, store, runner

    # --- who and what -------------------------------------------------------------------------------------------------

    @staticmethod
    def who(request: Request, verb: Verb, namespace: str | None) -> Actor:
        """Who asks, if they may; raises `NotSignedIn` or `Forbidden`."""
        who = read_identity(request.headers.get(IDENTITY_HEADER))
        require(who, verb, namespace)
        return who

    def note(self, who: Actor, action: str, namespace: str, name: str) -> None:
        """The audit line of a change."""
        with writing() as session:
            audit(session, who, action, namespace or None, name)

    def find(self, namespace: str, name: str) -> Workflow:
        """A workflow, live or kept, `@latest` for the newest; raises 404."""
        if name == "@latest":
            name = next((one["metadata"]["name"] for one in self.store.listed(namespace, 1, 0)), name)
        for workflow in self.runner.live.values():
            if workflow.namespace == namespace and workflow.name == name:
                return workflow
        found = self.store.load(namespace, name)
        if found is None:
            raise HTTPException(404, f'workflows.argoproj.io "{name}" not found')
        return found

    # --- workflows ----------------------------------------------------------------------------------------------------

    async def create(self, request: Request) -> Response:
        """POST /workflows/{namespace}: runs a workflow; with serverDryRun only checks it."""
        namespace = request.path_params["namespace"]
        who = self.who(request, Verb.WRITE, namespace)
        body = await request.json()
        document = body.get("workflow") or {}
        dry = bool(body.get("serverDryRun") or (body.get("createOptions") or {}).get("dryRun"))
        return await self._take(who, namespace, document, dry)

    async def _take(self, who: Actor, namespace: str, document: Json, dry: bool = False) -> Response:
        workflow = take_in(self.store, namespace, document, who.name)
        if not dry:
            if self.store.load(namespace, workflow.name):
                return refused(409, f'workflows.argoproj.io "{workflow.name}" already exists')
            self.runner.add(workflow)
            await run_in_threadpool(self.note, who, "workflow.submit", namespace, workflow.name)
        return JSONResponse(workflow.rendered())

    async def submit(self, request: Request) -> Response:
        """POST /workflows/{namespace}/submit: runs a template by name."""
        namespace = request.path_params["namespace"]
        who = self.who(request, Verb.WRITE, namespace)
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
        found = self.store.template(full, "" if full.startswith("Cluster") else namespace, name)
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
        who = self.who(request, Verb.READ, namespace)
        document = (await request.json()).get("workflow") or {}
        return JSONResponse(take_in(self.store, namespace, document, who.name).rendered())

    async def listed(self, request: Request) -> Response:
        """GET /workflows/{namespace}: newest first, by selectors, paged."""
        namespace = request.path_params.get("namespace") or ""
        who = (
            self.who(request, Verb.READ, namespace)
            if namespace
            else read_identity(request.headers.get(IDENTITY_HEADER))
        )
        query = request.query_params
        limit = min(int(query.get("listOptions.limit") or 0) or MOST_LISTED, MOST_LISTED)
        offset = int(query.get("listOptions.continue") or 0)
        labels, fields = query.get("listOptions.labelSelector", ""), query.get("listOptions.fieldSelector", "")
        found: list[Json] = []
        seen = offset
        for document in self.store.listed(namespace or None, MOST_LISTED * 20, offset):
            seen += 1
            if not namespace and not who.may(Verb.READ, document["metadata"]["namespace"]):
                continue
            if matches(document, labels, fields):
                live = self.runner.live.get(document["metadata"]["uid"])
                found.append(live.rendered() if live else document)
            if len(found) == limit:
                break
        more = {"continue": str(seen)} if len(found) == limit else {}
        return JSONResponse({"metadata": {"resourceVersion": "1"} | more, "items": found or None})

    async def get(self, request: Request) -> Response:
        """GET /workflows/{namespace}/{name}."""
        namespace = request.path_params["namespace"]
        self.who(request, Verb.READ, namespace)
        return JSONResponse(self.find(namespace, request.path_params["name"]).rendered())

    async def delete(self, request: Request) -> Response:
        """DELETE /workflows/{namespace}/{name}: ends it and forgets it."""
        namespace, name = request.path_params["namespace"], request.path_params["name"]
        who = self.who(request, Verb.WRITE, namespace)
        workflow = self.find(namespace, name)
        if workflow.uid in self.runner.live:
            workflow.spec["shutdown"] = "Terminate"
            self.runner._end_pods(workflow)
        self.runner.forget(workflow)
        await run_in_threadpool(self.note, who, "workflow.delete", namespace, name)
        return JSONResponse({})

    async def act(self, request: Request) -> Response:
        """PUT /workflows/{namespace}/{name}/{action}."""
        namespace, name, action = (request.path_params[key] for key in ("namespace", "name", "action"))
        who = self.who(request, Verb.WRITE, namespace)
        text = await request.body()
        body = json.loads(text) if text else {}
        workflow = self.find(namespace, name)
        await run_in_threadpool(self.note, who, f"workflow.{action}", namespace, name)
        if action == "resubmit":
            return await self._resubmit(who, workflow, body)
        self._change(workflow, action, body)
        self.runner.live[workflow.uid] = workflow
        self.store.save(workflow)
        if action == "retry":
            self.runner._issue_token(workflow, who.name)
        self.runner.kick(workflow)
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

    # --- streams ------------------------------------------------------------------------------------------------------

    async def events(self, request: Request) -> Response:
        """GET /workflow-events/{namespace}: what changes, as server-sent events; first what is there."""
        namespace = request.path_params["namespace"]
        self.who(request, Verb.READ, namespace)
        labels, fields = (
            request.query_params.get(f"listOptions.{kind}", "") for kind in ("labelSelector", "fieldSelector")
        )
        return StreamingResponse(self._events(namespace, labels, fields), media_type="text/event-stream")

    async def _events(self, namespace: str, labels: str, fields: str) -> AsyncIterator[str]:
        queue: asyncio.Queue[Workflow] = asyncio.Queue()
        self.runner.watchers.add(queue)
        try:
            for document in self.store.listed(namespace, MOST_LISTED, 0):
                if matches(document, labels, fields):
                    found = self.runner.live.get(document["metadata"]["uid"]) or self.store.by_uid(
                        document["metadata"]["uid"]
                    )
                    if found:
                        yield _event({"type": "ADDED", "object": found.rendered()})
            while True:
                workflow = await queue.get()
                if workflow.namespace == namespace and matches(workflow.document, labels, fields):
                    yield _event({"type": "MODIFIED", "object": workflow.rendered()})
        finally:
            self.runner.watchers.discard(queue)

    async def logs(self, request: Request) -> Response:
        """GET /workflows/{namespace}/{name}/log and /{pod}/log: lines of its pods, followed where asked."""
        namespace = request.path_params["namespace"]
        self.who(request, Verb.READ, namespace)
        workflow = self.find(namespace, request.path_params["name"])
        query = request.query_params
        pod = request.path_params.get("pod") or query.get("podName") or ""
        lines = stream_logs(
            self.runner, Place(self.home, workflow), pod, query.get("logOptions.follow") == "true", query.get("grep", ""),
            int(query.get("logOptions.tailLines") or 0),
        )  # fmt: skip
        return StreamingResponse((_event(line) async for line in lines), media_type="text/event-stream")

    async def artifact(self, request: Request) -> Response:
        """GET /artifacts/{namespace}/{name}/{node}/{artifact}: an output artifact's file, as an attachment."""
        params = request.path_params
        self.who(request, Verb.READ, params["namespace"])
        node = self.find(params["namespace"], params["name"]).nodes.get(params["node"]) or {}
        for one in (node.get("outputs") or {}).get("artifacts") or []:
            if one["name"] == params["artifact"]:
                path = self.home.engine / "artifacts" / one["s3"]["key"]
                headers = {
                    "X-Content-Type-Options": "nosniff",
                    "Content-Security-Policy": "sandbox; default-src 'none'",
                }
                return FileResponse(path, filename=path.name, headers=headers, content_disposition_type="attachment")
        raise HTTPException(404, f"artifact {params['artifact']} of node {params['node']} not found")

    # --- templates ----------------------------------------------------------------------------------------------------

    def _kind(self, request: Request) -> tuple[str, str]:
        kind = KINDS[request.url.path.split("/")[3]]
        return kind, request.path_params.get("namespace", "")

    async def list_templates(self, request: Request) -> Response:
        """GET of a kind of template."""
        kind, namespace = self._kind(request)
        if namespace:
            self.who(request, Verb.READ, namespace)
        else:
            read_identity(request.headers.get(IDENTITY_HEADER))
        return JSONResponse(
            {"metadata": {"resourceVersion": "1"}, "items": self.store.templates(kind, namespace) or None}
        )

    async def put_template(self, request: Request) -> Response:
        """POST makes, PUT changes a template."""
        kind, namespace = self._kind(request)
        who = self.who(request, Verb.WRITE if namespace else Verb.ADMINISTER, namespace or None)
        if kind == "CronWorkflow":
            raise WorkflowInvalid(
                "cron workflows are not run by this server yet; start runs from a schedule of your own"
            )
        document = (await request.json()).get(BODIES[kind]) or {}
        metadata = document.setdefault("metadata", {})
        if not metadata.get("name"):
            raise WorkflowInvalid("name is required")
        check_spec(document["spec"].get("workflowSpec") or document["spec"], whole=False)
        existing = self.store.template(kind, namespace, metadata["name"])
        if existing and request.method == "POST":
            return refused(409, f'{PLURALS[kind]}.argoproj.io "{metadata["name"]}" already exists')
        metadata.update(uid=metadata.get("uid") or f"{kind}-{metadata['name']}", resourceVersion="1")
        if namespace:
            metadata["namespace"] = namespace
        document |= {"apiVersion": "argoproj.io/v1alpha1", "kind": kind}
        self.store.put_template(kind, namespace, document)
        await run_in_threadpool(self.note, who, f"{kind}.save", namespace, metadata["name"])
        return JSONResponse(document)

    async def one_template(self, request: Request) -> Response:
        """GET or DELETE of one template."""
        kind, namespace = self._kind(request)
        name = request.path_params["name"]
        if request.method == "GET":
            if namespace:
                self.who(request, Verb.READ, namespace)
            found = self.store.template(kind, namespace, name)
        else:
            who = self.who(request, Verb.WRITE if namespace else Verb.ADMINISTER, namespace or None)
            found = {} if self.store.delete_template(kind, namespace, name) else None
            if found is not None:
                await run_in_threadpool(self.note, who, f"{kind}.delete", namespace, name)
        if found is None:
            raise HTTPException(404, f'{PLURALS[kind]}.argoproj.io "{name}" not found')
        return JSONResponse(found)

    # --- about --------------------------------------------------------------------------------------------------------

    async def info(self, request: Request) -> Response:
        """GET /info."""
        read_identity(request.headers.get(IDENTITY_HEADER))
        return JSONResponse({"managedNamespace": "", "links": [], "modals": {}, "columns": []})

    async def version(self, request: Request) -> Response:
        """GET /version."""
        about = {"version": VERSION, "buildDate": "2026-01-01T00:00:00Z", "gitCommit": "", "gitTag": VERSION,
                 "gitTreeState": "clean", "goVersion": "none", "compiler": "none", "platform": "linux/amd64"}  # fmt: skip
        return JSONResponse(about)

    async def userinfo(self, request: Request) -> Response:
        """GET /userinfo."""
        who = read_identity(request.headers.get(IDENTITY_HEADER))
        return JSONResponse({"subject": who.name, "issuer": "atrium", "groups": who.projects})

    async def archived(self, request: Request) -> Response:
        """GET /archived-workflows: nothing, since lists keep finished workflows."""
        read_identity(request.headers.get(IDENTITY_HEADER))
        return JSONResponse({"metadata": {}, "items": None})

    def routes(self) -> list[Route]:
        """Argo Server's paths."""
        one, api = "/api/v1/workflows/{namespace}/{name}", "/api/v1"
        found = [
            Route(f"{api}/workflows/{{namespace}}/lint", self.lint, methods=["POST"]),
            Route(f"{api}/workflows/{{namespace}}/submit", self.submit, methods=["POST"]),
            Route(f"{api}/workflows/{{namespace}}", self.create, methods=["POST"]),
            Route(f"{api}/workflows/{{namespace}}", self.listed),
            Route(f"{api}/workflows/", self.listed),
            Route(one, self.get),
            Route(one, self.delete, methods=["DELETE"]),
            Route(f"{one}/log", self.logs),
            Route(f"{one}/{{pod}}/log", self.logs),
            Route(f"{one}/{{action}}", self.act, methods=["PUT"]),
            Route(f"{api}/workflow-events/{{namespace}}", self.events),
            Route("/artifacts/{namespace}/{name}/{node}/{artifact}", self.artifact),
            Route("/artifact-files/{namespace}/workflows/{name}/{node}/outputs/{artifact}", self.artifact),
            Route(f"{api}/info", self.info),
            Route(f"{api}/version", self.version),
            Route(f"{api}/userinfo", self.userinfo),
            Route(f"{api}/archived-workflows", self.archived),
        ]
        for noun in KINDS:
            where = f"{api}/{noun}" if noun.startswith("cluster") else f"{api}/{noun}/{{namespace}}"
            found += [
                Route(where, self.list_templates),
                Route(where, self.put_template, methods=["POST"]),
                Route(f"{where}/{{name}}", self.put_template, methods=["PUT"]),
                Route(f"{where}/{{name}}", self.one_template, methods=["GET", "DELETE"]),
            ]
        return found


def _event(payload: Json) -> str:
    return f"data: {json.dumps({'result': payload})}\n\n"


def _explain(_request: Request, error: Exception) -> Response:
    if isinstance(error, AtriumError):
        return refused(error.status, str(error))
    if isinstance(error, HTTPException):
        return refused(error.status_code, error.detail)
    if isinstance(error, (WorkflowInvalid, NotPossible)):
        return refused(400, str(error))
    told, reference = unexpected(error)
    return refused(500, f"{told} ({reference})")


def create_app(home: Home) -> Starlette:
    """The workflow server for a home; takes up its live workflows when it starts."""
    store = Store(home.engine / "engine.db", get_settings().power_safe)
    runner = Runner(home, store)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        runner.resume_all()
        yield

    errors = dict.fromkeys((AtriumError, HTTPException, WorkflowInvalid, NotPossible, Exception), _explain)
    return Starlette(routes=Server(home, store, runner).routes(), exception_handlers=errors, lifespan=lifespan)
