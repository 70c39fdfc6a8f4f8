"""Which right each of MLflow's routes takes. What stands in no row is refused, so a new MLflow opens nothing by itself."""

import re
from dataclasses import dataclass

from atrium.identity import Verb

PREFIX = "/mlflow"
API = re.compile(r"^/(?:ajax-)?api/[23]\.0/mlflow/(?P<rest>.+)$")
ARTIFACTS = re.compile(r"^/(?:ajax-)?api/2\.0/mlflow-artifacts/(?:artifacts|mpu|presigned)(?:/|$)")
OPEN = re.compile(r"^(?:/?|/health|/version|/static-files/.+|/build/.+|/favicon\.ico)$")
PLAIN_READS = re.compile(r"^/(?:get-artifact|model-versions/get-artifact|graphql)$")
ATRIUM = re.compile(r"^/atrium/plugin$")
# noun -> last words of paths that only read although they are sent by POST
NOUNS: dict[str, frozenset[str]] = {
    "experiments": frozenset({"search", "search-datasets"}),
    "runs": frozenset({"search"}),
    "metrics": frozenset(),
    "artifacts": frozenset({"presigned-download-url"}),
    "model-versions": frozenset({"search"}),
    "registered-models": frozenset({"search", "get-latest-versions"}),
    "logged-models": frozenset({"search"}),
    "traces": frozenset({"search", "batchGetInfos", "calculate-filter-correlation", "metrics"}),
    "datasets": frozenset({"search"}),
    "upload-artifact": frozenset(),
    "get-trace-artifact": frozenset(),
    "get-online-trace-details": frozenset(),
    "unified-traces": frozenset(),
}
READ_METHODS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True)
class Demand:
    """What a request takes: `verb` in its project (None: nothing, it shows nobody's data); `noun` is what it is about."""

    verb: Verb | None
    noun: str
    lists_workspaces: bool = False


def demand(method: str, path: str) -> Demand | None:
    """What the request takes, or None where no row names it and it is refused. `path` is without `/mlflow`."""
    if OPEN.match(path) or ATRIUM.match(path):
        return Demand(None, "page") if method in READ_METHODS else None
    if PLAIN_READS.match(path):
        return Demand(Verb.READ, path.strip("/"))
    if ARTIFACTS.match(path):
        return Demand(Verb.READ if method in READ_METHODS else Verb.WRITE, "artifact")
    found = API.match(path)
    if found is None:
        return None
    words = found["rest"].strip("/").split("/")
    if words == ["server-info"] or words == ["ui-telemetry"]:
        return Demand(None, words[0]) if method in READ_METHODS else None
    if words[0] == "workspaces":
        return Demand(None, "workspaces", lists_workspaces=len(words) == 1) if method in READ_METHODS else None
    if words[0] not in NOUNS:
        return None
    reads = method in READ_METHODS or words[-1] in NOUNS[words[0]]
    return Demand(Verb.READ if reads else Verb.WRITE, words[0])
