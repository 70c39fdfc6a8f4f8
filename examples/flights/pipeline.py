"""The pipeline, written with Hera. `python -m examples.flights.pipeline` prints its manifest."""

from itertools import pairwise
from typing import Any, Final

from hera.workflows import DAG, Artifact, Container, NoneArchiveStrategy, Parameter, Task, Workflow
from hera.workflows.models import ValueFrom

IMAGE: Final = "atrium/runtime:1"
READABLE: Final = 0o644  # on a cluster Argo puts files there as root, and the step is another user


def _output(name: str) -> Parameter:
    return Parameter(name=name, value_from=ValueFrom(path=f"/tmp/out/{name}"))


def _model(name: str, path: str) -> Artifact:
    return Artifact(name=name, path=path, archive=NoneArchiveStrategy(), mode=READABLE)


def _step(name: str, *options: str, **more: Any) -> Container:
    command = ["python", "-m", "examples.flights.steps", name, *options]
    return Container(name=name, image=IMAGE, command=command, **more)


def workflow() -> Workflow:
    """From the published files to a model in service that was asked once."""
    asked_for = [
        Parameter(name="rounds", value="150", description="Trees of the gradient boosting, 1 to 2000"),
        Parameter(name="learning-rate", value="0.08", description="Share of each tree in the sum, 0.001 to 1"),
    ]
    with Workflow(generate_name="flight-delay-", entrypoint="flight-delay", arguments=asked_for) as made:
        extract = _step("extract", outputs=[_output("rows")])
        validate, features, training_set = _step("validate"), _step("features"), _step("training-set")
        train = _step(
            "train", "--kind", "{{inputs.parameters.kind}}", "--rounds", "{{workflow.parameters.rounds}}",
            "--learning-rate", "{{workflow.parameters.learning-rate}}", inputs=[Parameter(name="kind")],
            outputs=[_output("run"), _output("validation"), _model("model", "/tmp/out/model.joblib")],
        )  # fmt: skip
        evaluate = _step(
            "evaluate", "--boosting-run", "{{inputs.parameters.boosting-run}}", "--baseline-run", "{{inputs.parameters.baseline-run}}",
            inputs=[Parameter(name="boosting-run"), Parameter(name="baseline-run"),
                    _model("boosting", "/tmp/in/boosting.joblib"), _model("baseline", "/tmp/in/baseline.joblib")],
            outputs=[_output("scores")],
        )  # fmt: skip
        register = _step(
            "register", "--run", "{{inputs.parameters.run}}", "--scores", "{{inputs.parameters.scores}}",
            inputs=[Parameter(name="run"), Parameter(name="scores"), _model("boosting", "/tmp/in/boosting.joblib")],
            outputs=[_output("version")],
        )  # fmt: skip
        deploy, smoke_test = _step("deploy", outputs=[_output("address")]), _step("smoke-test")
        with DAG(name="flight-delay"):
            first = Task(name="extract", template=extract)
            checked = Task(name="validate", template=validate)
            made_features = Task(name="features", template=features)
            joined = Task(name="training-set", template=training_set)
            boosting = Task(name="train-boosting", template=train, arguments={"kind": "boosting"})
            baseline = Task(name="train-baseline", template=train, arguments={"kind": "baseline"})
            judged = Task(
                name="evaluate", template=evaluate,
                arguments=[
                    boosting.get_parameter("run").with_name("boosting-run"), baseline.get_parameter("run").with_name("baseline-run"),
                    boosting.get_artifact("model").with_name("boosting"), baseline.get_artifact("model").with_name("baseline"),
                ],
            )  # fmt: skip
            kept = Task(
                name="register", template=register,
                arguments=[
                boosting.get_parameter("run"), judged.get_parameter("scores"),
                boosting.get_artifact("model").with_name("boosting"),
            ],
            )  # fmt: skip
            served, asked = Task(name="deploy", template=deploy), Task(name="smoke-test", template=smoke_test)
            for before, after in pairwise([first, checked, made_features, joined]):
                before >> after
            for trained in (boosting, baseline):
                joined >> trained
                trained >> judged
            for before, after in pairwise([judged, kept, served, asked]):
                before >> after
    return made


if __name__ == "__main__":
    print(workflow().to_yaml(), end="")
