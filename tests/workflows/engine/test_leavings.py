"""What goes when a run has ended or is deleted, and what the next run learns from it."""

import pytest
from servers import wait_until
from test_pods import single
from test_running import node

WRITE = {
    "image": "busybox",
    "command": ["sh", "-c", "echo said; for one in ended deleted kept; do echo $one >/tmp/$one; done"],
}


def artifact(name: str, strategy: str = "") -> dict:
    own = {"artifactGC": {"strategy": strategy}} if strategy else {}
    return {"name": name, "path": f"/tmp/{name}", "archive": {"none": {}}, **own}


def stored(server, done: dict) -> set[str]:
    """Names of the artifacts that the store still holds of a run, logs among them."""
    folder = server.home / "engine/artifacts/flights" / done["metadata"]["name"]
    return {one.name for one in folder.rglob("*") if one.is_file()}


def test_artifacts_go_when_their_strategy_says(engine_server):
    outputs = [artifact("ended"), artifact("deleted", "OnWorkflowDeletion"), artifact("kept", "Never")]
    template = {"name": "main", "container": WRITE, "outputs": {"artifacts": outputs}}
    done = engine_server.run(single(template, artifactGC={"strategy": "OnWorkflowCompletion"}))
    wait_until(lambda: stored(engine_server, done) == {"deleted", "kept"}, "those of the end are gone")
    found = node(done, done["metadata"]["name"])["outputs"]["artifacts"]
    assert {one["name"]: one.get("deleted", False) for one in found} == {
        "ended": True, "deleted": False, "kept": False, "main-logs": True,
    }  # fmt: skip
    engine_server.http.delete(f"/api/v1/workflows/flights/{done['metadata']['name']}")
    wait_until(lambda: stored(engine_server, done) == {"kept"}, "those of the deletion are gone")


def test_artifacts_stay_without_a_strategy(engine_server):
    done = engine_server.run(single({"name": "main", "container": WRITE, "outputs": {"artifacts": [artifact("kept")]}}))
    assert stored(engine_server, done) == {"kept", "main.log"}
    assert "artifactGCStatus" not in done["status"]


@pytest.mark.parametrize(
    ("strategy", "good", "stays"),
    [("", True, False), ("", False, True), ("OnWorkflowCompletion", False, False), ("OnWorkflowSuccess", False, True)],
)
def test_claims_of_a_run_go_as_their_strategy_says(engine_server, strategy, good, stays):
    mounts = [{"name": "work", "mountPath": "/mnt/work"}]
    command = ["sh", "-c", f"echo x >/mnt/work/x; {'true' if good else 'false'}"]
    template = {"name": "main", "container": {"image": "busybox", "command": command, "volumeMounts": mounts}}
    claims = [{"metadata": {"name": "work"}, "spec": {"accessModes": ["ReadWriteOnce"]}}]
    more = {"volumeClaimGC": {"strategy": strategy}} if strategy else {}
    done = engine_server.run(single(template, volumeClaimTemplates=claims, **more))
    assert done["status"]["phase"] == ("Succeeded" if good else "Failed")
    place = engine_server.home / "engine/steps/flights" / done["metadata"]["uid"] / "claims/work/x"
    wait_until(lambda: place.exists() is stays, "the claim is as it should be")


@pytest.mark.parametrize("strategy", ["OnPodCompletion", "OnPodSuccess", "OnWorkflowCompletion", "OnWorkflowSuccess"])
def test_a_pods_volumes_go_with_it_and_its_log_stays(engine_server, strategy):
    mounts = [{"name": "own", "mountPath": "/mnt/own"}]
    command = ["sh", "-c", "echo x >/mnt/own/x; echo said"]
    template = {"name": "main", "container": {"image": "busybox", "command": command, "volumeMounts": mounts}}
    done = engine_server.run(single(template, volumes=[{"name": "own", "emptyDir": {}}], podGC={"strategy": strategy}))
    folder = engine_server.home / "engine/steps/flights" / done["metadata"]["uid"]
    wait_until(lambda: [one.name for one in folder.rglob("*") if one.is_file()] == ["main.log"], "only the log is left")


def test_a_strategy_that_is_none_is_refused(engine_server):
    workflow = single({"name": "main", "container": WRITE}, podGC={"strategy": "Sometimes"})
    answer = engine_server.http.post("/api/v1/workflows/flights", json={"workflow": workflow})
    assert (answer.status_code, "podGC.strategy unknown strategy 'Sometimes'" in answer.text) == (400, True)


def test_a_run_of_a_template_is_estimated_by_the_one_before(engine_server):
    labels = {"workflows.argoproj.io/workflow-template": "estimated"}
    wait = {"name": "main", "container": {"image": "busybox", "command": ["sleep", "2"]}}

    def run() -> dict:
        workflow = single(wait)
        workflow["metadata"]["labels"] = labels
        return engine_server.run(workflow)

    first, second = run(), run()
    assert "estimatedDuration" not in first["status"]
    found = node(second, second["metadata"]["name"])
    assert second["status"]["estimatedDuration"] >= 2 and found["estimatedDuration"] >= 2
    assert "_estimates" not in second["status"]
