"""Summaries follow what happens in MLflow, whoever did it, and are mended where no event told."""

from collections.abc import Callable

import pytest
from small_platform import Small, until

import model_registry
from atrium.database import writing
from atrium.errors import Conflict, Forbidden, Invalid, NotFound
from atrium.events import mark_seen, unseen
from atrium.identity import Actor
from atrium.lineage import Node, NodeKind, trace
from model_registry.models import Lifecycle, TrackingRunSummaryRow
from model_registry.worker import CONSUMER, KINDS, mend_all, summarize

pytestmark = pytest.mark.timeout(600)
Made = Callable[..., dict]  # type: ignore[type-arg]


@pytest.fixture(scope="module")
def make(ask: object, bob: Actor) -> Made:
    """Changes something by MLflow's own REST, as a stock client does."""

    def making(method: str, path: str, **body: object) -> dict:  # type: ignore[type-arg]
        response = ask(bob, method, path, "flights", json=body)  # type: ignore[operator]
        assert response.is_success, response.text
        return response.json()

    return making


@pytest.fixture(scope="module")
def experiment(make: Made) -> str:
    return str(make("POST", "experiments/create", name="summed")["experiment_id"])


def run_names(who: Actor, experiment: str) -> list[str]:
    summarize()
    return [one.name for one in model_registry.list_tracking_runs(who, "flights", experiment).items]


def a_run(make: Made, experiment: str, name: str) -> str:
    return str(
        make("POST", "runs/create", experiment_id=experiment, run_name=name, start_time=1000)["run"]["info"]["run_id"]
    )


def artifacts_of(make: Made, run: str) -> str:
    return str(make("GET", f"runs/get?run_id={run}")["run"]["info"]["artifact_uri"])


def test_a_run_of_a_stock_client_is_listed_with_figures_and_owner(make: Made, experiment: str, vic: Actor) -> None:
    run = a_run(make, experiment, "first")
    make("POST", "runs/log-batch", run_id=run, metrics=[{"key": "auc", "value": 0.75, "timestamp": 1, "step": 0}])
    make("POST", "runs/update", run_id=run, status="FINISHED", end_time=2000)
    assert run_names(vic, experiment) == ["first"]
    found = model_registry.list_tracking_runs(vic, "flights", status="FINISHED", owner="bob", name="IRS").items[0]
    assert (found.status, found.metrics, found.user) == ("FINISHED", {"auc": 0.75}, "bob")
    assert model_registry.list_tracking_runs(vic, "flights", status="FAILED").items == []


def test_a_runs_owner_is_who_made_it_also_where_its_row_is_made_anew(make: Made, experiment: str, bob: Actor) -> None:
    told = {"user_id": "step", "tags": [{"key": "mlflow.user", "value": "step"}, {"key": "judged", "value": "good"}]}
    made = make("POST", "runs/create", experiment_id=experiment, run_name="from a step", start_time=1000, **told)["run"]
    run = str(made["info"]["run_id"])
    assert made["info"]["user_id"] == "bob" and {"key": "judged", "value": "good"} in made["data"]["tags"]
    make("POST", "runs/delete", run_id=run)
    assert "from a step" not in run_names(bob, experiment)
    make("POST", "runs/restore", run_id=run)
    summarize()
    (found,) = model_registry.list_tracking_runs(bob, "flights", experiment, name="from a step").items
    assert found.user == "bob"
    make("POST", "runs/delete", run_id=run)


def test_a_deleted_run_leaves_the_list_and_a_restored_one_comes_back(make: Made, experiment: str, bob: Actor) -> None:
    run = a_run(make, experiment, "leaving")
    assert "leaving" in run_names(bob, experiment)
    model_registry.delete_tracking_run(bob, "flights", run)
    assert "leaving" not in [one.name for one in model_registry.list_tracking_runs(bob, "flights").items]
    make("POST", "runs/restore", run_id=run)
    assert "leaving" in run_names(bob, experiment)


def test_an_experiment_takes_its_runs_with_it_and_brings_them_back(make: Made, bob: Actor) -> None:
    made = model_registry.create_experiment(bob, "flights", "passing")
    a_run(make, made, "one")
    assert run_names(bob, made) == ["one"]
    model_registry.delete_experiment(bob, "flights", made)
    assert run_names(bob, made) == []
    assert [one.id for one in model_registry.list_experiments(bob, "flights", state=Lifecycle.DELETED).items] == [made]
    model_registry.restore_experiment(bob, "flights", made)
    assert run_names(bob, made) == ["one"]
    model_registry.rename_experiment(bob, "flights", made, "passed")
    assert model_registry.list_experiments(bob, "flights", name="PASSED").items[0].owner == "bob"


def test_models_and_versions_follow(make: Made, experiment: str, bob: Actor, vic: Actor) -> None:
    run = a_run(make, experiment, "maker")
    make("POST", "registered-models/create", name="follower")
    for _ in range(3):
        make("POST", "model-versions/create", name="follower", source=artifacts_of(make, run), run_id=run)
    make("POST", "registered-models/alias", name="follower", alias="champion", version="2")
    summarize()
    model = model_registry.list_models(vic, "flights", name="follow").items[0]
    assert (model.latest, model.aliases, model.owner) == ("3", {"champion": "2"}, "bob")
    versions = model_registry.list_model_versions(vic, "flights", "follower").items
    assert [(one.version, one.aliases, one.run_id) for one in versions] == [
        ("3", [], run),
        ("2", ["champion"], run),
        ("1", [], run),
    ]
    make("POST", "registered-models/rename", name="follower", new_name="leader")
    summarize()
    assert [
        one.name for one in model_registry.list_models(vic, "flights").items if one.name in ("leader", "follower")
    ] == ["leader"]
    assert len(model_registry.list_model_versions(vic, "flights", "leader").items) == 3
    with pytest.raises(NotFound, match="follower"):
        model_registry.list_model_versions(vic, "flights", "follower")


def test_a_version_in_use_is_not_deleted_and_says_by_what(make: Made, experiment: str, bob: Actor) -> None:
    make("POST", "registered-models/create", name="kept")
    run = a_run(make, experiment, "k")
    make("POST", "model-versions/create", name="kept", source=artifacts_of(make, run), run_id=run)
    model_registry.set_alias(bob, "flights", "kept", "champion", "1")
    with pytest.raises(Conflict, match="alias champion leads to it"):
        model_registry.delete_model_version(bob, "flights", "kept", "1")
    model_registry.delete_alias(bob, "flights", "kept", "champion")
    model_registry.delete_model_version(bob, "flights", "kept", "1")
    assert model_registry.list_model_versions(bob, "flights", "kept").items == []
    model_registry.delete_model(bob, "flights", "kept")
    assert model_registry.list_models(bob, "flights", name="kept").items == []


def test_what_no_event_told_is_mended_after_the_server_died(
    mlflow: Small, make: Made, experiment: str, bob: Actor
) -> None:
    run = a_run(make, experiment, "silent")
    summarize()
    with writing() as session:  # as if the server had died between the change and its event
        session.delete(session.get_one(TrackingRunSummaryRow, ("flights", run)))
        session.add(TrackingRunSummaryRow(
            project="flights", id="gone", experiment=experiment, name="ghost", status="RUNNING", owner="", metrics={}, inputs=[],
            started_at=model_registry.get_tracking_run(bob, "flights", run).started_at, ended_at=None))  # fmt: skip
    assert "ghost" in run_names(bob, experiment)
    mlflow.kill("model_registry.server")
    mlflow.start("model_registry.server")
    until(lambda: "silent" in run_names(bob, experiment), "the silent run")
    assert "ghost" not in run_names(bob, experiment)


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # httpcore leaves the refused socket to the collector
def test_events_wait_while_mlflow_is_away(mlflow: Small, make: Made, experiment: str, bob: Actor) -> None:
    a_run(make, experiment, "patient")
    mlflow.kill("model_registry.server")
    try:
        with pytest.raises(Exception, match="mlflow"):
            summarize()
        assert unseen(CONSUMER, KINDS)
    finally:
        mlflow.start("model_registry.server")
    assert "patient" in run_names(bob, experiment)
    assert unseen(CONSUMER, KINDS) == []


def test_mending_changes_nothing_where_nothing_is_wrong(bob: Actor) -> None:
    summarize()
    before = (
        model_registry.list_tracking_runs(bob, "flights", limit=200),
        model_registry.list_models(bob, "flights", limit=200),
    )
    mend_all()
    assert (
        model_registry.list_tracking_runs(bob, "flights", limit=200),
        model_registry.list_models(bob, "flights", limit=200),
    ) == before


def test_a_model_comes_from_its_run_and_the_run_from_its_dataset(
    mlflow: Small, make: Made, experiment: str, bob: Actor
) -> None:
    run = a_run(make, experiment, "learner")
    path = f"{mlflow.home}/projects/flights/data/datasets/training-set@7"
    dataset = {"name": "training-set", "digest": "abc", "source_type": "local", "source": f'{{"uri": "{path}"}}'}
    make("POST", "runs/log-inputs", run_id=run, datasets=[{"dataset": dataset, "tags": []}])
    make("POST", "registered-models/create", name="learned")
    make("POST", "model-versions/create", name="learned", source=artifacts_of(make, run), run_id=run)
    summarize()
    edges = {(edge.source, edge.target) for edge in trace("flights", Node(NodeKind.MODEL_VERSION, "learned", "1"))}
    assert edges == {
        (Node(NodeKind.RUN, run), Node(NodeKind.MODEL_VERSION, "learned", "1")),
        (Node(NodeKind.DATASET, "training-set", "7"), Node(NodeKind.RUN, run)),
    }
    assert model_registry.run_dependents(bob, "flights", run) == [Node(NodeKind.MODEL_VERSION, "learned", "1")]


def test_runs_are_compared_beside_each_other(make: Made, experiment: str, vic: Actor) -> None:
    runs = []
    for depth in ("3", "5"):
        run = a_run(make, experiment, f"depth {depth}")
        make("POST", "runs/log-batch", run_id=run, params=[{"key": "depth", "value": depth}, {"key": "seed", "value": "1"}],
             metrics=[{"key": "auc", "value": float(depth) / 10, "timestamp": 1, "step": 0}])  # fmt: skip
        runs.append(run)
    found = model_registry.compare_runs(vic, "flights", runs)
    assert found.metrics["auc"] == [0.3, 0.5]
    assert found.differing == ["depth"]
    with pytest.raises(Invalid, match="1 runs"):
        model_registry.compare_runs(vic, "flights", runs[:1])


def test_a_viewer_changes_nothing_and_a_stranger_sees_nothing(vic: Actor, eve: Actor, experiment: str) -> None:
    with pytest.raises(Forbidden):
        model_registry.rename_experiment(vic, "flights", experiment, "mine")
    for reading in (model_registry.list_experiments, model_registry.list_tracking_runs, model_registry.list_models):
        with pytest.raises(Forbidden):
            reading(eve, "flights")


def test_a_consumer_moves_on_by_itself(mlflow: Small) -> None:
    events = unseen("somebody", KINDS, 3)
    assert len(events) == 3
    with writing() as session:
        mark_seen(session, "somebody", events[-1].id)
    assert unseen("somebody", KINDS, 1)[0].id > events[-1].id
