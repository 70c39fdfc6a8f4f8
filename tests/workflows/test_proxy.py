"""What is let through to a real Argo: the project and the right are read from the path, and the body must agree."""

import pytest
from starlette.exceptions import HTTPException

from atrium.identity import Verb
from workflows.proxy.asked import Asked, check_body, owned, read_asked

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
    body = owned(SUBMIT, {"workflow": {"metadata": {"labels": labels}}}, "ada", OWNER)
    assert body["workflow"]["metadata"]["labels"] == {**(labels or {}), OWNER: "ada"}


def test_a_submission_by_template_tells_it_in_its_options() -> None:
    asked: Asked = read_asked("POST", "/api/v1/workflows/flights/submit", [])
    body = owned(asked, {"resourceName": "t", "submitOptions": {"labels": f"a=b,{OWNER}=eve"}}, "ada", OWNER)
    assert body["submitOptions"]["labels"] == f"a=b,{OWNER}=ada"
