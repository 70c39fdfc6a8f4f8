"""Limits of semaphores, as `argo sync` of Argo 4 speaks of them: a key of a config map of the project each."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from atrium.identity import Verb
from workflows.engine.rest.body import read_body
from workflows.engine.rest.config_maps import checked
from workflows.engine.rest.desk import Desk, answer
from workflows.engine.rest.errors import refused
from workflows.engine.state import Json
from workflows.engine.validate import WorkflowInvalid

IN_CONFIG_MAP = ("", "0", "CONFIGMAP")


class Sync:
    """`/api/v1/sync/{namespace}`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @staticmethod
    def _name(asked: Json) -> str:
        """The config map that is asked for. Raises `WorkflowInvalid`; 501 for the database, which is not here."""
        if str(asked.get("type") or "") not in IN_CONFIG_MAP:
            raise HTTPException(
                501, "limits in a database are not kept here; keep them in a config map (--type configmap)"
            )
        if not asked.get("cmName"):
            raise WorkflowInvalid("cmName is required: the config map that holds the limit")
        return str(asked["cmName"])

    def _limits(self, namespace: str, name: str) -> Json:
        found = self.desk.store.config_map(namespace, name)
        if found is None:
            raise HTTPException(404, f'configmaps "{name}" not found')
        return found

    @staticmethod
    def _told(namespace: str, name: str, key: str, limit: int) -> Response:
        return answer({"namespace": namespace, "cmName": name, "key": key, "limit": limit})

    async def get(self, request: Request) -> Response:
        """GET /sync/{namespace}/{key}?cmName=."""
        namespace, key = request.path_params["namespace"], request.path_params["key"]
        self.desk.who(request, Verb.READ, namespace)
        name = self._name(dict(request.query_params))
        data = self._limits(namespace, name)["data"]
        if key not in data:
            raise HTTPException(404, f"key {key} not found in configmap {namespace}/{name}")
        if not str(data[key]).isdigit():
            raise WorkflowInvalid(f"invalid limit format for key {key} in configmap {namespace}/{name}")
        return self._told(namespace, name, key, int(data[key]))

    async def put(self, request: Request) -> Response:
        """POST /sync/{namespace} makes a limit, PUT /sync/{namespace}/{key} changes one."""
        namespace = request.path_params["namespace"]
        who = self.desk.who(request, Verb.WRITE, namespace)
        asked = await read_body(request)
        name, key, limit = (
            self._name(asked),
            request.path_params.get("key") or str(asked.get("key") or ""),
            asked.get("limit"),
        )
        if not isinstance(limit, int) or limit <= 0:
            raise WorkflowInvalid("limit must be greater than zero")
        fresh = request.method == "POST" and self.desk.store.config_map(namespace, name) is None
        found = {"metadata": {"name": name}, "data": {}} if fresh else self._limits(namespace, name)
        if request.method == "POST" and key in found["data"]:
            return refused(409, "sync limit cannot be created as it already exists")
        if request.method == "PUT" and key not in found["data"]:
            raise HTTPException(404, f"key {key} not found in configmap {namespace}/{name} - please create it first")
        self._keep(namespace, found | {"data": found["data"] | {key: str(limit)}})
        await self.desk.note(who, "sync.limit", namespace, f"{name}/{key}")
        return self._told(namespace, name, key, limit)

    async def delete(self, request: Request) -> Response:
        """DELETE /sync/{namespace}/{key}?cmName=."""
        namespace, key = request.path_params["namespace"], request.path_params["key"]
        who = self.desk.who(request, Verb.WRITE, namespace)
        name = self._name(dict(request.query_params))
        found = self._limits(namespace, name)
        self._keep(namespace, found | {"data": {one: value for one, value in found["data"].items() if one != key}})
        await self.desk.note(who, "sync.delete", namespace, f"{name}/{key}")
        return answer({})

    def _keep(self, namespace: str, document: Json) -> None:
        made = checked(document)
        made["metadata"]["namespace"] = namespace
        self.desk.store.put_config_map(namespace, made)
        for workflow in self.desk.runner.live.values():
            if workflow.namespace == namespace:  # it may wait for this limit
                self.desk.runner.kick(workflow)

    def routes(self) -> list[Route]:
        """Argo Server's paths."""
        where = "/api/v1/sync/{namespace}"
        return [
            Route(where, self.put, methods=["POST"]),
            Route(f"{where}/{{key}}", self.get),
            Route(f"{where}/{{key}}", self.put, methods=["PUT"]),
            Route(f"{where}/{{key}}", self.delete, methods=["DELETE"]),
        ]
