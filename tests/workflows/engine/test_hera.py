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


def test_lists_are_read_where_parameters_were_sent_as_numbers_and_lists(engine_server, service):
    parameters = [{"name": str(number), "value": sent} for number, sent in enumerate((7, 0.5, True, [1], {"a": 1}))]
    template = {"metadata": {"name": "hera-any", "labels": {"of": "any"}}, "spec": {"arguments": {"parameters": parameters}}}  # fmt: skip
    run = {
        "metadata": template["metadata"],
        "spec": {"entrypoint": "main", **template["spec"], "templates": [{"name": "main", "suspend": {}}]},
    }
    cron = {"metadata": template["metadata"], "spec": {"schedules": ["1 2 3 4 *"], "workflowSpec": run["spec"]}}
    for noun, sent in (
        ("workflow-templates", {"template": template}),
        ("cron-workflows", {"cronWorkflow": cron}),
        ("workflows", {"workflow": run}),
    ):
        assert engine_server.http.post(f"/api/v1/{noun}/flights", json=sent).status_code == 200
    (kept,) = service.list_workflow_templates(namespace="flights", label_selector="of=any").items
    (slots,) = service.list_cron_workflows(namespace="flights", label_selector="of=any").items
    (made,) = service.list_workflows(namespace="flights", label_selector="of=any").items
    for spec in (kept.spec, slots.spec.workflow_spec, made.spec):
        assert [one.value for one in spec.arguments.parameters] == ["7", "0.5", "true", "", ""]
    service.delete_workflow("hera-any", namespace="flights")
    service.delete_workflow_template("hera-any", namespace="flights")
    service.delete_cron_workflow("hera-any", namespace="flights")


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


def test_every_call_of_its_service_is_answered_in_a_form_that_it_reads(engine_server, service):
    from hera.workflows import WorkflowsService

    called = Called(service)
    runs(engine_server, called)
    kept_objects(called)
    known = {name for name in dir(WorkflowsService) if not name.startswith("_")}
    assert {name for name in known if callable(getattr(WorkflowsService, name))} - called.names == {"close"}


class Called:
    """The service, which remembers what was called."""

    def __init__(self, service):
        self.service, self.names = service, set()

    def __getattr__(self, name):
        self.names.add(name)
        return getattr(self.service, name)


STEP = {"name": "main", "container": {"image": "busybox", "command": ["sh", "-c", "echo hello; echo 1 >/tmp/x"]},
        "outputs": {"artifacts": [{"name": "x", "path": "/tmp/x"}]}}  # fmt: skip
SPEC = {"entrypoint": "main", "arguments": {"parameters": [{"name": "who", "value": "x"}]}, "templates": [STEP]}
ASKED = {"name": "main", "suspend": {}, "outputs": {"parameters": [{"name": "said", "valueFrom": {"supplied": {}}}]}}
LONG = {"name": "main", "container": {"image": "busybox", "command": ["sleep", "60"]}}


def runs(engine_server, called):
    from hera.workflows import models as of

    def made(name, **spec):
        workflow = of.Workflow(metadata={"name": name}, spec={**SPEC, **spec})
        assert called.lint_workflow(of.WorkflowLintRequest(workflow=workflow, namespace="flights")).spec
        return called.create_workflow(of.WorkflowCreateRequest(workflow=workflow)).metadata.name

    first = made("hera-first")
    engine_server.ended(first)
    uid = called.get_workflow(first, uid="").metadata.uid
    assert called.list_workflows(label_selector="workflows.argoproj.io/completed=true").items
    assert called.workflow_logs(first, container="main") is not None
    assert called.pod_logs(first, first, container="main", tail_lines="1") is not None
    assert called.get_output_artifact(first, first, "x") == called.get_output_artifact_by_uid(uid, first, "x")
    assert called.get_artifact_file("archived-workflows", uid, first, "x", "outputs")
    for missing in (called.get_input_artifact, called.get_input_artifact_by_uid):
        with pytest.raises(Exception, match="artifact x of node hera-first not found"):
            missing(uid if missing.__name__.endswith("uid") else first, first, "x")
    assert first in called.get_workflow_link(first) and called.get_cron_workflow_link("c").endswith("/c")
    again = called.resubmit_workflow(first, of.WorkflowResubmitRequest(parameters=["who=y"])).metadata.name
    engine_server.ended(again)
    selected = {"restart_successful": True, "node_field_selector": f"displayName={first}"}
    assert called.retry_workflow(first, of.WorkflowRetryRequest(**selected)).status.phase == "Running"
    asked, long, longer = made("hera-asks", templates=[ASKED]), *(made(n, templates=[LONG]) for n in ("h-1", "h-2"))
    answers = {"node_field_selector": f"displayName={asked}", "output_parameters": '{"said": "yes"}'}
    assert called.suspend_workflow(asked, of.WorkflowSuspendRequest()).spec.suspend
    assert called.set_workflow(asked, of.WorkflowSetRequest(**answers)).spec
    assert called.resume_workflow(asked, of.WorkflowResumeRequest()).spec.suspend is None
    assert called.stop_workflow(long, of.WorkflowStopRequest(message="enough")).spec.shutdown == "Stop"
    assert called.terminate_workflow(longer, of.WorkflowTerminateRequest()).spec.shutdown == "Terminate"
    phases = [engine_server.ended(one)["status"]["phase"] for one in (asked, long, longer)]
    assert phases == ["Succeeded", "Failed", "Failed"]
    archived(engine_server, called, long)


def archived(engine_server, called, name):
    from hera.workflows import models as of

    uid = called.get_workflow(name).metadata.uid
    assert called.get_archived_workflow(uid).metadata.name == name
    assert called.list_archived_workflows(name_prefix="h-").items and called.list_archived_workflow_label_keys().items
    label = "workflows.argoproj.io/phase"
    assert "Failed" in called.list_archived_workflow_label_values(label_selector=label).items
    again = called.resubmit_archived_workflow(uid, of.ResubmitArchivedWorkflowRequest(uid=uid, namespace="flights"))
    called.delete_workflow(name, force=True)
    anew = called.retry_archived_workflow(uid, of.RetryArchivedWorkflowRequest(uid=uid, namespace="flights"))
    for one in (again.metadata.name, anew.metadata.name):
        called.delete_workflow(one)
    called.delete_archived_workflow(uid)
    assert called.get_info() and called.get_user_info().subject == "ada" and called.get_version().version


def kept_objects(called):
    from hera.workflows import models as of
    from hera.workflows.models import sync

    for cluster in ("", "cluster_"):
        title, name = f"{cluster}workflow_template".title().replace("_", ""), f"hera-{cluster}kept".replace("_", "-")
        kind, ask = getattr(of, title), lambda word, title=title: getattr(of, f"{title}{word}Request")
        call = lambda verb, *given, cluster=cluster: getattr(called, f"{verb}_{cluster}workflow_template")(*given)  # noqa: E731
        one = kind(metadata={"name": name, "labels": {"of": "hera"}}, spec=SPEC)
        assert call("lint", ask("Lint")(template=one)).spec
        made = call("create", ask("Create")(template=one))
        assert call("update", name, ask("Update")(name=name, template=made)).spec
        assert call("get", name).metadata.name == name
        assert getattr(called, f"list_{cluster}workflow_templates")(label_selector="of=hera").items
        options = {"resource_kind": title, "resource_name": name, "submit_options": {"parameters": ["who=z"]}}
        run = called.submit_workflow(of.WorkflowSubmitRequest(**options))
        called.delete_workflow(run.metadata.name)
        call("delete", name)
    cron = of.CronWorkflow(metadata={"name": "hera-c"}, spec={"schedules": ["1 2 3 4 *"], "workflowSpec": SPEC})
    assert called.lint_cron_workflow(of.LintCronWorkflowRequest(cron_workflow=cron)).spec
    called.create_cron_workflow(of.CreateCronWorkflowRequest(cron_workflow=cron))
    assert called.suspend_cron_workflow("hera-c", made_request("hera-c")).spec.suspend
    resumed = called.resume_cron_workflow("hera-c", of.CronWorkflowResumeRequest(name="hera-c", namespace="flights"))
    assert not resumed.spec.suspend and called.list_cron_workflows().items
    called.update_cron_workflow("hera-c", of.UpdateCronWorkflowRequest(name="hera-c", cron_workflow=resumed))
    assert called.get_cron_workflow("hera-c").spec.schedules == ["1 2 3 4 *"]
    called.delete_cron_workflow("hera-c")
    limit = {"key": "k", "limit": 1, "type": sync.SyncConfigType.database}
    called.create_sync_limit(sync.CreateSyncLimitRequest(**limit))
    called.update_sync_limit("k", sync.UpdateSyncLimitRequest(**limit))
    assert called.get_sync_limit("k", type_="DATABASE") is not None
    called.delete_sync_limit("k", type_="DATABASE")
