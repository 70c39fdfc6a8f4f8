"""What whoever runs pipelines must do, whichever engine it is."""

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from small_platform import until

from workflows.backends import Pipelines
from workflows.models import ManifestInvalid, RunNotFound

FINISHED = ("Succeeded", "Failed", "Error")


def workflow(command: list[str], **spec: object) -> dict[str, Any]:
    """A workflow of one step."""
    template = {"name": "main", "container": {"image": "busybox:1.36", "command": command}} | spec.pop("template", {})  # type: ignore[operator]
    return {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"generateName": "contract-"},
        "spec": {"entrypoint": "main", "templates": [template], **spec},
    }  # fmt: skip


class PipelinesContract:
    """Inherit this, and give a fixture `engine` that is a `Pipelines` of one project."""

    seconds_to_finish: ClassVar[float] = 120
    stop_says: ClassVar[tuple[str, ...]] = ("Failed",)

    def finished(self, engine: Pipelines, name: str) -> dict[str, Any]:
        until(lambda: engine.get(name)["status"].get("phase") in FINISHED, f"the end of {name}", self.seconds_to_finish)
        return engine.get(name)

    def test_a_sound_workflow_passes_lint_and_an_unsound_one_is_named(self, engine: Pipelines) -> None:
        engine.lint(workflow(["true"]))
        unsound = workflow(["true"])
        unsound["spec"]["entrypoint"] = "nowhere"
        with pytest.raises(ManifestInvalid, match="nowhere"):
            engine.lint(unsound)

    def test_a_submitted_run_is_kept_at_once_and_succeeds(self, engine: Pipelines) -> None:
        name = engine.submit(workflow(["echo", "hello contract"]))["metadata"]["name"]
        assert engine.get(name)["metadata"]["name"] == name
        assert self.finished(engine, name)["status"]["phase"] == "Succeeded"
        assert any("hello contract" in line for _pod, line in engine.logs(name))

    def test_a_failing_step_fails_the_run_and_a_retry_runs_it_again(self, engine: Pipelines) -> None:
        name = engine.submit(workflow(["sh", "-c", "exit 3"]))["metadata"]["name"]
        first = self.finished(engine, name)
        assert first["status"]["phase"] == "Failed"
        engine.act(name, "retry")
        again = self.finished(engine, name)
        assert again["status"]["phase"] == "Failed"

    def test_a_run_can_be_stopped_and_another_made_of_it(self, engine: Pipelines) -> None:
        name = engine.submit(workflow(["sleep", "300"]))["metadata"]["name"]
        until(lambda: engine.get(name)["status"].get("phase") == "Running", "the start", self.seconds_to_finish)
        engine.act(name, "terminate")
        assert self.finished(engine, name)["status"]["phase"] in self.stop_says
        other = engine.act(name, "resubmit")["metadata"]["name"]
        assert other != name
        engine.act(other, "terminate")

    def test_the_last_lines_alone_are_given_when_asked(self, engine: Pipelines) -> None:
        name = engine.submit(workflow(["sh", "-c", "for n in 1 2 3 4 5; do echo line $n; done"]))["metadata"]["name"]
        self.finished(engine, name)
        until(lambda: len(list(engine.logs(name))) >= 5, "the lines", self.seconds_to_finish)
        assert [line for _pod, line in engine.logs(name, tail=2)][:2] == ["line 4", "line 5"]

    def test_an_artifact_is_given_back_as_it_was_made(self, engine: Pipelines) -> None:
        output = {"outputs": {"artifacts": [{"name": "note", "path": "/tmp/note", "archive": {"none": {}}}]}}
        made = workflow(["sh", "-c", "printf contract > /tmp/note"], template=output)
        name = engine.submit(made)["metadata"]["name"]
        run = self.finished(engine, name)
        node = next(one["id"] for one in run["status"]["nodes"].values() if one["type"] == "Pod")
        assert engine.artifact(name, node, "note")[1] == b"contract"

    @pytest.mark.parametrize("ask", [
        lambda e: e.get("nowhere"), lambda e: e.act("nowhere", "stop"), lambda e: list(e.logs("nowhere")),
        lambda e: e.artifact("nowhere", "nowhere", "note")], ids=["get", "act", "logs", "artifact"])  # fmt: skip
    def test_what_is_not_there_is_said_so(self, engine: Pipelines, ask: Callable[[Pipelines], object]) -> None:
        with pytest.raises(RunNotFound):
            ask(engine)
