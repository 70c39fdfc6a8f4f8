"""What every noun of the REST API needs: who asks, what is kept, what runs."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from atrium.database import writing
from atrium.home import Home
from atrium.identity import IDENTITY_HEADER, Actor, Verb, read_identity, require
from tenancy import audit
from workflows.engine.runner import Runner
from workflows.engine.state import Json, Workflow
from workflows.engine.store import Store


@dataclass(frozen=True)
class Desk:
    """One home's store and runner, and the rights of who asks."""

    home: Home
    store: Store
    runner: Runner

    @staticmethod
    def who(request: Request, verb: Verb, namespace: str | None) -> Actor:
        """Who asks, if they may; raises `NotSignedIn` or `Forbidden`."""
        who = read_identity(request.headers.get(IDENTITY_HEADER))
        require(who, verb, namespace)
        return who

    @staticmethod
    def readable(request: Request, namespace: str) -> list[str] | None:
        """The namespaces that a list may show: the one that is asked for, or all of who asks; None for every one.

        Raises `NotSignedIn` or `Forbidden`.
        """
        who = read_identity(request.headers.get(IDENTITY_HEADER))
        if namespace:
            require(who, Verb.READ, namespace)
            return [namespace]
        return None if who.administrator else [project for project in who.projects if who.may(Verb.READ, project)]

    async def note(self, who: Actor, action: str, namespace: str, name: str) -> None:
        """Writes the audit line of a change."""
        await run_in_threadpool(_note, who, action, namespace, name)

    def find(self, namespace: str, name: str) -> Workflow:
        """A workflow, live or ended, `@latest` for the newest; raises 404."""
        if name == "@latest":
            newest = self.store.newest(namespace)
            if newest is None:
                raise HTTPException(404, "no workflows found")
            name = newest
        for workflow in self.runner.live.values():
            if workflow.namespace == namespace and workflow.name == name:
                return workflow
        found = self.store.load(namespace, name)
        if found is None:
            raise HTTPException(404, f'workflows.argoproj.io "{name}" not found')
        return found

    def by_uid(self, uid: str) -> Workflow | None:
        """A workflow, live or kept, by its uid."""
        return self.runner.live.get(uid) or self.store.by_uid(uid)


def _note(who: Actor, action: str, namespace: str, name: str) -> None:
    with writing() as session:
        audit(session, who, action, namespace or None, name)


def answer(content: Json) -> Response:
    """A JSON answer."""
    return Response(json.dumps(content), media_type="application/json")


def answer_workflow(workflow: Workflow) -> Response:
    """A workflow as the answer."""
    return Response(workflow.text(), media_type="application/json")


def answer_list(metadata: Json, items: Iterable[str]) -> Response:
    """A list whose items are JSON texts."""
    joined = ",".join(items)
    body = f'{{"metadata": {json.dumps(metadata)}, "items": {f"[{joined}]" if joined else "null"}}}'
    return Response(body, media_type="application/json")
