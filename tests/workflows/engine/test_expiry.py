"""A workflow that ended leaves the lists after its ttlStrategy's time, and stays in the archive."""

import pytest
from servers import wait_until
from test_pods import single
from test_running import container

from workflows.engine.expiry import leaves_at

END = "2026-01-01T00:00:00Z"


def leaving(strategy: dict, script: str = "true") -> dict:
    made = single(container("main", script))
    made["spec"]["ttlStrategy"] = strategy
    return made


def listed(server, name: str) -> bool:
    return server.http.get(f"/api/v1/workflows/flights/{name}").status_code == 200


def archived(server, uid: str) -> str:
    return server.http.get(f"/api/v1/archived-workflows/{uid}").json()["status"]["phase"]


@pytest.mark.parametrize(("phase", "strategy", "seconds"), [
    ("Succeeded", {"secondsAfterSuccess": 0, "secondsAfterCompletion": 5}, 0),
    ("Succeeded", {"secondsAfterFailure": 3, "secondsAfterCompletion": 5}, 5),
    ("Failed", {"secondsAfterFailure": 3, "secondsAfterCompletion": 5}, 3),
    ("Error", {"secondsAfterFailure": 3, "secondsAfterCompletion": 5}, 5),
    ("Error", {"secondsAfterFailure": 3}, None),
    ("Running", {"secondsAfterCompletion": 5}, None),
])  # fmt: skip
def test_the_seconds_of_a_phase_go_before_those_of_completion(phase, strategy, seconds):
    status = {"phase": phase, "finishedAt": END}
    moment = leaves_at({"spec": {}, "status": status | {"storedWorkflowTemplateSpec": {"ttlStrategy": strategy}}})
    assert moment == leaves_at({"spec": {"ttlStrategy": strategy}, "status": status})
    assert (moment and moment.isoformat()) == (None if seconds is None else f"2026-01-01T00:00:0{seconds}+00:00")


@pytest.mark.parametrize(("key", "script", "phase"), [
    ("secondsAfterSuccess", "true", "Succeeded"), ("secondsAfterFailure", "exit 3", "Failed"),
])  # fmt: skip
def test_a_workflow_leaves_the_lists_after_its_time_and_stays_in_the_archive(engine_server, key, script, phase):
    made = engine_server.submit(leaving({key: 2}, script))["metadata"]
    kept = engine_server.run(leaving({key: 600}, script))["metadata"]["name"]
    wait_until(lambda: not listed(engine_server, made["name"]), "it leaves the lists", 60)
    assert archived(engine_server, made["uid"]) == phase
    assert listed(engine_server, kept)


def test_a_workflow_whose_time_comes_while_no_server_runs_leaves_at_the_next_start(mortal_server):
    gone = mortal_server.run(leaving({"secondsAfterCompletion": 4}))["metadata"]
    kept = mortal_server.run(leaving({"secondsAfterCompletion": 600}))["metadata"]["name"]
    mortal_server.kill()
    mortal_server.start()
    wait_until(lambda: not listed(mortal_server, gone["name"]), "it leaves the lists", 60)
    assert archived(mortal_server, gone["uid"]) == "Succeeded"
    assert listed(mortal_server, kept)


def test_a_retried_workflow_stays_until_its_second_end(engine_server):
    name = engine_server.run(leaving({"secondsAfterFailure": 3}, "sleep 6; exit 3"), 120)["metadata"]["name"]
    assert engine_server.http.put(f"/api/v1/workflows/flights/{name}/retry", json={}).status_code == 200
    second = engine_server.ended(name, seconds=120)
    assert second["status"]["phase"] == "Failed"
    wait_until(lambda: not listed(engine_server, name), "it leaves the lists", 60)
