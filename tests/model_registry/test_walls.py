"""Another project's experiments, runs, models and files are out of reach by every route that is open."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from small_platform import Small

from atrium.identity import Actor, Kind, Role, Verb
from model_registry.server.places import check_places
from model_registry.server.routes_table import ROWS

pytestmark = pytest.mark.timeout(600)
CANARY = "canary-7f3a"


@dataclass(frozen=True)
class Theirs:
    """What flights holds, and a stranger tries to reach."""

    experiment: str
    run: str
    model: str
    logged: str
    artifact: str


@pytest.fixture(scope="module")
def theirs(ask: object, ada: Actor) -> Theirs:
    def make(method: str, path: str, **body: object) -> dict:  # type: ignore[type-arg]
        response = ask(ada, method, path, "flights", json=body)  # type: ignore[operator]
        assert response.is_success, response.text
        return response.json()

    experiment = make("POST", "experiments/create", name=f"{CANARY}-experiment")["experiment_id"]
    run = make("POST", "runs/create", experiment_id=experiment, run_name=f"{CANARY}-run", start_time=1)["run"]["info"]
    make("POST", "runs/log-metric", run_id=run["run_id"], key=f"{CANARY}-metric", value=1, timestamp=1)
    make("POST", "registered-models/create", name=f"{CANARY}-model", description=CANARY)
    make("POST", "model-versions/create", name=f"{CANARY}-model", source=run["artifact_uri"], run_id=run["run_id"])
    make("POST", "registered-models/alias", name=f"{CANARY}-model", alias="champion", version="1")
    logged = make("POST", "logged-models", experiment_id=experiment, name=f"{CANARY}-logged")["model"]["info"][
        "model_id"
    ]
    path = re.sub(r"^mlflow-artifacts:/+", "", run["artifact_uri"])
    put = ask(
        ada, "PUT", f"/mlflow/api/2.0/mlflow-artifacts/artifacts/{path}/note.txt", "flights", content=CANARY.encode()
    )  # type: ignore[operator]
    assert put.is_success, put.text
    return Theirs(experiment, run["run_id"], f"{CANARY}-model", logged, f"{path}/note.txt")


def values(theirs: Theirs) -> dict[str, object]:
    """Every parameter of MLflow's routes that names an object, pointed at flights'."""
    return {
        "experiment_id": theirs.experiment, "experiment_ids": [theirs.experiment], "experiment_name": f"{CANARY}-experiment",
        "run_id": theirs.run, "run_uuid": theirs.run, "run_ids": [theirs.run], "name": theirs.model, "version": "1",
        "alias": "champion", "model_id": theirs.logged, "path": "note.txt", "metric_key": f"{CANARY}-metric", "key": "tag",
        "value": "stolen", "new_name": "stolen", "description": "stolen", "status": "FAILED", "artifact_file_path": "note.txt",
        "max_results": 100, "expiration": 60, "stage": "Archived", "timestamp": 1,
    }  # fmt: skip


def snapshot(ask: object, ada: Actor, theirs: Theirs) -> str:
    """All that flights holds, as its own administrator reads it."""
    parts = [
        ask(ada, "GET", "experiments/get", "flights", params={"experiment_id": theirs.experiment}),  # type: ignore[operator]
        ask(ada, "GET", "runs/get", "flights", params={"run_id": theirs.run}),  # type: ignore[operator]
        ask(ada, "GET", "registered-models/get", "flights", params={"name": theirs.model}),  # type: ignore[operator]
        ask(ada, "GET", "model-versions/get", "flights", params={"name": theirs.model, "version": "1"}),  # type: ignore[operator]
        ask(ada, "GET", f"logged-models/{theirs.logged}", "flights"),  # type: ignore[operator]
        ask(ada, "GET", f"/mlflow/api/2.0/mlflow-artifacts/artifacts/{theirs.artifact}", "flights"),  # type: ignore[operator]
    ]
    assert all(one.is_success for one in parts), [one.text for one in parts]
    return "\n".join(one.text for one in parts)


def tries(theirs: Theirs) -> Iterator[tuple[str, str]]:
    """Method and path of each open route that needs a project, its parameters pointed at flights' objects."""
    for row, wanted in ROWS.items():
        method, path = row.split(" ")
        if wanted.verb is None:
            continue
        path = path.replace("<path:artifact_path>", theirs.artifact).replace("<model_id>", theirs.logged)
        path = re.sub(r"<\w*workspace\w*>", "flights", path)
        path = re.sub(r"<[\w:]+>", theirs.run, path)
        for prefix in ("/api/", "/ajax-api/") if not path.startswith("/") else ("",):
            yield method, f"/mlflow{prefix}{path}"


def test_a_stranger_reaches_nothing_by_any_route(ask: object, ada: Actor, eve: Actor, theirs: Theirs) -> None:
    before, leaks = snapshot(ask, ada, theirs), []
    told = values(theirs)
    own = {"name": "evens-own", "source": f"runs:/{theirs.run}/model"}  # what she makes for herself is hers
    query = {key: value for key, value in told.items() if not isinstance(value, list)}
    for method, path in tries(theirs):
        sent = told | (own if path.endswith("/create") else {})
        body = {"json": sent} if method != "GET" and "mlflow-artifacts/artifacts" not in path else {}
        if path.endswith("/graphql"):
            asked = 'query { mlflowGetRun(input: {runId: "RUN"}) { run { info { runName } } } }'
            body = {"json": {"query": asked.replace("RUN", theirs.run)}}
        response = ask(eve, method, path, "digits", params=query if not path.endswith("/create") else {}, **body)  # type: ignore[operator]
        names = {CANARY, *(f"{CANARY}-{noun}" for noun in ("experiment", "run", "model", "metric", "logged"))}
        said = response.text
        for asked in json.dumps(told), json.dumps(query):
            said = said.replace(asked, "")
        if response.is_success and any(name in said for name in names):
            leaks.append(f"{method} {path}: {response.status_code} {said[:200]}")
    assert leaks == []
    assert snapshot(ask, ada, theirs) == before


def test_a_stranger_cannot_name_the_workspace_itself(ask: object, eve: Actor, theirs: Theirs) -> None:
    for method, path in tries(theirs):
        response = ask(eve, method, path, "flights", params={"run_id": theirs.run})  # type: ignore[operator]
        assert response.status_code == 403, f"{method} {path}: {response.text[:200]}"
    by_query = ask(eve, "GET", "runs/get", params={"run_id": theirs.run, "workspace": "flights"})  # type: ignore[operator]
    assert by_query.status_code == 403


def test_a_viewer_changes_nothing_by_any_route(ask: object, ada: Actor, vic: Actor, theirs: Theirs) -> None:
    before, allowed = snapshot(ask, ada, theirs), []
    for row, wanted in ROWS.items():
        if wanted.verb is Verb.WRITE:
            method, path = row.split(" ")
            response = ask(vic, method, f"/mlflow/api/{path}", "flights", json=values(theirs))  # type: ignore[operator]
            allowed += [] if response.status_code == 403 else [f"{row}: {response.status_code}"]
    assert allowed == []
    assert snapshot(ask, ada, theirs) == before


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_workspaces_are_made_by_the_portal_alone(ask: object, ada: Actor, method: str) -> None:
    path = "/mlflow/api/3.0/mlflow/workspaces" + ("" if method == "POST" else "/flights")
    response = ask(ada, method, path, json={"name": "mine"})  # type: ignore[operator]
    assert response.status_code == 403
    assert "project" in response.json()["message"]


def test_a_workspace_that_is_no_project_is_refused(ask: object, ada: Actor) -> None:
    response = ask(ada, "GET", "registered-models/search", "nowhere")  # type: ignore[operator]
    assert response.status_code == 403
    assert "'nowhere'" in response.json()["message"]


def test_a_browsers_download_is_an_attachment_that_may_do_nothing(ask: object, theirs: Theirs, mlflow: Small) -> None:
    for kind, attached in ((Kind.SESSION, True), (Kind.TOKEN, False)):
        who = Actor("bob", kind, {"flights": Role.ENGINEER})
        for path in ("/mlflow/get-artifact", f"/mlflow/api/2.0/mlflow-artifacts/artifacts/{theirs.artifact}"):
            response: httpx.Response = ask(
                who, "GET", path, "flights", params={"run_id": theirs.run, "path": "note.txt"}
            )  # type: ignore[operator]
            assert response.text == CANARY
            assert (response.headers.get("content-disposition") == "attachment") is attached
            assert ("sandbox" in response.headers.get("content-security-policy", "")) is attached
            assert response.headers.get("x-content-type-options") == "nosniff" or not attached


@pytest.mark.parametrize(
    "place",
    ["mlflow-artifacts:/workspaces/flights/{path}", "mlflow-artifacts:/%77orkspaces/flights/{path}", "mlflow-artifacts:/x/../workspaces/flights/{path}",
     "mlflow-artifacts://host/workspaces/flights/{path}", "file:///etc", "/etc", "http://127.0.0.1:1/x", "s3://bucket/x", "../../etc"],
)  # fmt: skip
def test_no_place_that_a_client_names_lends_it_the_servers_eyes(
    ask: object, eve: Actor, theirs: Theirs, place: str
) -> None:
    named = place.replace("{path}", theirs.artifact.rpartition("/")[0].removeprefix("workspaces/flights/"))
    experiment = ask(
        eve, "POST", "experiments/create", "digits", json={"name": f"at {place}", "artifact_location": named}
    )  # type: ignore[operator]
    assert experiment.status_code == 403, experiment.text
    ask(eve, "POST", "registered-models/create", "digits", json={"name": "eyes"})  # type: ignore[operator]
    version = ask(eve, "POST", "model-versions/create", "digits", json={"name": "eyes", "source": named})  # type: ignore[operator]
    assert version.status_code == 403, version.text
    tag = {"key": "mlflow.artifactLocation", "value": named}
    traced = ask(eve, "PATCH", f"/mlflow/api/3.0/mlflow/traces/{theirs.run}/tags", "digits", json=tag)  # type: ignore[operator]
    assert traced.status_code == 403, traced.text
    read = ask(
        eve,
        "GET",
        "/mlflow/model-versions/get-artifact",
        "digits",
        params={"name": "eyes", "version": "1", "path": "note.txt"},
    )  # type: ignore[operator]
    assert CANARY not in read.text


@pytest.mark.parametrize(
    "place", ["mlflow-artifacts:/workspaces/flights/1/x/artifacts", "runs:/abc/model", "models:/m-1", ""]
)
def test_ones_own_places_are_taken(place: str) -> None:
    check_places(
        "flights", json.dumps({"name": "m", "source": place, "tags": [{"key": "note", "value": "/etc"}]}).encode()
    )
