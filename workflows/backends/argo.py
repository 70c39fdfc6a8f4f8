"""Runs over Argo Server's REST: the embedded workflow server, or a real Argo."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import NoReturn, Protocol

import httpx

from atrium.errors import Conflict, Forbidden, NotFound, Unavailable
from atrium.identity import Actor
from atrium.rpc import client, reaching
from workflows.backends.protocol import Json
from workflows.models import ManifestInvalid, RunNotFound

ANSWER_SECONDS, LOG_SECONDS, ARTIFACT_SECONDS = 10.0, 10.0, 60.0
UNKNOWN = 2


class Server(Protocol):
    """Where an Argo Server is, and how it is asked."""

    def client(self, timeout_seconds: float) -> httpx.Client:
        """A client of its REST."""

    def reaching(self) -> AbstractContextManager[None]:
        """Turns a failed connection inside the block into `Unavailable`, which tells the server."""


class Home:
    """The workflow server of the platform, or the Argo Server that the settings name, asked as one person."""

    def __init__(self, who: Actor) -> None:
        self.who = who

    def client(self, timeout_seconds: float) -> httpx.Client:
        """A client that shows who asks."""
        return client("argo", self.who, timeout_seconds)

    def reaching(self) -> AbstractContextManager[None]:
        """As `Server` says."""
        return reaching("argo")


class ArgoBackend:
    """Runs of one namespace, asked through one server: the platform's own, as one person, where no other is named."""

    def __init__(self, who: Actor, namespace: str, server: Server | None = None) -> None:
        self.server, self.project = server or Home(who), namespace

    def call(self, method: str, path: str, body: object = None, **query: str) -> Json:
        """JSON of the answer under `/api/v1`.

        Raises:
            RunNotFound, ManifestInvalid, Conflict, Forbidden: as the server says; BackEndUnavailable.
        """
        with self.server.reaching(), self.server.client(ANSWER_SECONDS) as http:
            response = http.request(method, f"/api/v1/{path}", json=body, params=query)
        if response.is_success:
            found: Json = response.json()
            return found
        self._refuse(response)

    @staticmethod
    def _refuse(response: httpx.Response) -> NoReturn:
        try:
            message, code = str(response.json().get("message")), response.json().get("code")
        except ValueError:
            message, code = response.text[:300], None
        kinds: dict[int, type[NotFound | ManifestInvalid | Conflict | Forbidden]] = {
            400: ManifestInvalid, 403: Forbidden, 404: RunNotFound, 409: Conflict
        }  # fmt: skip
        unknown = code == UNKNOWN and response.request.url.path.endswith("/lint")  # how Argo's lint says what is wrong
        kind = ManifestInvalid if unknown else kinds.get(response.status_code)
        if kind is None:
            raise Unavailable(f"the workflow server failed: {message}", "it answers 200", "see logs/argo.log")
        if kind is RunNotFound:
            raise RunNotFound(message, "it must exist in this project", "see the list on the page")
        raise kind(message, "the workflow server does not take it", "change it and try again")

    def submit(self, manifest: Json) -> Json:
        """Runs a workflow."""
        return self.call("POST", f"workflows/{self.project}", {"workflow": manifest})

    def lint(self, manifest: Json) -> Json:
        """Checks a workflow."""
        return self.call("POST", f"workflows/{self.project}/lint", {"workflow": manifest})

    def get(self, name: str) -> Json:
        """A run, whole."""
        try:
            return self.call("GET", f"workflows/{self.project}/{name}")
        except RunNotFound:
            raise RunNotFound(
                f"run {name!r} of project {self.project!r}", "there is none of this name", "see the runs"
            ) from None

    def unfinished(self, labels: str) -> list[str]:
        """Names of the runs with these labels (a selector) that have not ended."""
        selector = f"{labels},workflows.argoproj.io/completed!=true"
        query = {"listOptions.labelSelector": selector, "fields": "items.metadata.name"}
        return [
            one["metadata"]["name"] for one in self.call("GET", f"workflows/{self.project}", **query).get("items") or []
        ]

    def act(self, name: str, action: str) -> Json:
        """stop, terminate, retry, resubmit, resume."""
        return self.call("PUT", f"workflows/{self.project}/{name}/{action}", {})

    def logs(self, name: str, pod: str = "", tail: int = 0) -> Iterator[tuple[str, str]]:
        """Pod and line, as far as written."""
        query = (
            {"logOptions.container": "main"}
            | ({"podName": pod} if pod else {})
            | ({"logOptions.tailLines": str(tail)} if tail else {})
        )
        path = f"/api/v1/workflows/{self.project}/{name}/log"
        with (
            self.server.reaching(),
            self.server.client(LOG_SECONDS) as http,
            http.stream("GET", path, params=query, headers={"Accept": "text/event-stream"}) as response,
        ):
            if not response.is_success:
                response.read()
                self._refuse(response)
            for line in response.iter_lines():
                if line.startswith("data: "):
                    entry = json.loads(line.removeprefix("data: "))["result"]
                    yield entry["podName"], entry["content"]

    def artifact(self, name: str, node: str, artifact: str) -> tuple[str, bytes]:
        """File name and bytes of an output artifact."""
        with self.server.reaching(), self.server.client(ARTIFACT_SECONDS) as http:
            response = http.get(f"/artifacts/{self.project}/{name}/{node}/{artifact}")
        if not response.is_success:
            self._refuse(response)
        said = response.headers.get("content-disposition", "")
        return said.rpartition("filename=")[2].strip('"') or artifact, response.content
