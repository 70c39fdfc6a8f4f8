"""The stock clients, unchanged: the argo CLI and Hera."""

import time

import pytest

pytestmark = pytest.mark.argo
HELLO = """
apiVersion: argoproj.io/v1alpha1
kind: {kind}
metadata: {{{name}}}
spec:
  entrypoint: main
  arguments: {{parameters: [{{name: code, value: "0"}}]}}
  templates:
  - name: main
    container: {{image: busybox, command: [sh, -c, "echo hello; exit {{{{workflow.parameters.code}}}}"]}}
"""


@pytest.fixture
def hello(tmp_path):
    path = tmp_path / "hello.yaml"
    path.write_text(HELLO.format(kind="Workflow", name="generateName: hello-"))
    return str(path)


@pytest.fixture
def template(tmp_path):
    path = tmp_path / "template.yaml"
    path.write_text(HELLO.format(kind="WorkflowTemplate", name="name: kept"))
    return str(path)


def name_of(answer) -> str:
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.strip().rsplit("/", 1)[-1]


@pytest.mark.usefixtures("cli")
def test_submit_watch_ends_within_a_second_and_a_half(engine_server, hello):
    started = time.monotonic()
    answer = engine_server.argo("submit", "--watch", hello)
    seconds = time.monotonic() - started
    assert "Succeeded" in answer.stdout
    assert seconds < 1.5, f"{seconds:.2f} s"


@pytest.mark.usefixtures("cli")
def test_a_run_is_submitted_shown_logged_retried_resubmitted_and_deleted(engine_server, hello):
    name = name_of(engine_server.argo("submit", hello, "-p", "code=3", "-o", "name"))
    assert engine_server.ended(name)["status"]["phase"] == "Failed"
    assert name in engine_server.argo("list", "--status", "Failed", "-o", "name").stdout
    assert "main: Error (exit code 3)" in engine_server.argo("get", name, "--no-color").stdout
    assert f"{name}: hello" in engine_server.argo("logs", name, "--no-color").stdout
    assert engine_server.argo("retry", name).returncode == 0
    assert engine_server.ended(name)["status"]["phase"] == "Failed"
    again = name_of(engine_server.argo("resubmit", name, "-p", "code=0", "-o", "name"))
    assert engine_server.ended(again)["status"]["phase"] == "Succeeded"
    assert engine_server.argo("delete", name, again).returncode == 0
    gone = engine_server.argo("get", name)
    assert (gone.returncode, "not found" in gone.stderr) == (1, True)


@pytest.mark.usefixtures("cli")
@pytest.mark.parametrize(("word", "phase"), [("stop", "Failed"), ("terminate", "Failed")])
def test_a_running_workflow_is_ended(engine_server, tmp_path, word, phase):
    path = tmp_path / "long.yaml"
    path.write_text(HELLO.format(kind="Workflow", name="generateName: long-").replace("echo hello;", "sleep 60;"))
    name = name_of(engine_server.argo("submit", str(path), "-o", "name"))
    assert f"workflow {name} {'stopped' if word == 'stop' else 'terminated'}" in engine_server.argo(word, name).stdout
    assert engine_server.ended(name, seconds=10)["status"]["phase"] == phase


@pytest.mark.usefixtures("cli")
def test_a_template_is_kept_run_and_deleted(engine_server, template):
    assert engine_server.argo("template", "create", template).returncode == 0
    assert "kept" in engine_server.argo("template", "list", "-o", "name").stdout
    name = name_of(engine_server.argo("submit", "--from", "workflowtemplate/kept", "-o", "name"))
    assert engine_server.ended(name)["status"]["phase"] == "Succeeded"
    assert engine_server.argo("template", "delete", "kept").returncode == 0
    assert "not found" in engine_server.argo("template", "get", "kept").stderr


@pytest.mark.usefixtures("cli")
def test_lint_names_what_is_wrong(engine_server, tmp_path, hello):
    assert engine_server.argo("lint", hello).returncode == 0
    broken = tmp_path / "broken.yaml"
    broken.write_text(
        HELLO.format(kind="Workflow", name="generateName: x-").replace("entrypoint: main", "entrypoint: absent")
    )
    answer = engine_server.argo("lint", str(broken))
    assert (answer.returncode, "template name 'absent' undefined" in answer.stdout + answer.stderr) == (1, True)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:hera", "ignore:.*deprecated.*")
def test_hera_creates_and_waits(engine_server):
    from hera.workflows import Container, Workflow, WorkflowsService

    service = WorkflowsService(
        host=f"http://127.0.0.1:{engine_server.port}/argo", token=f"Bearer {engine_server.token}"
    )
    with Workflow(generate_name="hera-", entrypoint="main", namespace="flights", workflows_service=service) as made:
        Container(name="main", image="busybox", command=["echo", "hi"])
    done = made.create(wait=True, poll_interval=1)
    assert done.status.phase == "Succeeded"
