"""Which right each of MLflow's routes takes. What stands in no row is refused, so a new MLflow opens nothing by itself.

A row is a method and a path as MLflow writes its rules, without `/api/` or `/ajax-api/`. `REFUSED` names the routes that stay
closed and why, so that a test can hold the whole table against MLflow's own routes: each stands in exactly one place.
"""

import re
from dataclasses import dataclass
from typing import Final

from atrium.identity import Verb

PREFIX: Final = "/mlflow"
OPEN: Final = """
GET /
GET /health
GET /version
GET /static-files/<path:path>
GET /build/<path:filename>
GET /favicon.ico
GET /atrium/plugin
GET 3.0/mlflow/server-info
GET 3.0/mlflow/ui-telemetry
GET 3.0/mlflow/workspaces
"""
READS: Final = """
GET 2.0/mlflow/experiments/get
GET 2.0/mlflow/experiments/get-by-name
GET 2.0/mlflow/experiments/search
POST 2.0/mlflow/experiments/search
POST 2.0/mlflow/experiments/search-datasets
GET 2.0/mlflow/runs/get
POST 2.0/mlflow/runs/search
GET 2.0/mlflow/metrics/get-history
GET 2.0/mlflow/metrics/get-history-bulk
GET 2.0/mlflow/metrics/get-history-bulk-interval
GET 2.0/mlflow/artifacts/list
POST 2.0/mlflow/artifacts/presigned-download-url
GET 2.0/mlflow/registered-models/get
GET 2.0/mlflow/registered-models/search
GET 2.0/mlflow/registered-models/get-latest-versions
POST 2.0/mlflow/registered-models/get-latest-versions
GET 2.0/mlflow/registered-models/alias
GET 2.0/mlflow/model-versions/get
GET 2.0/mlflow/model-versions/get-download-uri
GET 2.0/mlflow/model-versions/search
POST 2.0/mlflow/logged-models/search
GET 2.0/mlflow/logged-models/<model_id>
GET 2.0/mlflow/logged-models/<model_id>/artifacts/directories
GET 2.0/mlflow/traces
GET 2.0/mlflow/traces/<request_id>/info
POST 3.0/mlflow/traces/search
POST 3.0/mlflow/traces/batchGetInfos
GET 3.0/mlflow/traces/batchGet
GET 3.0/mlflow/traces/get
POST 3.0/mlflow/traces/calculate-filter-correlation
POST 3.0/mlflow/traces/metrics
GET 3.0/mlflow/traces/<trace_id>
GET 3.0/mlflow/traces/<trace_id>/assessments/<assessment_id>
GET 3.0/mlflow/datasets/search
POST 3.0/mlflow/datasets/search
GET 3.0/mlflow/datasets/<dataset_id>
GET 3.0/mlflow/datasets/<dataset_id>/experiment-ids
GET 3.0/mlflow/datasets/<dataset_id>/records
GET 3.0/mlflow/workspaces/<workspace_name>
GET 2.0/mlflow-artifacts/artifacts
GET /graphql
POST /graphql
"""
DOWNLOADS: Final = """
GET /get-artifact
GET /model-versions/get-artifact
GET 2.0/mlflow-artifacts/artifacts/<path:artifact_path>
GET 2.0/mlflow-artifacts/presigned/<path:artifact_path>
GET 2.0/mlflow/get-trace-artifact
GET 3.0/mlflow/get-trace-artifact
GET 2.0/mlflow/logged-models/<model_id>/artifacts/files
"""
WRITES: Final = """
POST 2.0/mlflow/experiments/create
POST 2.0/mlflow/experiments/delete
POST 2.0/mlflow/experiments/restore
POST 2.0/mlflow/experiments/update
POST 2.0/mlflow/experiments/set-experiment-tag
POST 2.0/mlflow/experiments/delete-experiment-tag
POST 2.0/mlflow/runs/create
POST 2.0/mlflow/runs/delete
POST 2.0/mlflow/runs/restore
POST 2.0/mlflow/runs/update
POST 2.0/mlflow/runs/delete-tag
POST 2.0/mlflow/registered-models/create
PATCH 2.0/mlflow/registered-models/update
POST 2.0/mlflow/registered-models/rename
DELETE 2.0/mlflow/registered-models/delete
POST 2.0/mlflow/registered-models/set-tag
DELETE 2.0/mlflow/registered-models/delete-tag
POST 2.0/mlflow/registered-models/alias
DELETE 2.0/mlflow/registered-models/alias
POST 2.0/mlflow/model-versions/create
PATCH 2.0/mlflow/model-versions/update
POST 2.0/mlflow/model-versions/transition-stage
DELETE 2.0/mlflow/model-versions/delete
POST 2.0/mlflow/model-versions/set-tag
DELETE 2.0/mlflow/model-versions/delete-tag
POST 2.0/mlflow/logged-models
PATCH 2.0/mlflow/logged-models/<model_id>
DELETE 2.0/mlflow/logged-models/<model_id>
POST 3.0/mlflow/traces
POST 2.0/mlflow/traces/delete-traces
POST 3.0/mlflow/traces/delete-traces
POST 3.0/mlflow/datasets/create
DELETE 3.0/mlflow/datasets/<dataset_id>
POST 3.0/mlflow/datasets/<dataset_id>/add-experiments
POST 3.0/mlflow/datasets/<dataset_id>/remove-experiments
DELETE 3.0/mlflow/datasets/<dataset_id>/records
"""
# Many a second: told as events, not audited one by one.
QUIET_WRITES: Final = """
POST 2.0/mlflow/runs/log-batch
POST 2.0/mlflow/runs/log-inputs
POST 2.0/mlflow/runs/log-metric
POST 2.0/mlflow/runs/log-model
POST 2.0/mlflow/runs/log-parameter
POST 2.0/mlflow/runs/outputs
POST 2.0/mlflow/runs/set-tag
POST 2.0/mlflow/artifacts/presigned-upload-url
POST 2.0/mlflow/logged-models/<model_id>/params
PATCH 2.0/mlflow/logged-models/<model_id>/tags
DELETE 2.0/mlflow/logged-models/<model_id>/tags/<tag_key>
POST 2.0/mlflow/traces
PATCH 2.0/mlflow/traces/<request_id>
PATCH 2.0/mlflow/traces/<request_id>/tags
DELETE 2.0/mlflow/traces/<request_id>/tags
POST 2.0/mlflow/traces/link-prompts
POST 2.0/mlflow/traces/link-to-run
PATCH 3.0/mlflow/traces/<trace_id>/tags
DELETE 3.0/mlflow/traces/<trace_id>/tags
POST 3.0/mlflow/traces/<trace_id>/assessments
PATCH 3.0/mlflow/traces/<trace_id>/assessments/<assessment_id>
DELETE 3.0/mlflow/traces/<trace_id>/assessments/<assessment_id>
POST 3.0/mlflow/datasets/<dataset_id>/records
PATCH 3.0/mlflow/datasets/<dataset_id>/tags
DELETE 3.0/mlflow/datasets/<dataset_id>/tags/<key>
POST 2.0/mlflow/upload-artifact
PUT 2.0/mlflow-artifacts/artifacts/<path:artifact_path>
DELETE 2.0/mlflow-artifacts/artifacts/<path:artifact_path>
POST 2.0/mlflow-artifacts/mpu/abort/<path:artifact_path>
POST 2.0/mlflow-artifacts/mpu/complete/<path:artifact_path>
POST 2.0/mlflow-artifacts/mpu/create/<path:artifact_path>
"""
REFUSED: Final = {
    "POST 3.0/mlflow/workspaces": "a workspace is a project, made in the portal",
    "PATCH 3.0/mlflow/workspaces/": "a workspace is a project, changed in the portal",
    "DELETE 3.0/mlflow/workspaces/": "a workspace is a project, changed in the portal",
    "* 2.0/mlflow/webhooks": "the server would ask addresses that clients name",
    "* 2.0/mlflow/gateway-proxy": "the server would ask addresses that clients name",
    "* /gateway/": "the platform serves models by Triton",
    "* 3.0/mlflow/gateway/": "the platform serves models by Triton",
    "* 3.0/mlflow/mcp-servers": "the server would ask addresses that clients name",
    "* 3.0/mlflow/assistant": "it would run programs on the server",
    "* 3.0/jobs/": "work runs as pipelines, not inside MLflow's server",
    "* 3.0/mlflow/jobs/": "work runs as pipelines, not inside MLflow's server",
    "* 3.0/mlflow/prompt-optimization/": "work runs as pipelines, not inside MLflow's server",
    "* 3.0/mlflow/genai/": "work runs as pipelines, not inside MLflow's server",
    "* 3.0/mlflow/scorers/": "a scorer is code of users, which a shared server does not load",
    "* 3.0/mlflow/scorer/": "a scorer is code of users, which a shared server does not load",
    "* 3.0/mlflow/issues": "not offered",
    "* 3.0/mlflow/label-schemas/": "not offered",
    "* 3.0/mlflow/review-queues/": "not offered",
    "* 3.0/mlflow/demo/": "a page of the platform holds no sample data",
    "POST 3.0/mlflow/ui-telemetry": "nothing is told to the outside",
    "POST 2.0/mlflow/runs/create-promptlab-run": "the server would ask addresses that clients name",
    "GET 2.0/mlflow/get-online-trace-details": "MLflow does not implement it",
    "GET 2.0/mlflow/unified-traces": "MLflow does not implement it",
    "POST 2.0mlflow/experiments/search-datasets": "MLflow does not implement it",
    "POST /v1/traces": "traces come by MLflow's own routes, which name an experiment that is checked",
}
API = re.compile(r"^/(?:ajax-)?api/")
READ_METHODS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True)
class Demand:
    """What a request takes: `verb` in its project (None: nothing, it shows nobody's data).

    `noun` is what it is about and `action` what it does to it; `quiet` changes get no audit line of their own; `downloads` answer
    with what users uploaded.
    """

    verb: Verb | None
    noun: str
    action: str
    quiet: bool = False
    downloads: bool = False


def _rows() -> dict[str, Demand]:
    found: dict[str, Demand] = {}
    for text, verb, quiet, downloads in (
        (OPEN, None, False, False), (READS, Verb.READ, False, False), (DOWNLOADS, Verb.READ, False, True),
        (WRITES, Verb.WRITE, False, False), (QUIET_WRITES, Verb.WRITE, True, False),
    ):  # fmt: skip
        for row in text.split("\n"):
            if row:
                noun, action = _words(row)
                found[row] = Demand(verb, noun, action, quiet, downloads)
    return found


def _words(row: str) -> tuple[str, str]:
    method, path = row.split(" ")
    words = [word for word in path.split("/") if word and not re.match(r"[<{]|\d\.0$|mlflow$|artifact_path", word)]
    noun = words[0] if words else "page"
    action = words[-1] if len(words) > 1 else ""
    return noun, {"alias": f"{method.lower()}-alias"}.get(action, action) or method.lower()


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"(<path:\w+>|<\w+>)", path)
    return re.compile(
        "".join(".+" if p.startswith("<path:") else "[^/]+" if p.startswith("<") else re.escape(p) for p in parts)
    )


ROWS: Final = _rows()
EXACT: Final = {row: one for row, one in ROWS.items() if "<" not in row}
PATTERNS: Final = [(row.split(" ")[0], _pattern(row.split(" ")[1]), one) for row, one in ROWS.items() if "<" in row]


def normal(path: str) -> str:
    """A path as rows write it: without `/api/` or `/ajax-api/`, and without a slash at its end."""
    return API.sub("", path).rstrip("/") or "/"


def demand(method: str, path: str) -> Demand | None:
    """What the request takes, or None where no row names it and it is refused. `path` is without `/mlflow`."""
    asked, method = normal(path), "GET" if method in READ_METHODS else method
    exact = EXACT.get(f"{method} {asked}")
    if exact:
        return exact
    return next((one for of, pattern, one in PATTERNS if of == method and pattern.fullmatch(asked)), None)


def why_refused(method: str, path: str) -> str | None:
    """Why a route stays closed, or None where no row says so."""
    asked = normal(path)
    for row, reason in REFUSED.items():
        of, _, begin = row.partition(" ")
        if of in ("*", method) and (asked == begin.rstrip("/") or asked.startswith(begin.rstrip("/") + "/")):
            return reason
    return None
