"""What whoever keeps experiments and models must do."""

import threading
from typing import ClassVar

import pytest

from model_registry.backends import Experimenting
from model_registry.models import AliasMoved, Lifecycle, ModelExists, ModelNotFound, TrackingRunNotFound


class TrackingContract:
    """Inherit this, and give a fixture `tracking` that is an `Experimenting` of one empty project."""

    serializes_aliases: ClassVar[bool] = True  # an MLflow without the plugin lets the last writer win
    page_items: ClassVar[int] = 1000

    def experiment(self, tracking: Experimenting, name: str) -> str:
        return str(tracking.change("POST", "experiments/create", name=name)["experiment_id"])

    def run(self, tracking: Experimenting, experiment: str, name: str = "r") -> dict[str, str]:
        made = tracking.change("POST", "runs/create", experiment_id=experiment, run_name=name, start_time=1)
        return dict(made["run"]["info"])

    def versions(self, tracking: Experimenting, model: str, count: int) -> None:
        run = self.run(tracking, self.experiment(tracking, f"of-{model}"))
        tracking.change("POST", "registered-models/create", name=model)
        for _ in range(count):
            tracking.change(
                "POST", "model-versions/create", name=model, source=run["artifact_uri"], run_id=run["run_id"]
            )

    def test_an_experiment_is_given_as_it_was_made_and_is_listed_after_its_deletion(
        self, tracking: Experimenting
    ) -> None:
        made = self.experiment(tracking, "c-experiment")
        assert (tracking.experiment(made).name, tracking.experiment(made).state) == ("c-experiment", Lifecycle.ACTIVE)
        tracking.change("POST", "experiments/delete", experiment_id=made)
        assert [one.state for one in tracking.experiments() if one.id == made] == [Lifecycle.DELETED]

    def test_a_taken_name_is_said_so(self, tracking: Experimenting) -> None:
        self.experiment(tracking, "c-taken")
        with pytest.raises(ModelExists):
            self.experiment(tracking, "c-taken")

    def test_a_run_keeps_figures_parameters_and_curve(self, tracking: Experimenting) -> None:
        experiment = self.experiment(tracking, "c-runs")
        run = self.run(tracking, experiment)["run_id"]
        points = [{"key": "loss", "value": 1 / step, "timestamp": step, "step": step} for step in (1, 2, 4)]
        tracking.change("POST", "runs/log-batch", run_id=run, metrics=points, params=[{"key": "depth", "value": "5"}])
        found = tracking.run(run)
        assert (found.metrics, found.params, found.deleted) == ({"loss": 0.25}, {"depth": "5"}, False)
        assert tracking.history(run, "loss") == [(1, 1.0), (2, 0.5), (4, 0.25)]
        tracking.change("POST", "runs/delete", run_id=run)
        assert [(one.id, one.deleted) for one in tracking.runs([experiment])] == [(run, True)]

    def test_a_models_versions_are_all_listed_and_found_by_number_and_alias(self, tracking: Experimenting) -> None:
        self.versions(tracking, "c-model", 3)
        assert sorted(one.version for one in tracking.versions("c-model")) == ["1", "2", "3"]
        tracking.set_alias("c-model", "champion", "2")
        assert tracking.version("c-model", "champion").version == "2"
        assert tracking.version("c-model", "2").aliases == ["champion"]
        assert tracking.model("c-model").aliases == {"champion": "2"}
        assert "c-model" in [one.name for one in tracking.models()]

    def test_of_two_that_move_an_alias_at_once_one_is_told(self, tracking: Experimenting) -> None:
        if not self.serializes_aliases:
            pytest.skip("this server lets the last writer win")
        self.versions(tracking, "c-raced", 3)
        tracking.set_alias("c-raced", "champion", "1", expected="")
        gate, results = threading.Barrier(2), []

        def move(version: str) -> None:
            gate.wait()
            try:
                tracking.set_alias("c-raced", "champion", version, expected="1")
                results.append(version)
            except AliasMoved:
                results.append("told")

        threads = [threading.Thread(target=move, args=(version,)) for version in ("2", "3")]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert results.count("told") == 1
        assert tracking.model("c-raced").aliases["champion"] in results

    def test_what_is_not_there_is_said_so(self, tracking: Experimenting) -> None:
        for ask in (lambda: tracking.experiment("999999"), lambda: tracking.run("0" * 32)):
            with pytest.raises(TrackingRunNotFound):
                ask()
        for ask in (lambda: tracking.model("nowhere"), lambda: tracking.version("nowhere", "1")):
            with pytest.raises(ModelNotFound):
                ask()
