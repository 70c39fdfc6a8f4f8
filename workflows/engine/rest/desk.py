"""What every noun of the REST API needs: who asks, what is kept, what runs."""

from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.requests import Request

from atrium.database import writing
from atrium.home import Home
from atrium.identity import IDENTITY_HEADER, Actor, Verb, read_identity, require
from tenancy import audit
from workflows.engine.runner import Runner
from workflows.engine.state import Workflow
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
    def note(who: Actor, action: str, namespace: str, name: str) -> None:
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
