"""Resource templates that act on Argo's own kinds: by this server itself, as the run that acts, without a cluster and without kubectl."""

import json
import re
import sqlite3
from pathlib import Path

import pytest
import yaml
from recordings import facts
from servers import EngineServer, wait_until

REAL = Path(__file__).parent / "real"
ARGO = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow"}
TRUE = {"name": "main", "container": {"image": "busybox", "command": ["true"]}}


def resource(action: str, made: dict | str, **more: object) -> dict:
    manifest = made if isinstance(made, str) else json.dumps(made)
    main = {"name": "main", "resource": {"action": action, "manifest": manifest, **more}}
    return {"metadata": {"generateName": "own-"}, "spec": {"entrypoint": "main", "templates": [main]}}


def child(**metadata: object) -> dict:
    return {**ARGO, "metadata": {"generateName": "child-", **metadata}, "spec": {"entrypoint": "main", "templates": [TRUE]}}  # fmt: skip


def names(server: EngineServer, selector: str) -> list[str]:
    answer = server.http.get("/api/v1/workflows/flights", params={"listOptions.labelSelector": selector})
    return [one["metadata"]["name"] for one in answer.json()["items"] or []]


GONE = "no more retries Error from server (NotFound): "
MADE = 'workflowtemplates.argoproj.io "made-WF"'
SAID = {
    "again": f'no more retries Error from server (AlreadyExists): error when creating "/tmp/manifest.yaml": {MADE} already exists',
    "apply-generated": "no more retries error: from owned-: cannot use generate name with apply",
    "bad-json-patch": "no more retries The request is invalid: the server rejected our request due to an error in our request",
    "failing": "failure condition '{metadata.annotations.of == [WF]}' evaluated true",
    "get-gone": f"{GONE}{MADE} not found",
    "get-many": "Kind and name are both required but at least one of them is missing from the manifest",
    "no-name": 'no more retries The WorkflowTemplate "" is invalid: metadata.name: Required value: name or generateName is required\n',
    "replace-gone": f'{GONE}error when replacing "/tmp/manifest.yaml": {MADE} not found',
    "run-badly": "failure condition '{status.phase in [Failed Error]}' evaluated true",
}
GIVEN = {
    "make": ["one", "one two", '{"name":"b","value":"two"}', "two of WorkflowTemplate", '["a","b"]', ""],
    "fetch": ["WF"], "patch": ["three"], "json-patch": ['["uno","four"]'], "applied": ['["three","five","six"]'], "applied-anew": ["WF"],
    "replaced": ['{"arguments":{"parameters":[{"name":"only","value":"this"}]}}'], "run": ["Succeeded", "WF"],
    "by-artifact": ["3"], "cron": ["0 0 1 1 *"], "pause-cron": ["true"],
}  # fmt: skip


def test_every_action_does_and_says_what_argos_executor_does(engine_server):
    done = engine_server.run(yaml.safe_load((REAL / "own.yaml").read_text()), 120)
    nodes = {name.removeprefix("WF."): one for name, one in facts(done)["nodes"].items() if name != "WF"}
    told = {name: (one["message"] or "").removeprefix("main: Error (exit code 64): ") for name, one in nodes.items()}
    assert {name: told[name] for name in SAID} == SAID
    assert {name: [one["value"] for one in nodes[name]["outputs"]] for name in GIVEN} == GIVEN
    failed = {name for name, one in nodes.items() if one["phase"] == "Failed"}
    assert failed == {*SAID, "strategic"}
    assert told["strategic"] == (
        "no more retries error: application/strategic-merge-patch+json is not supported by argoproj.io/v1alpha1, Kind=WorkflowTemplate: the body of the "
        "request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, "
        "application/apply-patch+yaml"
    )
    assert done["metadata"]["labels"]["foo"] == "bar"


def test_a_workflow_of_workflows_waits_for_each(engine_server):
    submittable = {"metadata": {"name": "submittable"}, "spec": {"entrypoint": "main", "templates": [TRUE]}}
    engine_server.http.post("/api/v1/workflow-templates/flights", json={"template": submittable})
    manifest = (
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata:\n  generateName: of-\n  labels: {suite: of-workflows}\n"
        "spec:\n  workflowTemplateRef:\n    name: {{inputs.parameters.name}}\n"
    )
    run = resource("create", manifest, successCondition="status.phase == Succeeded")
    (main,) = run["spec"]["templates"]
    main["inputs"] = {"parameters": [{"name": "name"}]}
    step = {"template": "main", "arguments": {"parameters": [{"name": "name", "value": "submittable"}]}}
    steps = [[{"name": name, **step}] for name in ("one", "two")]
    run["spec"] |= {"entrypoint": "both", "templates": [main, {"name": "both", "steps": steps}]}
    assert engine_server.run(run)["status"]["phase"] == "Succeeded"
    made = [engine_server.get(name) for name in names(engine_server, "suite=of-workflows")]
    assert [one["status"]["phase"] for one in made] == ["Succeeded"] * 2


def test_those_that_wait_leave_the_machines_slots_to_those_that_they_wait_for(mortal_server):
    mortal_server.kill()
    mortal_server.environment["ATRIUM_STEP_SLOTS"] = "2"
    mortal_server.start()
    run = resource("create", child(), successCondition="status.phase == Succeeded")
    step = {"name": "each", "template": "main", "withSequence": {"count": "8"}}
    run["spec"] |= {"entrypoint": "all", "templates": [*run["spec"]["templates"], {"name": "all", "steps": [[step]]}]}
    assert mortal_server.run(run)["status"]["phase"] == "Succeeded"


def test_a_workflow_is_made_once_although_the_server_is_killed_while_it_is_waited_for(mortal_server):
    asks = child(labels={"of": "once"})
    asks["spec"]["templates"] = [{"name": "main", "suspend": {}}]
    name = mortal_server.submit(resource("create", asks, successCondition="status.phase == Succeeded"))["metadata"]["name"]  # fmt: skip
    (made,) = wait_until(lambda: names(mortal_server, "of=once"), "the workflow is there")
    mortal_server.kill()
    (known,) = (mortal_server.home / "engine" / "steps").rglob("resource.json")
    with sqlite3.connect(mortal_server.home / "engine" / "engine.db") as database:
        (document,) = database.execute("SELECT document FROM workflows WHERE name=?", (made,)).fetchone()
    database.close()
    (manager,) = json.loads(document)["metadata"]["managedFields"]
    known.write_text(json.dumps({"manager": manager["manager"]}))  # as if it had been killed before the answer
    mortal_server.start()
    assert mortal_server.http.put(f"/api/v1/workflows/flights/{made}/resume", json={}).status_code == 200
    assert mortal_server.ended(name)["status"]["phase"] == "Succeeded"
    assert names(mortal_server, "of=once") == [made]


def test_what_belongs_to_a_workflow_goes_with_it_and_what_has_another_owner_stays(engine_server):
    template = {
        **ARGO,
        "kind": "WorkflowTemplate",
        "metadata": {"generateName": "owned-"},
        "spec": {"templates": [TRUE]},
    }
    inner = child(labels={"of": "owned"})
    inner["spec"]["templates"] = [
        {"name": "main", "resource": {"action": "create", "setOwnerReference": True, "manifest": json.dumps(template)}}
    ]
    outer = resource("create", inner, setOwnerReference=True, successCondition="status.phase == Succeeded")
    other = engine_server.submit(child())["metadata"]
    shared = child(labels={"of": "shared"}, ownerReferences=[{**ARGO, "name": other["name"], "uid": other["uid"]}])
    second = resource("create", shared, setOwnerReference=True)
    for run in (outer, second):
        done = engine_server.run(run)
        assert done["status"]["phase"] == "Succeeded"
        if run is outer:
            assert len(names(engine_server, "of=owned")) == 1 and owned_templates(engine_server)
        engine_server.http.delete(f"/api/v1/workflows/flights/{done['metadata']['name']}")
    assert not names(engine_server, "of=owned") and not owned_templates(engine_server)
    assert len(names(engine_server, "of=shared")) == 1
    engine_server.http.delete(f"/api/v1/workflows/flights/{other['name']}")
    assert not names(engine_server, "of=shared")


def owned_templates(server: EngineServer) -> list[dict]:
    query = {"namePattern": "owned-"}
    return server.http.get("/api/v1/workflow-templates/flights", params=query).json()["items"] or []


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (resource("create", child(namespace="other")), "Workflow in namespace 'other': the project's namespace there is 'flights'"),
        (resource("get", "", flags=["wf", "x", "-n", "other"]), "flag -n 'other'"),
        (resource("create", {**ARGO, "kind": "ClusterWorkflowTemplate", "metadata": {"name": "x"}, "spec": {"templates": [TRUE]}}),
         "(Forbidden): error when creating \"/tmp/manifest.yaml\": 'ada' asked to administer on the platform"),
        (resource("create", {**child(), "spec": {"entrypoint": "nowhere", "templates": [TRUE]}}), "template name 'nowhere' undefined"),
        (resource("patch", '{"spec": {"entrypoint": "x"}}', mergeStrategy="merge", flags=["wf", "{{workflow.name}}"]),
         "spec.entrypoint of a workflow does not change; suspend, shutdown,"),
        (resource("delete", "", flags=["wf", "x", "--cascade=orphan"]), "flag --cascade means nothing for objects that the workflow server keeps"),
        (resource("get", "", flags=["wf/{{workflow.name}}"]) | {"outputs": "{range .spec.templates[*]}{.name}{end}"}, "use jqFilter"),
    ],
)  # fmt: skip
def test_what_a_run_may_not_do_here_is_refused_with_the_reason(engine_server, asked, told):
    if path := asked.pop("outputs", None):
        asked["spec"]["templates"][0]["outputs"] = {"parameters": [{"name": "p", "valueFrom": {"jsonPath": path}}]}
    done = engine_server.run(asked)
    assert done["status"]["phase"] == "Failed"
    assert told in done["status"]["message"]


def test_a_run_stops_another_and_waits_no_longer_for_one_that_is_deleted(engine_server):
    asks = child(name="is-stopped")
    asks["spec"]["templates"] = [{"name": "main", "suspend": {}}]
    engine_server.submit(asks)
    stop = resource("patch", '{"spec": {"shutdown": "Stop"}}', mergeStrategy="merge", flags=["wf", "is-stopped"])
    assert engine_server.run(stop)["status"]["phase"] == "Succeeded"
    assert engine_server.ended("is-stopped")["status"]["phase"] == "Failed"
    waits = resource("get", "", flags=["wf", "is-stopped"], successCondition="status.phase == Succeeded")
    name = engine_server.submit(waits)["metadata"]["name"]
    log, asked = f"/api/v1/workflows/flights/{name}/log", {"logOptions.container": "main"}
    wait_until(lambda: engine_server.http.get(log, params=asked).text, "it has looked at it once, and said so")
    engine_server.http.delete("/api/v1/workflows/flights/is-stopped")
    message = engine_server.ended(name)["status"]["message"]
    assert message.endswith(
        "The resource has been deleted while its status was still being checked. Will not be retried: "
        'workflows.argoproj.io "is-stopped" not found'
    )


def test_one_that_waits_is_terminated_at_once(engine_server):
    run = resource("create", child(labels={"of": "for-ever"}), successCondition="status.phase == never")
    name = engine_server.submit(run)["metadata"]["name"]
    wait_until(lambda: names(engine_server, "of=for-ever"), "its workflow is there")
    assert engine_server.http.put(f"/api/v1/workflows/flights/{name}/terminate", json={}).status_code == 200
    assert engine_server.ended(name, seconds=10)["status"]["phase"] == "Failed"


@pytest.mark.argo
@pytest.mark.usefixtures("cli")
@pytest.mark.parametrize("parallel", [(), ("--parallel",)])
def test_the_cli_backfills_a_cron_workflow(engine_server, tmp_path, parallel):
    cron = tmp_path / "cron.yaml"
    spec = {"schedule": "0 2 * * *", "suspend": True, "workflowSpec": child()["spec"]}
    name = f"nightly{len(parallel)}"
    cron.write_text(json.dumps({**ARGO, "kind": "CronWorkflow", "metadata": {"name": name}, "spec": spec}))
    assert engine_server.argo("cron", "create", str(cron)).returncode == 0
    period = ("--start", "Mon, 01 Jan 2024 00:00:00 UTC", "--end", "Thu, 04 Jan 2024 00:00:00 UTC")
    answer = engine_server.argo("cron", "backfill", name, "--name", f"b{len(parallel)}", *period, *parallel)
    assert answer.returncode == 0, answer.stderr
    assert "Total Backfill Schedule: 3" in answer.stdout
    (monitor,) = re.findall(r"backfill-wf-\w+", answer.stdout)
    assert engine_server.ended(monitor, seconds=120)["status"]["phase"] == "Succeeded"
    made = [engine_server.get(one) for one in names(engine_server, f"workflows.argoproj.io/cron-workflow={name}")]
    times = [one["spec"]["arguments"]["parameters"][0]["value"] for one in made]
    assert sorted(times) == [f"2024-01-0{day} 02:00:00 +0000 UTC" for day in (1, 2, 3)]
