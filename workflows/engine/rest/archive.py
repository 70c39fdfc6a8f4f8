"""Archived workflows: every one that has ended, also those that history limits and deletions took from the lists."""

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from atrium.clock import now
from atrium.identity import Actor, Verb
from workflows.engine.listing import Query, continue_token
from workflows.engine.masks import Mask
from workflows.engine.rest.acting import Acting
from workflows.engine.rest.body import read_body
from workflows.engine.rest.desk import Desk, answer, answer_list, answer_workflow
from workflows.engine.rest.errors import refused
from workflows.engine.rest.queries import list_query, shown
from workflows.engine.selectors import SelectorInvalid, parse_labels
from workflows.engine.state import Json, Workflow

LISTED = Mask(
    "items.metadata,items.spec.suspend,items.status.phase,items.status.startedAt,items.status.finishedAt,items.status.progress,"
    "items.status.message,items.status.estimatedDuration,items.status.resourcesDuration"
)


def _asked(query: QueryParams) -> QueryParams:
    """The query, with a field selector in its place: the CLI's `archive retry` and `archive resubmit` send theirs as the namespace."""
    if "=" not in query.get("namespace", ""):
        return query
    rest = {key: value for key, value in query.items() if key != "namespace"}
    return QueryParams(rest | {"listOptions.fieldSelector": query["namespace"]})


class Archive:
    """`/api/v1/archived-workflows`."""

    def __init__(self, desk: Desk, acting: Acting) -> None:
        self.desk, self.acting = desk, acting

    def _find(self, request: Request, verb: Verb) -> tuple[Actor, Workflow]:
        """Who asks, and the workflow that has ended; raises 404 also where who asks may not know of it."""
        workflow = self.desk.store.by_uid(request.path_params["uid"])
        if workflow is None or not workflow.done or self.desk.store.left_archive(workflow):
            raise HTTPException(404, "not found")
        return self.desk.who(request, verb, workflow.namespace), workflow

    def _namespaces(self, request: Request, query: QueryParams) -> list[str] | None:
        named = [
            term
            for term in query.get("listOptions.fieldSelector", "").split(",")
            if term.startswith("metadata.namespace=")
        ]
        selected = named[0].partition("=")[2] if named else ""
        namespace = query.get("namespace") or selected
        if selected and selected != namespace:
            raise SelectorInvalid(
                f"'namespace' query param (\"{namespace}\") and fieldselector 'metadata.namespace' (\"{selected}\") "
                "are both specified and contradict each other"
            )
        return self.desk.readable(request, namespace)

    async def listed(self, request: Request) -> Response:
        """GET: newest first, by selectors, what a row shows of each, at most 500 a page; with `name` alone that one."""
        if name := request.query_params.get("name"):
            return self._named(request, name)
        asked = _asked(request.query_params)
        query, counted = list_query(asked, self._namespaces(request, asked), archive=True)
        found, more = self.desk.store.find(query)
        items = [text for uid, _ in found if (text := shown(self.desk.store, None, uid, LISTED))]
        metadata: Json = {"continue": continue_token(found[-1][1])} if more else {}
        if counted:
            metadata["remainingItemCount"] = self.desk.store.remaining(query, len(found))
        return answer_list(metadata, items)

    def _named(self, request: Request, name: str) -> Response:
        namespace = request.query_params.get("namespace") or ""
        self.desk.who(request, Verb.READ, namespace)
        found, _ = self.desk.store.find(Query([namespace], name=name, done=True, archived=True, limit=1))
        workflow = self.desk.store.by_uid(found[0][0]) if found else None
        if workflow is None:
            raise HTTPException(404, "not found")
        return answer_workflow(workflow)

    async def get(self, request: Request) -> Response:
        """GET of one by its uid."""
        return answer_workflow(self._find(request, Verb.READ)[1])

    async def delete(self, request: Request) -> Response:
        """DELETE of one by its uid: with its files, unless it is still in the lists, where it stays."""
        who, workflow = self._find(request, Verb.WRITE)
        if not self.desk.store.leave_archive(workflow):
            self.desk.runner.forget(workflow)
        await self.desk.note(who, "archive.delete", workflow.namespace, workflow.name)
        return answer({})

    async def retry(self, request: Request) -> Response:
        """PUT …/retry: makes it anew under its name and runs again what failed; the archive keeps what it was, under its own uid."""
        who, workflow = self._find(request, Verb.WRITE)
        body = await read_body(request)
        if self.desk.store.load(workflow.namespace, workflow.name):
            return refused(409, "Workflow already exists on cluster, use argo retry {name} instead")
        return await self.acting.change(who, workflow.anew(now()), "retry", body)

    async def resubmit(self, request: Request) -> Response:
        """PUT …/resubmit: runs the same once more under a new name."""
        who, workflow = self._find(request, Verb.WRITE)
        return await self.acting.resubmit(request, who, workflow, await read_body(request))

    async def label_keys(self, request: Request) -> Response:
        """GET: keys of the labels that archived workflows have."""
        return answer({"items": self.desk.store.label_keys(self._namespaces(request, request.query_params))})

    async def label_values(self, request: Request) -> Response:
        """GET: values of one label; the label selector names its key alone."""
        terms = parse_labels(request.query_params.get("listOptions.labelSelector") or "")
        if len(terms) != 1:
            raise SelectorInvalid(f"only allow 1 labelRequirement, found {len(terms)}")
        if terms[0].operator != "exists":
            raise SelectorInvalid(f"operation {terms[0].sign} is not supported")
        namespaces = self._namespaces(request, request.query_params)
        return answer({"items": self.desk.store.label_values(terms[0].key, namespaces)})

    def routes(self) -> list[Route]:
        """Argo Server's paths."""
        noun = "/api/v1/archived-workflows"
        return [
            Route(noun, self.listed),
            Route(f"{noun}/", self.listed),
            Route(f"{noun}-label-keys", self.label_keys),
            Route(f"{noun}-label-values", self.label_values),
            Route(f"{noun}/{{uid}}", self.get),
            Route(f"{noun}/{{uid}}", self.delete, methods=["DELETE"]),
            Route(f"{noun}/{{uid}}/retry", self.retry, methods=["PUT"]),
            Route(f"{noun}/{{uid}}/resubmit", self.resubmit, methods=["PUT"]),
        ]
