"""The seam between pipelines and what runs them: one project's runs, asked as one person, by Argo's own words."""

from collections.abc import Iterator
from typing import Any, Protocol

Json = dict[str, Any]


class Pipelines(Protocol):
    """Argo workflows. Each method raises `BackEndUnavailable` where nothing answers, `Forbidden` where the project refuses."""

    def lint(self, manifest: Json) -> Json:
        """Checks a workflow without running it. Raises `ManifestInvalid` with the server's own words."""

    def submit(self, manifest: Json) -> Json:
        """Starts a run, kept before this returns; gives it as it is kept, its name in `metadata.name`. Raises `ManifestInvalid`."""

    def get(self, name: str) -> Json:
        """A run, whole, with its nodes. Raises `RunNotFound`."""

    def act(self, name: str, action: str) -> Json:
        """stop, terminate, retry, resubmit or resume; gives the run that results. Raises `RunNotFound`, `ManifestInvalid`, `Conflict`."""

    def logs(self, name: str, pod: str = "", tail: int = 0) -> Iterator[tuple[str, str]]:
        """Pod and line of what the main containers wrote so far, in each pod's order; of each the last `tail`. Raises `RunNotFound`."""

    def artifact(self, name: str, node: str, artifact: str) -> tuple[str, bytes]:
        """File name and bytes of a node's output artifact. Raises `RunNotFound`."""
