"""Every route of MLflow stands in the table or is refused by name: a new MLflow opens nothing, and fails here until it is judged."""

import json
import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_registry.server.routes_table import ROWS, demand, normal, why_refused

pytestmark = pytest.mark.timeout(600)
LISTING = """
import json, warnings
warnings.simplefilter("ignore")
from mlflow.server import app as flask
from mlflow.server.fastapi_app import app
found = [(m, r.rule) for r in flask.url_map.iter_rules() for m in r.methods - {"HEAD", "OPTIONS"}]
def walk(routes, prefix=""):
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            walk(inner.routes, prefix + route.include_context.prefix)
        elif getattr(route, "methods", None):
            found.extend((m, prefix + route.path) for m in route.methods - {"HEAD", "OPTIONS"})
walk(app.routes)
print(json.dumps(found))
"""


@lru_cache
def every_route() -> list[tuple[str, str]]:
    """Method and path of each route that MLflow's server has, as it is started here."""
    home = Path("/nonexistent")
    environment = os.environ | {
        "MLFLOW_ENABLE_WORKSPACES": "true", "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true", "_MLFLOW_SERVER_FILE_STORE": "sqlite://",
        "_MLFLOW_SERVER_REGISTRY_STORE": "sqlite://", "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(home),
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-c", LISTING], env=environment, capture_output=True, text=True, check=True)
    return [(method, path) for method, path in json.loads(done.stdout.splitlines()[-1])]


def filled(path: str) -> str:
    """A path with something in the place of each parameter."""
    return (
        path.replace("<path:", "<")
        .replace(":path}", "}")
        .replace("<", "x")
        .replace(">", "")
        .replace("{", "x")
        .replace("}", "")
    )


def test_each_route_of_mlflow_is_either_checked_or_refused_by_name() -> None:
    assert len(every_route()) > 300
    unjudged = [
        f"{method} {path}"
        for method, path in every_route()
        if (demand(method, filled(path)) is None) == (why_refused(method, filled(path)) is None)
    ]
    assert unjudged == []


def test_no_row_names_a_route_that_mlflow_does_not_have() -> None:
    there = {
        f"{method} {normal(path)}".replace("{artifact_path:path}", "<path:artifact_path>")
        for method, path in every_route()
    }
    own = {"GET /atrium/plugin", "GET /favicon.ico"}
    assert sorted(set(ROWS) - there - own) == []


def test_a_write_is_never_taken_for_a_read() -> None:
    reads_by_post = {row for row, one in ROWS.items() if one.verb == "read" and not row.startswith("GET")}
    assert all(any(word in row for word in ("search", "graphql", "get-latest", "batch", "calculate", "metrics", "presigned-download"))
               for row in reads_by_post)  # fmt: skip


@given(st.text("abcdefghijklmnop-/.0123456789", max_size=60))
def test_an_unknown_path_is_refused(path: str) -> None:
    if demand("POST", f"/ajax-api/9.0/mlflow/{path}") is not None:
        pytest.fail(path)


@pytest.mark.parametrize(
    "path",
    [
        "/api/2.0/mlflow/runs/../workspaces/x",
        "/api/2.0/mlflow/runs//get",
        "/API/2.0/mlflow/runs/get",
        "/api/2.0/mlflow/runs/get/x",
    ],
)
def test_a_crooked_path_is_refused(path: str) -> None:
    assert demand("GET", path) is None
