"""Argo's own examples on the state machine alone: pods end as they did on real Argo, and the tree must be the one that Argo grew."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from recordings import as_recorded, differences, documents, facts
from servers import CHECKOUT

from workflows.engine.machine import World, advance, begin_pod, finish_pod, mark_container
from workflows.engine.store import Store
from workflows.engine.submit import take_in

pytestmark = pytest.mark.usefixtures("tables")

FOLDER = Path(os.environ.get("ATRIUM_TEST_ASSETS") or CHECKOUT.parent / "shared") / "conformance"
RECORDED = json.loads((FOLDER / "recorded.json").read_text()) if FOLDER.exists() else {}
KEPT = ("ConfigMap", "WorkflowTemplate", "ClusterWorkflowTemplate")
START = datetime(2026, 1, 1, tzinfo=UTC)
NOT_YET = {
    "k8s-patch-merge-pod.yaml": "resource templates need a cluster",
}


def cases():
    for name in RECORDED:
        marks = [pytest.mark.xfail(reason=NOT_YET[name], strict=True)] if name in NOT_YET else []
        yield pytest.param(name, marks=marks)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    made = Store(tmp_path_factory.mktemp("replay") / "engine.db")
    for path in sorted((FOLDER / "examples").rglob("*.yaml")):
        for document in documents(path):
            if document.get("kind") in KEPT:
                made.put_template(document["kind"], "" if "Cluster" in document["kind"] else "flights", document)
    made.put_config_map("flights", {"metadata": {"name": "my-config"}, "data": {"workflow": "1", "template": "2"}})
    return made


def shown(node: dict) -> str:
    """A node's name as the recording has it."""
    return node["name"].replace("replayed", "WF", 1)


def outcome(recorded: dict, work: dict) -> tuple[str, str, dict]:
    """How a pod ended on Argo, as the runner would tell it."""
    outputs = {key: recorded[key] for key in ("result", "exitCode") if recorded.get(key) is not None}
    if recorded.get("outputs"):
        outputs["parameters"] = recorded["outputs"]
    if recorded.get("artifacts"):
        wanted = {one["name"]: one for one in (work.get("outputs") or {}).get("artifacts") or []}
        outputs["artifacts"] = [{**wanted.get(one, {"name": one}), "s3": {"key": one}} for one in recorded["artifacts"]]
    return recorded["phase"], recorded.get("message") or "", outputs


def replay(workflow, theirs: dict, world: World) -> None:
    """Runs a workflow to its end, each pod ending as recorded; one that Argo never saw succeeds."""
    moment = START
    for _ in range(3000):
        effects = advance(workflow, moment, world)
        if workflow.done:
            return
        moment += timedelta(seconds=1)
        running = [node for node in workflow.pods("Pending", "Running") if node["id"] in workflow.work]
        for node in running[:1]:
            begin_pod(workflow, node["id"], moment)
            advance(workflow, moment, world)
            for inner in [
                one for one in workflow.nodes.values() if one["type"] == "Container" and one["boundaryID"] == node["id"]
            ]:
                end, container = theirs["nodes"].get(shown(inner), {}), inner["name"].rsplit(".", 1)[1]
                mark_container(
                    workflow, node["id"], container, end.get("phase", "Succeeded"), end.get("message") or "", moment
                )
            phase, message, outputs = outcome(
                theirs["nodes"].get(shown(node), {"phase": "Succeeded"}), workflow.work[node["id"]]
            )
            finish_pod(workflow, node["id"], phase, message, outputs, moment, world)
        if not running and effects.wake_at:
            moment = max(moment, min(effects.wake_at))
    raise AssertionError(f"the workflow never ended: {json.dumps(workflow.nodes, indent=1)[:3000]}")


@pytest.mark.parametrize("name", list(cases()))
def test_an_example_grows_the_tree_that_it_grew_on_argo(store, name):
    for theirs, document in zip(
        RECORDED[name], (one for one in documents(FOLDER / "examples" / name) if one["kind"] == "Workflow"), strict=True
    ):
        if "refused" in theirs:
            continue
        document["metadata"] = {**document["metadata"], "name": "replayed"}
        workflow = take_in(store, "flights", as_recorded(document), "ada")
        replay(workflow, theirs, World.of(store))
        assert differences(facts(workflow.rendered()), theirs) == []
