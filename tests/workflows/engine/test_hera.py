"""Hera's own objects, unchanged, against this server."""

import pytest

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


@pytest.fixture(scope="module")
def service(engine_server):
    from hera.workflows import WorkflowsService

    host = f"http://127.0.0.1:{engine_server.port}/argo"
    return WorkflowsService(host=host, token=f"Bearer {engine_server.token}", namespace="flights")


def diamond(service, **more):
    from hera.workflows import DAG, Workflow, script

    @script(image="python:3.11")
    def say(text):
        print(text)

    with (
        Workflow(
            generate_name="hera-diamond-", entrypoint="main", namespace="flights", workflows_service=service, **more
        ) as made,
        DAG(name="main"),
    ):
        a, b, c, d = (say(name=name, arguments={"text": name}) for name in "abcd")
        a >> [b, c] >> d
    return made


def test_a_workflow_is_linted_created_and_waited_for(service):
    made = diamond(service)
    assert made.lint().spec.entrypoint == "main"
    done = made.create(wait=True, poll_interval=1)
    assert done.status.phase == "Succeeded"
    assert {node.display_name for node in done.status.nodes.values()} >= set("abcd")


def test_what_is_wrong_is_raised_in_argos_words(service):
    from hera.exceptions import HeraException
    from hera.workflows import Container, Workflow

    with Workflow(generate_name="bad-", entrypoint="nowhere", namespace="flights", workflows_service=service) as made:
        Container(name="main", image="busybox", command=["true"])
    with pytest.raises(HeraException, match="template name 'nowhere' undefined"):
        made.create()


def test_its_yaml_is_taken_as_it_is(engine_server, service):
    import yaml

    document = yaml.safe_load(diamond(service).to_yaml())
    document["metadata"].pop("namespace")
    assert engine_server.run(document)["status"]["phase"] == "Succeeded"


def test_a_template_is_created_updated_run_by_reference_and_deleted(service):
    from hera.workflows import Container, Parameter, Workflow, WorkflowTemplate
    from hera.workflows.models import WorkflowTemplateRef

    def template(text):
        with WorkflowTemplate(name="hera-kept", entrypoint="main", namespace="flights", workflows_service=service,
                              arguments=Parameter(name="text", value=text)) as made:  # fmt: skip
            Container(name="main", image="busybox", command=["echo", "{{workflow.parameters.text}}"])
        return made

    template("one").create()
    assert template("two").update().spec.arguments.parameters[0].value == "two"
    run = Workflow(generate_name="hera-ref-", workflow_template_ref=WorkflowTemplateRef(name="hera-kept"), namespace="flights",
                   workflows_service=service).create(wait=True, poll_interval=1)  # fmt: skip
    assert run.status.phase == "Succeeded"
    service.delete_workflow_template("hera-kept", namespace="flights")


def test_a_cron_workflow_is_created_read_suspended_and_deleted(service):
    from hera.workflows import Container, CronWorkflow

    with CronWorkflow(name="hera-cron", entrypoint="main", namespace="flights", schedules=["0 3 * * *"], timezone="Asia/Shanghai",
                      workflows_service=service) as made:  # fmt: skip
        Container(name="main", image="busybox", command=["true"])
    made.create()
    assert service.get_cron_workflow("hera-cron", namespace="flights").spec.timezone == "Asia/Shanghai"
    assert (
        service.suspend_cron_workflow("hera-cron", made_request("hera-cron"), namespace="flights").spec.suspend is True
    )
    service.delete_cron_workflow("hera-cron", namespace="flights")


def made_request(name):
    from hera.workflows.models import CronWorkflowSuspendRequest

    return CronWorkflowSuspendRequest(name=name, namespace="flights")


def test_lists_and_the_archive_are_read_through_it(service):
    listed = service.list_workflows(
        namespace="flights", label_selector="workflows.argoproj.io/completed=true", limit="2"
    )
    assert len(listed.items) <= 2
    assert service.list_archived_workflows(namespace="flights").items
    assert service.get_version().version.startswith("v3.7")
    assert service.get_info() is not None
