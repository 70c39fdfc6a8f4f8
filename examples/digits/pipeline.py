"""The pipeline, written with Hera. `python -m examples.digits.pipeline` prints its manifest."""

from itertools import pairwise

from hera.workflows import DAG, Container, Parameter, Task, Workflow
from hera.workflows.models import ValueFrom

IMAGE = "atrium/runtime:1"


def _step(name: str, output: str) -> Container:
    command = ["python", "-m", "examples.digits.steps", name]
    return Container(
        name=name,
        image=IMAGE,
        command=command,
        outputs=[Parameter(name=output, value_from=ValueFrom(path=f"/tmp/out/{output}"))],
    )


def workflow() -> Workflow:
    """From scikit-learn's images to a model in service that was asked once."""
    with Workflow(generate_name="digit-", entrypoint="digit") as made:
        steps = [_step("extract", "rows"), _step("train", "version"), _step("deploy", "address")]
        with DAG(name="digit"):
            for before, after in pairwise([Task(name=str(step.name), template=step) for step in steps]):
                before >> after
    return made


if __name__ == "__main__":
    print(workflow().to_yaml(), end="")
