"""Aliases move one at a time: of two writers one moves it, the other is told."""

import threading
from datetime import timedelta

import pytest
from small_platform import Small

import model_registry
from atrium.clock import now
from atrium.database import reading, writing
from atrium.identity import Actor
from model_registry.models import AliasMoved, AliasMoveRow

pytestmark = pytest.mark.timeout(600)
VERSIONS = 6


@pytest.fixture(scope="module")
def model(ask: object, ada: Actor) -> str:
    def make(path: str, **body: object) -> dict:  # type: ignore[type-arg]
        response = ask(ada, "POST", path, "flights", json=body)  # type: ignore[operator]
        assert response.is_success, response.text
        return response.json()

    run = make("runs/create", experiment_id=make("experiments/create", name="races")["experiment_id"])["run"]["info"]
    make("registered-models/create", name="raced")
    for _ in range(VERSIONS):
        make("model-versions/create", name="raced", source=run["artifact_uri"], run_id=run["run_id"])
    return "raced"


def leads_to(who: Actor, model: str) -> str:
    return model_registry.get_model(who, "flights", model).aliases.get("champion", "")


def test_of_two_writers_that_expect_the_same_exactly_one_moves_it(model: str, ada: Actor, bob: Actor) -> None:
    model_registry.set_alias(ada, "flights", model, "champion", "1")
    for number in range(2, VERSIONS):
        before, results = leads_to(ada, model), []
        gate = threading.Barrier(2)

        def move(
            who: Actor, version: str, before: str = before, gate: threading.Barrier = gate, results: list = results
        ) -> None:  # type: ignore[type-arg]
            gate.wait()
            try:
                model_registry.set_alias(who, "flights", model, "champion", version, expected=before)
                results.append(("moved", version))
            except AliasMoved as error:
                results.append(("told", str(error)))

        threads = [threading.Thread(target=move, args=pair) for pair in ((ada, str(number)), (bob, str(number + 1)))]
        [one.start() for one in threads]
        [one.join() for one in threads]
        assert sorted(kind for kind, _ in results) == ["moved", "told"]
        assert leads_to(ada, model) == dict(results)["moved"]
        assert "champion" in dict(results)["told"]


def test_the_loser_is_told_where_the_alias_leads_now(model: str, ada: Actor, bob: Actor) -> None:
    model_registry.set_alias(ada, "flights", model, "champion", "3")
    with pytest.raises(AliasMoved, match=r"thought to lead to version 2: it leads to version 3 now"):
        model_registry.set_alias(bob, "flights", model, "champion", "4", expected="2")
    with pytest.raises(AliasMoved, match="thought to lead to version none"):
        model_registry.set_alias(bob, "flights", model, "champion", "4", expected="")
    model_registry.set_alias(bob, "flights", model, "champion", "4", expected="3")
    assert leads_to(ada, model) == "4"


def test_a_stock_client_is_told_too_while_somebody_else_moves_it(ask: object, model: str, bob: Actor) -> None:
    held = AliasMoveRow(project="flights", model=model, alias="champion", owner="ada", since=now())
    with writing() as session:
        session.merge(held)
    body = {"name": model, "alias": "champion", "version": "1"}
    for method in ("POST", "DELETE"):
        response = ask(bob, method, "registered-models/alias", "flights", json=body)  # type: ignore[operator]
        assert response.status_code == 409
        assert "ada is moving it" in response.json()["message"]
    with writing() as session:  # whoever held it died half a minute ago
        session.merge(
            AliasMoveRow(
                project="flights", model=model, alias="champion", owner="ada", since=now() - timedelta(seconds=31)
            )
        )
    assert ask(bob, "POST", "registered-models/alias", "flights", json=body).is_success  # type: ignore[operator]


def test_nothing_stays_held_and_each_move_is_audited(mlflow: Small, model: str, ada: Actor) -> None:
    import tenancy

    model_registry.set_alias(ada, "flights", model, "champion", "2")
    with reading() as session:
        assert session.query(AliasMoveRow).count() == 0
    line = tenancy.list_audit(ada, "flights", limit=1).items[0]
    assert (line.action, line.object, line.detail) == (
        "mlflow.registered-models.post-alias",
        model,
        "alias champion, version 2",
    )
