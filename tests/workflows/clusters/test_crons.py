"""Runs that Argo starts for cron workflows of the home cluster: they act for who wrote the cron workflow through the platform, and do what was written."""

from pathlib import Path
from typing import Any

import jwt
import pytest

import tenancy
from atrium.clock import now
from atrium.identity import platform_actor
from workflows.clusters.crons import CronChanged, note_cron, note_cron_run

WHO = platform_actor("tests")
SPEC = {
    "entrypoint": "say",
    "templates": [{"name": "say", "container": {"image": "busybox:1.36", "command": ["date"]}}],
}


@pytest.fixture
def flights(own_home: Path) -> None:
    """The project, and a cron workflow that ada wrote."""
    for name in ("ada", "eve"):
        tenancy.create_user(WHO, name, "a-long-password-1")
    tenancy.create_project(WHO, "flights")
    written("ada")


def written(owner: str, spec: dict[str, Any] = SPEC) -> None:
    note_cron(
        owner,
        "flights",
        {"metadata": {"name": "nightly", "uid": "c1"}, "spec": {"schedule": "@daily", "workflowSpec": spec}},
    )


def run(uid: str = "c1", kind: str = "CronWorkflow", **spec: object) -> dict[str, Any]:
    owned = {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "name": "nightly", "uid": uid, "controller": True}
    return {"metadata": {"name": "nightly-1790000000", "ownerReferences": [owned]}, "spec": {**SPEC, **spec}}


def starter(workflow: dict[str, Any]) -> str:
    """Whose token the run has, once its step has asked."""
    note_cron_run("flights", workflow)
    text = tenancy.token_of_run("flights", workflow["metadata"]["name"])
    return str(jwt.decode(text, options={"verify_signature": False})["sub"])


@pytest.mark.usefixtures("flights")
def test_a_run_acts_for_who_wrote_the_cron_workflow_last() -> None:
    assert starter(run(podGC={"strategy": "OnPodSuccess"}, shutdown="Stop")) == "ada"
    written("eve")
    assert starter({**run(), "metadata": {**run()["metadata"], "name": "nightly-1790000060"}}) == "eve"
    assert starter(run()) == "ada"


@pytest.mark.usefixtures("flights")
@pytest.mark.parametrize(
    "unknown", [run(uid="c2"), run(kind="Job"), {**run(), "metadata": {"name": "nightly-1790000000"}}]
)
def test_a_run_that_no_known_cron_workflow_owns_gets_no_token(unknown: dict[str, Any]) -> None:
    with pytest.raises(tenancy.RunTokenNotFound, match="nightly-1790000000"):
        starter(unknown)


@pytest.mark.usefixtures("flights")
@pytest.mark.parametrize("more", [{"podSpecPatch": "{}"}, {"onExit": "say"}, {"templates": []}, {"hostAliases": []}])
def test_a_run_that_does_something_else_than_was_written_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(CronChanged, match="as ada wrote it"):
        starter(run(**more))


@pytest.mark.usefixtures("flights")
def test_a_run_that_has_ended_or_that_somebody_started_himself_gets_no_other_token() -> None:
    tenancy.issue_run_token("eve", "flights", "nightly-1790000000")
    assert starter(run()) == "eve"
    tenancy.end_tokens_of_ended("flights", {"nightly-1790000000": now()})
    with pytest.raises(tenancy.RunTokenNotFound):
        starter(run())
