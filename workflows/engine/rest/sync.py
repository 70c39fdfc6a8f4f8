"""Limits of semaphores, as `argo sync` of Argo 4 speaks of them: a key of a config map of the project each.

Those of the type `database` are the keys of one config map, from which semaphores of the database kind take their limits.
"""

from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from atrium.identity import Actor, Verb
from workflows.engine.machine.locks import LIMITS
from workflows.engine.rest.body import read_body
from workflows.engine.rest.config_maps import checked
from workflows.engine.rest.desk import Desk, answer
from workflows.engine.rest.errors import refused
from workflows.engine.state import Json
from workflows.engine.validate import WorkflowInvalid

CONFIG_MAP, DATABASE = 0, 1
TYPES = {"": CONFIG_MAP, "0": CONFIG_MAP, "CONFIGMAP": CONFIG_MAP, "1": DATABASE, "DATABASE": DATABASE}


@dataclass(frozen=True)
class Limit:
    """The key that a request speaks of: where it is kept, and Argo's words about it."""

    namespace: str
    config_map: str
    key: str
    type: int

    @property
    def exists(self) -> str:
        """What is said of one that is there already."""
        if self.type == DATABASE:
            return f'Database sync limit already exists in namespace "{self.namespace}".'
        return "sync limit cannot be created as it already exists"

    @property
    def missing(self) -> str:
        """What is said of one that is not there."""
        if self.type == DATABASE:
            return f'Database sync limit not found in namespace "{self.namespace}".'
        return f"key {self.key} not found in configmap {self.namespace}/{self.config_map}"

    def told(self, limit: int) -> Response:
        """The answer that tells it; the type as a number, as Argo writes it."""
        kept = {} if self.type == DATABASE else {"cmName": self.config_map}
        return answer({"type": self.type, "namespace": self.namespace, **kept, "key": self.key, "limit": limit})


class Sync:
    """`/api/v1/sync/{namespace}`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @staticmethod
    def _limit(request: Request, asked: Json) -> Limit:
        """What is spoken of. Raises `WorkflowInvalid`."""
        named = str(asked.get("type") or "")
        if named.upper() not in TYPES:
            raise WorkflowInvalid(f"type {named!r} is none of CONFIGMAP (0) and DATABASE (1)")
        kind, config_map = TYPES[named.upper()], str(asked.get("cmName") or "")
        if kind == CONFIG_MAP and not config_map:
            raise WorkflowInvalid("cmName is required: the config map that holds the limit")
        key = str(request.path_params.get("key") or asked.get("key") or "")
        return Limit(request.path_params["namespace"], LIMITS if kind == DATABASE else config_map, key, kind)

    def _kept(self, one: Limit) -> Json:
        """The config map that holds it; raises 404."""
        found = self.desk.store.config_map(one.namespace, one.config_map)
        if found is None:
            told = one.missing if one.type == DATABASE else f'configmaps "{one.config_map}" not found'
            raise HTTPException(404, told)
        return found

    async def get(self, request: Request) -> Response:
        """GET /sync/{namespace}/{key}?type=&cmName=."""
        self.desk.who(request, Verb.READ, request.path_params["namespace"])
        one = self._limit(request, dict(request.query_params))
        data = self._kept(one)["data"]
        if one.key not in data:
            raise HTTPException(404, one.missing)
        if not str(data[one.key]).isdigit():
            raise WorkflowInvalid(
                f"invalid limit format for key {one.key} in configmap {one.namespace}/{one.config_map}"
            )
        return one.told(int(data[one.key]))

    async def create(self, request: Request) -> Response:
        """POST /sync/{namespace}: makes a limit."""
        who = self.desk.who(request, Verb.WRITE, request.path_params["namespace"])
        asked = await read_body(request)
        one, limit = self._limit(request, asked), _positive(asked)
        fresh: Json = {"metadata": {"name": one.config_map}, "data": {}}
        found = self.desk.store.config_map(one.namespace, one.config_map) or fresh
        if one.key in found["data"]:
            return refused(409, one.exists)
        return await self._set(who, one, found, limit)

    async def update(self, request: Request) -> Response:
        """PUT /sync/{namespace}/{key}: changes one."""
        who = self.desk.who(request, Verb.WRITE, request.path_params["namespace"])
        asked = await read_body(request)
        one, limit = self._limit(request, asked), _positive(asked)
        found = self._kept(one)
        if one.key not in found["data"]:
            raise HTTPException(404, one.missing + ("" if one.type == DATABASE else " - please create it first"))
        return await self._set(who, one, found, limit)

    async def _set(self, who: Actor, one: Limit, found: Json, limit: int) -> Response:
        self._keep(one.namespace, found | {"data": found["data"] | {one.key: str(limit)}})
        await self.desk.note(who, "sync.limit", one.namespace, f"{one.config_map}/{one.key}")
        return one.told(limit)

    async def delete(self, request: Request) -> Response:
        """DELETE /sync/{namespace}/{key}?type=&cmName=; Argo minds only in a database where it is not there."""
        who = self.desk.who(request, Verb.WRITE, request.path_params["namespace"])
        one = self._limit(request, dict(request.query_params))
        found = self._kept(one)
        if one.type == DATABASE and one.key not in found["data"]:
            raise HTTPException(404, one.missing)
        data = {key: value for key, value in found["data"].items() if key != one.key}
        self._keep(one.namespace, found | {"data": data})
        await self.desk.note(who, "sync.delete", one.namespace, f"{one.config_map}/{one.key}")
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
            Route(where, self.create, methods=["POST"]),
            Route(f"{where}/{{key}}", self.get),
            Route(f"{where}/{{key}}", self.update, methods=["PUT"]),
            Route(f"{where}/{{key}}", self.delete, methods=["DELETE"]),
        ]


def _positive(asked: Json) -> int:
    limit = asked.get("limit")
    if not isinstance(limit, int) or limit <= 0:
        raise WorkflowInvalid("limit must be greater than zero")
    return limit
