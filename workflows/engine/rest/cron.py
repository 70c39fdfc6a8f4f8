"""Cron workflows: kept by name, suspended and resumed; the scheduler runs them."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from atrium.identity import IDENTITY_HEADER, Verb, read_identity
from workflows.engine.cron import CronScheduler, checked
from workflows.engine.rest.body import part, read_body, worked
from workflows.engine.rest.desk import Desk, answer
from workflows.engine.rest.errors import refused
from workflows.engine.rest.queries import is_meant, is_to_be_deleted
from workflows.engine.rest.templates import changed_object, kept, list_kept, named_in, new_object
from workflows.engine.runner import OWNER
from workflows.engine.state import Json
from workflows.engine.submit import lookup_in
from workflows.engine.validate import WorkflowInvalid

KIND = "CronWorkflow"


class Cron:
    """`/api/v1/cron-workflows`."""

    def __init__(self, desk: Desk, scheduler: CronScheduler) -> None:
        self.desk, self.scheduler = desk, scheduler

    async def _document(self, request: Request, namespace: str) -> Json:
        body = await read_body(request)
        document, request.state.meant = body.get("cronWorkflow"), is_meant(part(body, "createOptions").get("dryRun"))
        if not isinstance(document, dict):
            raise WorkflowInvalid("cron workflow was not found in the request body", missing=True)
        whole: Json = {"metadata": {}, "spec": {}} | document
        await worked(request, lambda: checked(lookup_in(self.desk.store, namespace), whole))
        return whole

    async def _keep(self, request: Request, action: str, namespace: str, document: Json) -> Response:
        who = read_identity(request.headers.get(IDENTITY_HEADER))
        self.desk.store.put_template(KIND, namespace, document)
        self.scheduler.wake()
        await self.desk.note(who, f"CronWorkflow.{action}", namespace, document["metadata"]["name"])
        return answer(document)

    async def listed(self, request: Request) -> Response:
        """GET of all, by selectors."""
        namespaces = self.desk.readable(request, request.path_params.get("namespace") or "")
        return list_kept(self.desk, request, KIND, namespaces)

    async def create(self, request: Request) -> Response:
        """POST: keeps a new one, which runs from now on."""
        namespace = request.path_params["namespace"]
        who = self.desk.who(request, Verb.WRITE, namespace)
        document = new_object(KIND, namespace, await self._document(request, namespace), who.name)
        name = document["metadata"]["name"]
        if self.desk.store.template(KIND, namespace, name):
            return refused(409, f'cronworkflows.argoproj.io "{name}" already exists')
        document["status"] = {}
        if not request.state.meant:
            return answer(document)
        return await self._keep(request, "create", namespace, document)

    async def update(self, request: Request) -> Response:
        """PUT: changes one, which the path names, or the body alone, as the CLI asks; its count of runs stays, which act for who asks from now on."""
        namespace = request.path_params["namespace"]
        who = self.desk.who(request, Verb.WRITE, namespace)
        wanted = await self._document(request, namespace)
        name = request.path_params.get("name") or named_in(wanted)
        document = changed_object(kept(self.desk, KIND, namespace, name), wanted, KIND)
        document["metadata"]["labels"][OWNER] = who.name
        return await self._keep(request, "update", namespace, document)

    async def lint(self, request: Request) -> Response:
        """POST …/lint: checks one."""
        namespace = request.path_params["namespace"]
        self.desk.who(request, Verb.READ, namespace)
        return answer(await self._document(request, namespace))

    async def get(self, request: Request) -> Response:
        """GET of one."""
        namespace = request.path_params["namespace"]
        self.desk.who(request, Verb.READ, namespace)
        return answer(kept(self.desk, KIND, namespace, request.path_params["name"]))

    async def delete(self, request: Request) -> Response:
        """DELETE of one, with its runs."""
        namespace, name = request.path_params["namespace"], request.path_params["name"]
        who = self.desk.who(request, Verb.WRITE, namespace)
        document = kept(self.desk, KIND, namespace, name)
        if not is_to_be_deleted(request.query_params, document["metadata"]):
            return answer({})
        self.desk.store.delete_template(KIND, namespace, name)
        self.desk.runner.remove_owned(namespace, document["metadata"]["uid"])
        await self.desk.note(who, "CronWorkflow.delete", namespace, name)
        return answer({})

    async def suspend(self, request: Request) -> Response:
        """PUT …/suspend and …/resume."""
        namespace, name = request.path_params["namespace"], request.path_params["name"]
        self.desk.who(request, Verb.WRITE, namespace)
        document = kept(self.desk, KIND, namespace, name)
        action = "suspend" if request.url.path.endswith("/suspend") else "resume"
        document["spec"]["suspend"] = action == "suspend"
        return await self._keep(request, action, namespace, document)

    async def slots(self, request: Request) -> Response:
        """GET …/slots: each slot with its workflow, state and reason, newest first. A call of this server's own."""
        namespace = request.path_params["namespace"]
        self.desk.who(request, Verb.READ, namespace)
        document = kept(self.desk, KIND, namespace, request.path_params["name"])
        return answer({"items": self.desk.store.slots(document["metadata"]["uid"])})

    def routes(self) -> list[Route]:
        """Argo Server's paths."""
        every, one = "/api/v1/cron-workflows/{namespace}", "/api/v1/cron-workflows/{namespace}/{name}"
        return [
            Route("/api/v1/cron-workflows/", self.listed),
            Route(f"{every}/lint", self.lint, methods=["POST"]),
            Route(every, self.listed),
            Route(every, self.create, methods=["POST"]),
            Route(f"{one}/suspend", self.suspend, methods=["PUT"]),
            Route(f"{one}/resume", self.suspend, methods=["PUT"]),
            Route(f"{one}/slots", self.slots),
            Route(one, self.get),
            Route(one, self.update, methods=["PUT"]),
            Route(f"{every}/", self.update, methods=["PUT"]),
            Route(one, self.delete, methods=["DELETE"]),
        ]
