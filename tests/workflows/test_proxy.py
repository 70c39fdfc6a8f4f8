"""What is let through to a real Argo: the project and the right are read from the path, and the body must agree."""

import asyncio
import base64
import json
import socket
import ssl
import threading
from pathlib import Path

import pytest
from kubeconfigs import certificate
from small_platform import forget_settings
from starlette.exceptions import HTTPException

from atrium.identity import Verb
from workflows.clusters.steps import as_home_template
from workflows.proxy.app import Proxy
from workflows.proxy.asked import Asked, check_body, owned, read_asked
from workflows.proxy.exchange import claimed_namespace, claimed_run, has_step, owns

OWNER = "atrium.io/owner"


@pytest.mark.parametrize(
    ("method", "path", "project", "verb", "action"),
    [
        ("GET", "/api/v1/workflows/flights", "flights", Verb.READ, ""),
        ("GET", "/api/v1/workflows/flights/hello-x1/log", "flights", Verb.READ, ""),
        ("GET", "/api/v1/workflow-events/flights", "flights", Verb.READ, ""),
        ("GET", "/api/v1/stream/events/flights", "flights", Verb.READ, ""),
        ("GET", "/artifacts/flights/hello-x1/hello-x1/main-logs", "flights", Verb.READ, ""),
        ("GET", "/artifact-files/flights/workflows/w/n/outputs/a/sub/file.csv", "flights", Verb.READ, ""),
        ("POST", "/api/v1/workflows/flights", "flights", Verb.WRITE, "workflow.submit"),
        ("POST", "/api/v1/workflows/flights/submit", "flights", Verb.WRITE, "workflow.submit"),
        ("POST", "/api/v1/workflows/flights/lint", "flights", Verb.READ, ""),
        ("PUT", "/api/v1/workflows/flights/hello-x1/retry", "flights", Verb.WRITE, "workflow.retry"),
        ("DELETE", "/api/v1/workflows/flights/hello-x1", "flights", Verb.WRITE, "workflow.delete"),
        ("PUT", "/api/v1/workflow-templates/flights/hello", "flights", Verb.WRITE, "workflow-template.save"),
        ("GET", "/api/v1/workflows/", "digits", Verb.READ, ""),
    ],
)
def test_project_and_right_are_read_from_the_path(
    method: str, path: str, project: str, verb: Verb, action: str
) -> None:
    asked = read_asked(method, path, ["digits"])
    assert (asked.project, asked.verb, asked.action) == (project, verb, action)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/workflows/flights/../digits", 400),
        ("GET", "/api/v1/workflows/flights/%2e%2e/digits", 501),
        ("GET", "/api/v1/workflows/flights%2Fx", 501),
        ("GET", "/api/v1/workflows//flights", 501),
        ("GET", "/artifacts-by-uid/1/2/3", 501),
        ("GET", "/api/v1/archived-workflows", 501),
        ("GET", "/api/v1/cluster-workflow-templates", 501),
        ("POST", "/api/v1/sync/flights", 501),
        ("PUT", "/api/v1/workflow-events/flights", 405),
        ("GET", "/", 501),
    ],
)
def test_what_names_no_one_project_is_not_let_through(method: str, path: str, status: int) -> None:
    with pytest.raises(HTTPException) as refused:
        read_asked(method, path, ["digits"])
    assert refused.value.status_code == status


@pytest.mark.parametrize("projects", [[], ["digits", "flights"]])
def test_a_list_of_everything_must_name_one_of_several_projects(projects: list[str]) -> None:
    with pytest.raises(HTTPException) as refused:
        read_asked("GET", "/api/v1/workflows/", projects)
    assert refused.value.status_code == 400
    assert all(one in refused.value.detail for one in projects)


SUBMIT = read_asked("POST", "/api/v1/workflows/flights", [])


@pytest.mark.parametrize(
    "body", [{"namespace": "digits"}, {"workflow": {"metadata": {"namespace": "digits"}}}, {"namespace": 7}]
)
def test_a_body_for_another_namespace_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(HTTPException) as refused:
        check_body(SUBMIT, body)
    assert refused.value.status_code == 400


def test_a_body_that_names_the_paths_namespace_or_none_passes() -> None:
    for body in ({}, {"namespace": ""}, {"namespace": "flights", "workflow": {"metadata": {"namespace": "flights"}}}):
        check_body(SUBMIT, body)


@pytest.mark.parametrize("labels", [None, {OWNER: "eve"}, {"own": "1"}])
def test_a_new_workflow_tells_who_asked_and_nobody_else(labels: dict[str, str] | None) -> None:
    body = owned(SUBMIT, {"workflow": {"metadata": {"labels": labels}}}, "ada")
    assert body["workflow"]["metadata"]["labels"] == {**(labels or {}), OWNER: "ada"}


def test_a_submission_by_template_tells_it_in_its_options() -> None:
    asked: Asked = read_asked("POST", "/api/v1/workflows/flights/submit", [])
    body = owned(asked, {"resourceName": "t", "submitOptions": {"labels": f"a=b,{OWNER}=eve"}}, "ada")
    assert body["submitOptions"]["labels"] == f"a=b,{OWNER}=ada"


@pytest.mark.parametrize(
    ("method", "path", "starts"),
    [("POST", "", True), ("POST", "/submit", True), ("PUT", "/a/retry", True), ("PUT", "/a/resubmit", True),
     ("PUT", "/a/resume", False), ("PUT", "/a/stop", False), ("POST", "/lint", False), ("GET", "/a", False)],
)  # fmt: skip
def test_what_lets_a_workflow_run_is_known_so_that_its_steps_get_a_token(method: str, path: str, starts: bool) -> None:
    assert read_asked(method, f"/api/v1/workflows/flights{path}", []).starts is starts


@pytest.mark.parametrize(
    ("method", "path", "schedules"),
    [("POST", "", True), ("PUT", "/a", True), ("PUT", "/a/suspend", False), ("POST", "/lint", False), ("DELETE", "/a", False), ("GET", "/a", False)],
)  # fmt: skip
def test_what_keeps_a_cron_workflow_is_known_so_that_its_runs_act_for_who_wrote_it(
    method: str, path: str, schedules: bool
) -> None:
    assert read_asked(method, f"/api/v1/cron-workflows/flights{path}", []).schedules is schedules


@pytest.mark.parametrize(
    ("claims", "namespace"),
    [({"kubernetes.io": {"namespace": "flights", "pod": {"name": "a"}}}, "flights"),
     ({"kubernetes.io": {"namespace": "flights"}}, ""), ({"kubernetes.io": "x"}, ""), ([], ""), ("x", "")],
)  # fmt: skip
def test_only_a_pods_own_token_is_worth_a_question_to_the_api_server(claims: object, namespace: str) -> None:
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    assert claimed_namespace(f"x.{middle}.y") == namespace
    assert claimed_namespace(middle) == claimed_namespace("a.b.c") == claimed_namespace("") == ""


REFERENCE = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "a-x1", "uid": "u1", "controller": True}


@pytest.mark.parametrize(
    ("changed", "known"),
    [({}, True), ({"uid": "u2"}, False), ({"uid": ""}, False), ({"name": "b"}, False), ({"kind": "Job"}, False),
     ({"apiVersion": "v1"}, False), ({"controller": False}, False)],
)  # fmt: skip
def test_a_pod_is_of_a_run_only_by_the_uid_of_its_workflow(changed: dict[str, object], known: bool) -> None:
    pod = {"ownerReferences": [{**REFERENCE, **changed}]}
    assert owns({"name": "a-x1", "uid": "u1"}, pod) is known
    assert owns({"name": "a-x1", "uid": "u1"}, {}) is False
    assert bool(claimed_run(pod)) is (known or bool({"uid", "name"} & set(changed)))


@pytest.mark.parametrize(
    ("pod", "node", "known"),
    [("a-x1-say-3608873327", {}, True), ("a-x1-other-3608873327", {}, False), ("a-x1-say-7", {}, False), ("a-x1", {}, False),
     ("a-x1-say-3608873327", {"phase": "Succeeded"}, False), ("a-x1-say-3608873327", {"type": "Steps"}, False),
     ("a-x1-say-3608873327", {"templateName": "", "templateRef": {"name": "kept", "template": "say"}}, True),
     ("a-x1", {"id": "a-x1", "name": "a-x1"}, True)],
)  # fmt: skip
def test_a_pod_is_a_step_only_by_the_name_that_argo_gives_to_a_node_which_runs(
    pod: str, node: dict[str, object], known: bool
) -> None:
    whole = {
        "id": "a-x1-3608873327",
        "name": "a-x1.work",
        "type": "Pod",
        "phase": "Running",
        "templateName": "say",
        **node,
    }
    workflow = {"metadata": {"name": "a-x1"}, "status": {"nodes": {"one": whole}}}
    assert has_step(workflow, pod) is known
    by_id = {**workflow, "metadata": {"name": "a-x1", "annotations": {"workflows.argoproj.io/pod-name-format": "v1"}}}
    assert has_step(by_id, str(whole["id"])) is (whole["type"] == "Pod" and whole["phase"] == "Running")
    assert not has_step({"metadata": {"name": "a-x1"}}, pod)


@pytest.mark.parametrize(
    ("method", "path", "key"),
    [("POST", "workflow-templates/flights", "template"), ("PUT", "workflow-templates/flights/kept", "template"),
     ("POST", "cron-workflows/flights", "cronWorkflow"), ("POST", "workflow-templates/flights/lint", ""),
     ("DELETE", "workflow-templates/flights/kept", "template"), ("GET", "workflow-templates/flights/kept", ""), ("POST", "workflows/flights", "")],
)  # fmt: skip
def test_what_keeps_a_template_is_known_so_that_its_images_come_from_the_private_registry(
    method: str, path: str, key: str
) -> None:
    assert read_asked(method, f"/api/v1/{path}", []).keeps == key


def test_kept_templates_and_cron_workflows_take_images_from_the_private_registry_and_mount_the_projects_data(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = {"templates": [{"name": "say", "container": {"image": "busybox:1.36"}}]}
    given = [{"spec": spec}, {"spec": {"schedule": "* * * * *", "workflowSpec": spec}}]
    assert as_home_template("flights", given[0], "ada") == given[0]
    assert as_home_template("flights", given[1], "ada")["spec"] == {
        **given[1]["spec"],
        "workflowMetadata": {"labels": {OWNER: "ada"}},
    }
    monkeypatch.setenv("ATRIUM_IMAGE_REGISTRY", "registry.site:5000")
    monkeypatch.setenv("ATRIUM_PULL_SECRET", "atrium-registry")
    monkeypatch.setenv("ATRIUM_DATA_CLAIM", "atrium-data")
    forget_settings()
    plain, cron = [as_home_template("flights", one, "ada")["spec"] for one in given]
    assert plain == cron["workflowSpec"] and cron["schedule"] == "* * * * *"
    assert plain["imagePullSecrets"] == [{"name": "atrium-registry"}]
    [say] = plain["templates"]
    assert say["container"]["image"] == "registry.site:5000/docker.io/library/busybox:1.36"
    assert [one["persistentVolumeClaim"] for one in say["volumes"]] == [{"claimName": "atrium-data"}]


def test_a_connection_to_argo_that_does_not_come_about_is_made_again(
    own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pair.pem").write_text("".join(certificate()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pair.pem")
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            listening.accept()[0].close()
            with context.wrap_socket(listening.accept()[0], server_side=True) as second:
                second.recv(65536)
                second.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")

        monkeypatch.setenv("ATRIUM_ARGO_URL", f"https://127.0.0.1:{listening.getsockname()[1]}")
        monkeypatch.setenv("ATRIUM_ARGO_CHECKED", "false")
        forget_settings()
        server = threading.Thread(target=serve)
        server.start()
        assert asyncio.run(_asked_once()) == 200
        server.join(60)


async def _asked_once() -> int:
    proxy = Proxy()
    async with proxy.http:
        found = await proxy._send("GET", "/api/v1/version", "", b"", {})
        await found.aread()
        return found.status_code
