"""Cron workflows run by the server itself."""

import subprocess
import sys

import pytest
from servers import wait_until

SPEC = {
    "entrypoint": "main",
    "templates": [
        {"name": "main", "container": {"image": "busybox", "command": ["echo", "{{workflow.scheduledTime}}"]}}
    ],
}
LONG = {
    "entrypoint": "main",
    "templates": [{"name": "main", "container": {"image": "busybox", "command": ["sleep", "60"]}}],
}
WHERE = "/api/v1/cron-workflows/flights"


def make(server, name: str, **spec) -> dict:
    document = {"metadata": {"name": name}, "spec": {"schedules": ["@every 1s"], "workflowSpec": SPEC, **spec}}
    answer = server.http.post(WHERE, json={"cronWorkflow": document})
    assert answer.status_code == 200, answer.text
    return answer.json()


def runs(server, name: str) -> list[dict]:
    query = {"listOptions.labelSelector": f"workflows.argoproj.io/cron-workflow={name}"}
    return server.http.get("/api/v1/workflows/flights", params=query).json()["items"] or []


def slots(server, name: str) -> list[dict]:
    return server.http.get(f"{WHERE}/{name}/slots").json()["items"]


def get(server, name: str) -> dict:
    return server.http.get(f"{WHERE}/{name}").json()


def delete(server, name: str) -> None:
    assert server.http.delete(f"{WHERE}/{name}").status_code == 200


def test_a_slot_runs_with_its_time_and_old_runs_leave_the_lists(engine_server):
    make(engine_server, "ticks", successfulJobsHistoryLimit=1)
    wait_until(lambda: get(engine_server, "ticks").get("status", {}).get("succeeded", 0) >= 3, "three runs succeed", 90)
    wait_until(
        lambda: len([one for one in runs(engine_server, "ticks") if one["status"]["phase"] == "Succeeded"]) <= 1,
        "history",
    )
    found = slots(engine_server, "ticks")
    assert len({one["workflow"] for one in found if one["state"] == "Started"}) == len(found)
    delete(engine_server, "ticks")
    assert runs(engine_server, "ticks") == []


def test_a_forbidden_overlap_is_noted_with_its_reason(engine_server):
    make(engine_server, "alone", concurrencyPolicy="Forbid", workflowSpec=LONG)
    wait_until(lambda: len(slots(engine_server, "alone")) >= 3, "three slots", 60)
    assert len(runs(engine_server, "alone")) == 1
    assert "concurrencyPolicy is Forbid" in slots(engine_server, "alone")[0]["reason"]
    delete(engine_server, "alone")


def test_a_suspended_one_starts_nothing_until_it_is_resumed(engine_server):
    make(engine_server, "asleep", suspend=True)
    wait_until(lambda: slots(engine_server, "asleep"), "a slot passes", 30)
    assert slots(engine_server, "asleep")[0]["reason"] == "suspended"
    assert engine_server.http.put(f"{WHERE}/asleep/resume").json()["spec"]["suspend"] is False
    wait_until(lambda: runs(engine_server, "asleep"), "a run", 30)
    delete(engine_server, "asleep")


def test_one_stops_itself_and_another_waits_for_its_condition(engine_server):
    make(engine_server, "twice", stopStrategy={"expression": "cronworkflow.succeeded >= 2"})
    make(engine_server, "never", when="{{= cronworkflow.succeeded > 5 }}")
    wait_until(lambda: get(engine_server, "twice")["status"].get("phase") == "Stopped", "it stops", 60)
    assert runs(engine_server, "never") == []
    assert "when:" in slots(engine_server, "never")[0]["reason"]
    delete(engine_server, "twice")
    delete(engine_server, "never")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"schedules": ["* * *"]}, "cron schedule * * * is malformed: expected exactly 5 fields, found 3: [* * *]"),
        ({"concurrencyPolicy": "Maybe"}, "'Maybe' is not a valid concurrencyPolicy"),
        ({"startingDeadlineSeconds": -1}, "startingDeadlineSeconds must be positive"),
        ({"workflowSpec": {"templates": []}}, "cannot validate Workflow: spec.entrypoint is required"),
    ],
)
def test_an_unsound_one_is_refused_in_argos_words(engine_server, spec, said):
    document = {"metadata": {"name": "bad"}, "spec": {"schedules": ["* * * * *"], "workflowSpec": SPEC, **spec}}
    answer = engine_server.http.post(WHERE, json={"cronWorkflow": document})
    assert (answer.status_code, answer.json()["message"]) == (400, said)


def test_every_slot_has_one_run_though_the_server_is_killed_again_and_again(mortal_server):
    make(mortal_server, "survives", successfulJobsHistoryLimit=100, failedJobsHistoryLimit=100)
    for _ in range(4):
        before = len(slots(mortal_server, "survives"))
        wait_until(lambda before=before: len(slots(mortal_server, "survives")) > before, "one more slot", 60)
        mortal_server.kill()
        mortal_server.start()
    started = {one["workflow"] for one in slots(mortal_server, "survives") if one["state"] == "Started"}
    engine = mortal_server.http.put(f"{WHERE}/survives/suspend")
    assert engine.status_code == 200
    ended = ("Succeeded", "Failed", "Error")
    wait_until(lambda: all(one["status"]["phase"] in ended for one in runs(mortal_server, "survives")), "all end", 90)
    assert [one["status"] for one in runs(mortal_server, "survives") if one["status"]["phase"] != "Succeeded"] == []
    names = [one["metadata"]["name"] for one in runs(mortal_server, "survives")]
    assert started <= set(names)
    assert len(names) == len(set(names))


ENGINEER = """
import tenancy
from atrium.identity import Actor, Kind, Role, platform_actor
tenancy.create_user(platform_actor("setup"), "bob", "a-long-password-3")
tenancy.add_member(platform_actor("setup"), "flights", "bob", Role.ENGINEER)
print(tenancy.create_token(Actor("bob", Kind.SESSION, {"flights": Role.ENGINEER}), "tests", ["flights"], 1)[1])
"""


def test_runs_act_for_who_wrote_the_cron_workflow_last(mortal_server):
    made = make(mortal_server, "handed", schedules=["@daily"])
    command = [sys.executable, "-c", ENGINEER]
    said = subprocess.run(command, env=mortal_server.environment, capture_output=True, text=True, check=True).stdout
    changed = {**made, "spec": {**made["spec"], "schedules": ["@every 1s"]}}
    headers = {"Authorization": f"Bearer {said.split()[-1]}"}
    assert mortal_server.http.put(f"{WHERE}/handed", json={"cronWorkflow": changed}, headers=headers).is_success
    wait_until(lambda: runs(mortal_server, "handed"), "a run")
    assert runs(mortal_server, "handed")[0]["metadata"]["labels"]["workflows.argoproj.io/creator"] == "bob"
    delete(mortal_server, "handed")
