"""What starts by itself on a real cluster: Argo's own cron workflows and the platform's schedules, with the run's token like any other run."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cluster_platform import HERE, OVERLAY, PROJECT, REASON, There, argo, ended, in_pod, kubectl, until

pytestmark = [pytest.mark.timeout(900), pytest.mark.cluster, pytest.mark.skipif(not HERE, reason=REASON)]
ASKS = """
import mlflow, os
from atrium.sdk import Platform
os.environ["ATRIUM_DATA"] = "/tmp"
platform = Platform.of_step()
mlflow.set_experiment("by-itself")
with mlflow.start_run() as run:
    print("tracked as", mlflow.get_run(run.info.run_id).info.user_id)
print(len(platform.request("GET", f"/api/v1/projects/{platform.project}/runs")["items"]), "runs")
"""
STEP = {
    "name": "ask",
    "container": {"image": "atrium/runtime:1", "imagePullPolicy": "IfNotPresent", "command": ["python", "-c", ASKS]},
}
SPEC = {"entrypoint": "ask", "templates": [STEP]}
PIPELINE = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Workflow",
    "metadata": {"generateName": "asks-"},
    "spec": SPEC,
}
CRON, TEMPLATE, FORGED = "asks-by-itself", "kept-on-cluster", "asks-by-itself-forged"


def document(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def newest(there: There, pipeline_or_cron: str) -> str:
    """The newest run whose name begins so, once there is one."""

    def found() -> list[str]:
        with there.client() as client:
            items = client.get(f"/api/v1/projects/{PROJECT}/runs").json()["items"]
        return [one["name"] for one in items if one["name"].startswith(f"{pipeline_or_cron}-1")]

    until(lambda: bool(found()))
    return found()[0]


def tokens_of(run: str) -> list[str]:
    """Of the run's tokens, whether each has ended."""
    asked = f"select revoked_at is null from tokens where run = '{run}'"
    said = kubectl(
        "exec",
        "-n",
        "atrium-system",
        "deployment/atrium-postgres",
        "--",
        "psql",
        "-h",
        "/tmp",
        "-d",
        "atrium",
        "-Atc",
        asked,
    )
    return said.split()


def logs(run: str) -> str:
    return in_pod("atrium", "logs", run, "--project", PROJECT)


@pytest.fixture(scope="module")
def cron(there: There, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A run of a cron workflow that the argo CLI made, which is suspended since."""
    file = tmp_path_factory.mktemp("cron") / "cron.json"
    file.write_text(
        json.dumps(
            document(
                "CronWorkflow", CRON, {"schedules": ["@every 10s"], "concurrencyPolicy": "Forbid", "workflowSpec": SPEC}
            )
        )
    )
    assert CRON in argo(there, "cron", "create", str(file))
    run = newest(there, CRON)
    argo(there, "cron", "suspend", CRON)
    yield run
    argo(there, "cron", "delete", CRON)


def test_a_cron_workflows_run_acts_for_who_made_it_until_it_ends(there: There, cron: str) -> None:
    found = ended(there, cron)
    assert (found["phase"], found["owner"]) == ("Succeeded", "admin"), logs(cron)
    assert "tracked as admin" in logs(cron) and "runs" in logs(cron)
    until(lambda: tokens_of(cron) == ["f"])


def test_a_workflow_that_says_it_is_a_cron_workflows_gets_no_token_for_anything_else(there: There, cron: str) -> None:
    kept = json.loads(kubectl("get", "cronworkflow", CRON, "-n", PROJECT, "-o", "json"))
    owner = {
        "apiVersion": kept["apiVersion"],
        "kind": "CronWorkflow",
        "name": CRON,
        "uid": kept["metadata"]["uid"],
        "controller": True,
    }
    metadata = {"name": FORGED, "namespace": PROJECT, "ownerReferences": [owner]}
    spec = {**kept["spec"]["workflowSpec"], "arguments": {"parameters": [{"name": "other", "value": "1"}]}}
    kubectl("create", "-f", "-", given=json.dumps({**document("Workflow", FORGED, spec), "metadata": metadata}))
    assert ended(there, FORGED)["phase"] == "Failed"
    assert "as admin wrote it" in logs(FORGED)
    assert tokens_of(FORGED) == []


def test_a_cron_workflow_that_kubectl_made_gets_none(there: There) -> None:
    name = "asks-by-kubectl"
    kubectl(
        "create",
        "-n",
        PROJECT,
        "-f",
        "-",
        given=json.dumps(document("CronWorkflow", name, {"schedules": ["@every 10s"], "workflowSpec": SPEC})),
    )
    try:
        run = newest(there, name)
        assert ended(there, run)["phase"] == "Failed"
        assert "gives this step no token" in logs(run)
    finally:
        kubectl("delete", "cronworkflow", name, "-n", PROJECT)


def test_the_platforms_own_schedule_runs_there_with_the_rights_of_who_set_it(there: There) -> None:
    of = f"/api/v1/projects/{PROJECT}/pipelines/asks"
    with there.client() as client:
        assert client.put(of, json={"manifest": json.dumps(PIPELINE)}).is_success
        assert client.put(f"{of}/schedule", json={"crontab": "@every 5s"}).is_success
        run = newest(there, "asks")
        assert client.delete(f"{of}/schedule").status_code == httpx.codes.NO_CONTENT
    assert ended(there, run)["phase"] == "Succeeded", logs(run)
    assert "tracked as admin" in logs(run)


def claims(run: str) -> list[str]:
    """The volume claims of the run's pods."""
    pods = json.loads(
        kubectl("get", "pods", "-n", PROJECT, "-l", f"workflows.argoproj.io/workflow={run}", "-o", "json")
    )
    volumes = [volume for pod in pods["items"] for volume in pod["spec"]["volumes"]]
    return [volume["persistentVolumeClaim"]["claimName"] for volume in volumes if "persistentVolumeClaim" in volume]


def test_the_argo_cli_keeps_changes_runs_and_deletes_templates(there: There, tmp_path: Path) -> None:
    (tmp_path / "kept.json").write_text(json.dumps(document("WorkflowTemplate", TEMPLATE, SPEC)))
    assert TEMPLATE in argo(there, "template", "create", str(tmp_path / "kept.json"))
    (tmp_path / "kept.json").write_text(json.dumps(document("WorkflowTemplate", TEMPLATE, {**SPEC, "priority": 7})))
    argo(there, "template", "update", str(tmp_path / "kept.json"))
    assert "priority: 7" in argo(there, "template", "get", TEMPLATE, "-o", "yaml")
    run = argo(there, "submit", "--from", f"workflowtemplate/{TEMPLATE}", "-o", "name").strip()
    assert ended(there, run)["phase"] == "Succeeded", logs(run)
    assert claims(run) == (["atrium-data"] if OVERLAY == "full" else [])
    argo(there, "template", "delete", TEMPLATE)
    assert TEMPLATE not in argo(there, "template", "list")
