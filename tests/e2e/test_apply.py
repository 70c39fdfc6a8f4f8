"""`atrium export` and `atrium apply`: a platform's objects as files, there and back."""

import subprocess
from pathlib import Path

import pytest
import yaml
from support import ATRIUM, Platform

pytestmark = pytest.mark.platform
TEMPLATE = {
    "apiVersion": "argoproj.io/v1alpha1", "kind": "WorkflowTemplate", "metadata": {"labels": {"team": "a"}},
    "spec": {"entrypoint": "say", "templates": [{"name": "say", "container": {"image": "busybox:1", "command": ["echo", "hi"]}}]},
}  # fmt: skip


def _files(folder: Path) -> dict[str, object]:
    return {str(path.relative_to(folder)): yaml.safe_load(path.read_text()) for path in folder.rglob("*.yaml")}


def _write(folder: Path, place: str, content: object) -> None:
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    (folder / place).write_text(yaml.safe_dump(content))


def test_what_was_exported_changes_nothing_when_it_is_applied(platform: Platform, tmp_path: Path) -> None:
    platform.atrium("export", str(tmp_path))
    found = _files(tmp_path)
    assert {"flights/project.yaml", "flights/pipelines/flight-delay.yaml", "flights/services/flight-delay.yaml",
            "flights/demos/flight-delay.yaml", "digits/services/digit.yaml"} <= set(found)  # fmt: skip
    assert found["flights/services/flight-delay.yaml"]["model"] == "flight-delay"  # type: ignore[index]
    assert "Nothing is to be changed." in platform.atrium("apply", str(tmp_path))


def test_a_folder_is_planned_then_applied_then_there_is_nothing_to_do(
    platform: Platform, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("exported")
    pipeline = {**TEMPLATE, "kind": "Workflow"}
    _write(
        tmp_path,
        "declared/project.yaml",
        {"title": "Declared", "members": {"admin": "admin"}, "secrets": ["db.password"]},
    )
    _write(tmp_path, "declared/templates/hello.yaml", TEMPLATE)
    _write(tmp_path, "declared/pipelines/greet.yaml", pipeline)
    planned = platform.atrium("apply", "--dry-run", str(tmp_path))
    for line in ("create        declared/project", "create        declared/templates/hello", "create        declared/pipelines/greet",
                 "missing       declared/secrets/db.password"):  # fmt: skip
        assert line in planned
    assert (
        "declared" not in platform.atrium("export", str(outside / "before"))
        and not (outside / "before" / "declared").exists()
    )
    platform.atrium("apply", str(tmp_path))
    assert "Nothing is to be changed." in platform.atrium("apply", str(tmp_path))
    _write(tmp_path, "declared/pipelines/greet.yaml", pipeline | {"spec": pipeline["spec"] | {"parallelism": 2}})  # type: ignore[operator]
    assert "change        declared/pipelines/greet" in platform.atrium("apply", str(tmp_path))
    platform.atrium("export", str(tmp_path / "after"), "--project", "declared")
    after = _files(tmp_path / "after")
    assert after["declared/pipelines/greet.yaml"]["spec"]["parallelism"] == 2  # type: ignore[index]
    assert after["declared/templates/hello.yaml"]["spec"] == TEMPLATE["spec"]  # type: ignore[index]
    assert after["declared/project.yaml"]["title"] == "Declared"  # type: ignore[index]
    run = platform.atrium("run", "greet", "--project", "declared", "--watch")
    assert "succeeded" in run


@pytest.mark.parametrize(
    ("place", "content", "told"),
    [("pp/services/xx.yaml", {"model": "m"}, "version: Field required"), ("pp/services/xx.yaml", {"model": "m", "version": "1", "replicas": 3}, "replicas"),
     ("pp/notes.txt", {}, "a project's folder holds project.yaml and"), ("pp/project.yaml", {"members": {"a": "king"}}, "'viewer', 'engineer' or 'admin'"),
     ("No Name/project.yaml", {}, "No Name"), ("pp/pipelines/xx.yaml", [1], "it holds a mapping")],
)  # fmt: skip
def test_a_file_that_cannot_be_is_named_with_what_it_may_hold(
    platform: Platform, tmp_path: Path, place: str, content: object, told: str
) -> None:
    _write(tmp_path, place, content)
    made = subprocess.run(
        [str(ATRIUM), "apply", str(tmp_path)], env=platform.environment, capture_output=True, text=True, timeout=120
    )
    assert made.returncode == 1 and told in made.stderr
    assert "Traceback" not in made.stderr
