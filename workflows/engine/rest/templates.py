"""Workflow templates and cluster templates: kept by name, checked before they are kept."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from atrium.clock import now
from atrium.identity import IDENTITY_HEADER, Verb, read_identity
from workflows.engine.rest.body import part, read_body, worked
from workflows.engine.rest.desk import Desk, answer
from workflows.engine.rest.errors import UNKNOWN, refused
from workflows.engine.rest.queries import is_meant, is_to_be_deleted, watched_fields
from workflows.engine.rest.workflows import PLURALS
from workflows.engine.runner import OWNER
from workflows.engine.selectors import Term, fits_fields, fits_labels, parse_labels
from workflows.engine.state import Json, new_uid, stamp
from workflows.engine.submit import lookup_in, name_it
from workflows.engine.supported import check_supported
from workflows.engine.validate import WorkflowInvalid, check_template
from workflows.engine.validate.fields import read_fields

PATHS = {"WorkflowTemplate": "workflow-templates", "ClusterWorkflowTemplate": "cluster-workflow-templates"}
CHANGED = "the object has been modified; please apply your changes to the latest version and try again"


def kept(desk: Desk, kind: str, namespace: str, name: str) -> Json:
    """An object of a kind by its name; raises 404."""
    found = desk.store.template(kind, namespace, name)
    if found is None:
        raise HTTPException(404, f'{PLURALS[kind]}.argoproj.io "{name}" not found')
    return found


def list_kept(desk: Desk, request: Request, kind: str, namespaces: list[str] | None) -> Response:
    """Those of a kind that a list request asks for. Raises `SelectorInvalid`."""
    query = request.query_params
    labels: list[Term] = parse_labels(query.get("listOptions.labelSelector") or "")
    fields = watched_fields(query, PLURALS[kind])
    part, how = query.get("namePattern") or "", query.get("nameFilter") or ""
    items = [
        one
        for one in desk.store.templates(kind, namespaces)
        if fits_labels(labels, one["metadata"].get("labels") or {})
        and (
            fits_fields(fields, one)
            if how not in ("Contains", "Prefix")
            else _named(fields, how, one["metadata"]["name"])
        )
        and part in one["metadata"]["name"]
    ]
    return answer({"metadata": {"resourceVersion": str(desk.store.version)}, "items": items or None})


def _named(fields: list[Term], how: str, name: str) -> bool:
    wanted = next((term.values[0] for term in fields if term.key == "metadata.name"), "")
    return wanted in name if how == "Contains" else name.startswith(wanted)


def new_object(kind: str, namespace: str, document: Json, owner: str) -> Json:
    """The object with what the server fills in. Raises `WorkflowInvalid`."""
    metadata = {**(document.get("metadata") or {})}
    name_it(kind, metadata)
    if namespace and metadata.get("namespace") not in (None, "", namespace):
        raise WorkflowInvalid("the namespace of the provided object does not match the namespace sent on the request")
    metadata["labels"] = {**(metadata.get("labels") or {}), OWNER: owner}
    metadata |= {"uid": new_uid(), "creationTimestamp": stamp(now()), "generation": 1}
    if namespace:
        metadata["namespace"] = namespace
    return {**document, "apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": metadata}


def changed_object(existing: Json, document: Json, kind: str) -> Json:
    """The object with its new spec, labels and annotations; raises 409 where somebody else changed it meanwhile."""
    metadata, sent = existing["metadata"], document.get("metadata") or {}
    version = sent.get("resourceVersion")
    if version and version != metadata["resourceVersion"]:
        raise HTTPException(
            409, f'Operation cannot be fulfilled on {PLURALS[kind]}.argoproj.io "{metadata["name"]}": {CHANGED}'
        )
    owner = (metadata.get("labels") or {}).get(OWNER, "")
    fresh = {key: sent[key] for key in ("annotations", "ownerReferences") if sent.get(key) is not None}
    fresh["labels"] = {**(sent.get("labels") or {}), OWNER: owner}
    generation = metadata.get("generation", 1) + (document.get("spec") != existing.get("spec"))
    return {**existing, "spec": document.get("spec") or {}, "metadata": {**metadata, **fresh, "generation": generation}}


def named_in(document: Json) -> str:
    """The name that an object's metadata holds; empty where there is none."""
    return str((document.get("metadata") or {}).get("name") or "")


class Templates:
    """`/api/v1/workflow-templates/{namespace}` and `/api/v1/cluster-workflow-templates`."""

    def __init__(self, desk: Desk, kind: str) -> None:
        self.desk, self.kind = desk, kind

    def _may(self, request: Request, verb: Verb) -> str:
        """The namespace, if who asks may; who changes the cluster's administers the platform, everybody reads them."""
        namespace = request.path_params.get("namespace", "")
        if namespace:
            self.desk.who(request, verb, namespace)
        elif verb is Verb.READ:
            read_identity(request.headers.get(IDENTITY_HEADER))
        else:
            self.desk.who(request, Verb.ADMINISTER, None)
        return str(namespace)

    async def _document(self, request: Request, namespace: str) -> Json:
        body = await read_body(request)
        document, request.state.meant = body.get("template"), is_meant(part(body, "createOptions").get("dryRun"))
        if not isinstance(document, dict):
            word = "cluster workflow template" if self.kind.startswith("Cluster") else "workflow template"
            raise WorkflowInvalid(f"{word} was not found in the request body")
        await worked(request, lambda: self._check(namespace, document))
        return document

    def _check(self, namespace: str, document: Json) -> None:
        read_fields(self.kind, document, "template.")
        check_template(lookup_in(self.desk.store, namespace), self.kind, document)
        check_supported(document.get("spec") or {})

    async def listed(self, request: Request) -> Response:
        """GET of all, by selectors."""
        if self.kind.startswith("Cluster"):
            self._may(request, Verb.READ)
            return list_kept(self.desk, request, self.kind, [""])
        namespaces = self.desk.readable(request, request.path_params.get("namespace") or "")
        return list_kept(self.desk, request, self.kind, namespaces)

    async def create(self, request: Request) -> Response:
        """POST: keeps a new one."""
        namespace = self._may(request, Verb.WRITE)
        who = read_identity(request.headers.get(IDENTITY_HEADER))
        document = new_object(self.kind, namespace, await self._document(request, namespace), who.name)
        name = document["metadata"]["name"]
        if self.desk.store.template(self.kind, namespace, name):
            return refused(409, f'{PLURALS[self.kind]}.argoproj.io "{name}" already exists')
        if not request.state.meant:
            return answer(document)
        self.desk.store.put_template(self.kind, namespace, document)
        await self.desk.note(who, f"{self.kind}.create", namespace, name)
        return answer(document)

    async def update(self, request: Request) -> Response:
        """PUT: changes one, which the path names, or the body alone, as the CLI asks."""
        namespace = self._may(request, Verb.WRITE)
        who = read_identity(request.headers.get(IDENTITY_HEADER))
        wanted = await self._document(request, namespace)
        name = request.path_params.get("name") or named_in(wanted)
        document = changed_object(kept(self.desk, self.kind, namespace, name), wanted, self.kind)
        self.desk.store.put_template(self.kind, namespace, document)
        await self.desk.note(who, f"{self.kind}.update", namespace, name)
        return answer(document)

    async def lint(self, request: Request) -> Response:
        """POST …/lint: checks one."""
        namespace = self._may(request, Verb.READ)
        try:
            return answer(await self._document(request, namespace))
        except WorkflowInvalid as error:
            return refused(400, str(error)) if not error.missing else refused(500, str(error), UNKNOWN)

    async def get(self, request: Request) -> Response:
        """GET of one."""
        namespace = self._may(request, Verb.READ)
        return answer(kept(self.desk, self.kind, namespace, request.path_params["name"]))

    async def delete(self, request: Request) -> Response:
        """DELETE of one."""
        namespace, name = self._may(request, Verb.WRITE), request.path_params["name"]
        who = read_identity(request.headers.get(IDENTITY_HEADER))
        found = kept(self.desk, self.kind, namespace, name)
        if not is_to_be_deleted(request.query_params, found["metadata"]):
            return answer({})
        self.desk.store.delete_template(self.kind, namespace, name)
        self.desk.runner.remove_owned(namespace, found["metadata"]["uid"])
        await self.desk.note(who, f"{self.kind}.delete", namespace, name)
        return answer({})

    def routes(self) -> list[Route]:
        """Argo Server's paths."""
        noun = f"/api/v1/{PATHS[self.kind]}"
        where = noun if self.kind.startswith("Cluster") else f"{noun}/{{namespace}}"
        everywhere = (
            [] if self.kind.startswith("Cluster") else [Route(f"{noun}/", self.listed), Route(noun, self.listed)]
        )
        return [
            *everywhere,
            Route(f"{where}/lint", self.lint, methods=["POST"]),
            Route(where, self.listed),
            Route(where, self.create, methods=["POST"]),
            Route(f"{where}/{{name}}", self.get),
            Route(f"{where}/{{name}}", self.update, methods=["PUT"]),
            Route(f"{where}/", self.update, methods=["PUT"]),
            Route(f"{where}/{{name}}", self.delete, methods=["DELETE"]),
        ]
