"""A project's config maps: parameters, limits of semaphores, memoized outputs. Kubernetes' objects under a path of ours."""

import re

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from atrium.identity import Verb
from workflows.engine.rest.desk import Desk
from workflows.engine.rest.errors import refused
from workflows.engine.state import Json
from workflows.engine.validate import WorkflowInvalid

NAME = re.compile(r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")
KEY = re.compile(r"^[-._a-zA-Z0-9]{1,253}$")
MOST_BYTES = 1 << 20


def checked(document: Json) -> Json:
    """The config map with its name, labels and data. Raises `WorkflowInvalid`."""
    metadata, data = document.get("metadata") or {}, document.get("data") or {}
    name = str(metadata.get("name") or "")
    if not NAME.match(name):
        raise WorkflowInvalid(f"metadata.name is {name!r}: it must be lower case letters, digits, '-' and '.'")
    wrong = [key for key, value in data.items() if not KEY.match(key) or not isinstance(value, str)]
    if wrong:
        raise WorkflowInvalid(
            f"data.{wrong[0]}: keys are letters, digits, '-', '_' and '.', values are texts; quote numbers"
        )
    size = sum(len(key) + len(value.encode()) for key, value in data.items())
    if size > MOST_BYTES:
        raise WorkflowInvalid(f"data has {size} bytes; a config map has at most {MOST_BYTES}")
    kept: Json = {"name": name}
    for kind in ("labels", "annotations"):
        if kind == "labels" or metadata.get(kind):
            kept[kind] = {str(key): str(value) for key, value in (metadata.get(kind) or {}).items()}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": kept, "data": data}


class ConfigMaps:
    """`/api/v1/config-maps/{namespace}`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def listed(self, request: Request) -> Response:
        """GET: all of a project."""
        namespace = request.path_params["namespace"]
        self.desk.who(request, Verb.READ, namespace)
        return JSONResponse({"metadata": {}, "items": self.desk.store.templates("ConfigMap", [namespace]) or None})

    async def put(self, request: Request) -> Response:
        """POST makes, PUT changes one; the body holds it under `configMap`."""
        namespace = request.path_params["namespace"]
        who = self.desk.who(request, Verb.WRITE, namespace)
        document = checked((await request.json()).get("configMap") or {})
        name = document["metadata"]["name"]
        if request.method == "POST" and self.desk.store.config_map(namespace, name):
            return refused(409, f'configmaps "{name}" already exists')
        document["metadata"]["namespace"] = namespace
        self.desk.store.put_config_map(namespace, document)
        await self.desk.note(who, "config-map.set", namespace, name)
        for workflow in self.desk.runner.live.values():
            if workflow.namespace == namespace:  # it may wait for a semaphore whose limit this is
                self.desk.runner.kick(workflow)
        return JSONResponse(document)

    async def one(self, request: Request) -> Response:
        """GET or DELETE of one."""
        namespace, name = request.path_params["namespace"], request.path_params["name"]
        who = self.desk.who(request, Verb.READ if request.method == "GET" else Verb.WRITE, namespace)
        found = self.desk.store.config_map(namespace, name)
        if found is None:
            raise HTTPException(404, f'configmaps "{name}" not found')
        if request.method == "GET":
            return JSONResponse(found)
        self.desk.store.delete_template("ConfigMap", namespace, name)
        await self.desk.note(who, "config-map.delete", namespace, name)
        return JSONResponse({})

    def routes(self) -> list[Route]:
        """Paths beside those of Argo Server."""
        where = "/api/v1/config-maps/{namespace}"
        return [
            Route(where, self.listed),
            Route(where, self.put, methods=["POST"]),
            Route(f"{where}/{{name}}", self.put, methods=["PUT"]),
            Route(f"{where}/{{name}}", self.one, methods=["GET", "DELETE"]),
        ]
