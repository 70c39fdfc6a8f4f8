"""A workflow, workflow template or cron workflow as a whole."""

from workflows.engine.labels import selector_fault
from workflows.engine.state import Json
from workflows.engine.validate.errors import Placed, WorkflowInvalid
from workflows.engine.validate.groups import Groups, check_hooks
from workflows.engine.validate.names import check_names
from workflows.engine.validate.scope import Variables
from workflows.engine.validate.templates import Base, Lookup, Templates
from workflows.engine.validate.values import check_arguments, parameters

LONGEST_NAME = 63
LONGEST_CRON_NAME = 52
STRATEGIES = ("", "OnPodNone", "OnPodCompletion", "OnPodSuccess", "OnWorkflowCompletion", "OnWorkflowSuccess")
OF_EVERY_WORKFLOW = ("name", "namespace", "mainEntrypoint", "serviceAccountName", "uid", "annotations", "annotations.json",
                     "labels", "labels.json", "status")  # fmt: skip


def check_workflow(lookup: Lookup, workflow: Json, *, lint: bool = False, template_alone: bool = False) -> None:
    """Refuses what Argo refuses. With `lint`, or for a template alone, arguments may be without a value.

    Raises:
        WorkflowInvalid: in Argo's words.
    """
    metadata, spec = workflow.get("metadata") or {}, workflow.get("spec") or {}
    name = str(metadata.get("name") or "")
    if len(name) > LONGEST_NAME and not template_alone:
        raise WorkflowInvalid(
            f'workflow name "{name}" must not be more than {LONGEST_NAME} characters long (currently {len(name)})'
        )
    referred = _referred(lookup, spec)
    check_names("spec.templates", spec.get("templates") or [])
    own = spec.get("arguments") or {}
    arguments = own if referred is None else merged_arguments(referred.get("arguments"), own)
    check_arguments("spec.arguments.", arguments, lint or template_alone)
    variables = Variables(_of_workflow(metadata, spec, referred, arguments), template_alone)
    templates = Templates(lookup, variables)
    Groups(templates)
    base = Base("local/", spec)
    entrypoint = spec.get("entrypoint") or (referred or {}).get("entrypoint")
    if not entrypoint and not template_alone:
        raise WorkflowInvalid("spec.entrypoint is required")
    if entrypoint:
        templates.use(_holder(spec, entrypoint), base, None if template_alone else arguments)
    if leaving := spec.get("onExit") or (referred or {}).get("onExit"):
        variables.add("workflow.failures")
        templates.use(_holder(spec, leaving), base, spec.get("arguments") or {})
    check_hooks("hooks", spec.get("hooks"))
    strategy = str((spec.get("podGC") or {}).get("strategy") or "")
    if strategy not in STRATEGIES:
        raise WorkflowInvalid(f"podGC.strategy unknown strategy '{strategy}'")
    if told := selector_fault((spec.get("podGC") or {}).get("labelSelector") or {}):
        raise WorkflowInvalid(f"podGC.labelSelector invalid: {told}")
    for template in (referred if referred is not None else spec).get("templates") or []:
        with Placed(f"templates.{template.get('name') or ''}"):
            templates.use(_holder(spec, template.get("name") or ""), base, None)


def merged_arguments(base: Json | None, over: Json | None) -> Json:
    """Arguments of a workflow put over those of its template, by name."""
    merged: Json = {}
    for kind in ("parameters", "artifacts"):
        found: Json = {}
        for one in [*((over or {}).get(kind) or []), *((base or {}).get(kind) or [])]:
            found.setdefault(one.get("name"), one)
        if found:
            merged[kind] = list(found.values())
    return merged


def _referred(lookup: Lookup, spec: Json) -> Json | None:
    """Spec of the template that the workflow runs as a whole."""
    reference = spec.get("workflowTemplateRef")
    if reference is None:
        return None
    if spec.get("templates"):
        raise WorkflowInvalid("Templates is invalid field in spec if workflow referred WorkflowTemplate reference")
    cluster, name = bool(reference.get("clusterScope")), str(reference.get("name") or "")
    document = lookup(name, cluster)
    if document is None:
        plural = "clusterworkflowtemplates" if cluster else "workflowtemplates"
        raise WorkflowInvalid(f'{plural}.argoproj.io "{name}" not found', missing=True)
    return document.get("spec") or {}


def _holder(spec: Json, name: str) -> Json:
    reference = spec.get("workflowTemplateRef")
    if reference is None:
        return {"template": name}
    return {"templateRef": {"name": reference["name"], "template": name, "clusterScope": reference.get("clusterScope")}}


def _of_workflow(metadata: Json, spec: Json, referred: Json | None, arguments: Json) -> dict[str, str | None]:
    """The names that are known everywhere, with their values where those are known."""
    names = [f"workflow.{one}" for one in OF_EVERY_WORKFLOW]
    if parameters(arguments):
        names += ["workflow.parameters", "workflow.parameters.json"]
    for one in [metadata] + [(one or {}).get("workflowMetadata") or {} for one in (spec, referred)]:
        names += [f"workflow.annotations.{key}" for key in one.get("annotations") or {}]
        names += [f"workflow.labels.{key}" for kind in ("labels", "labelsFrom") for key in one.get(kind) or {}]
    found: dict[str, str | None] = dict.fromkeys(names)
    found |= {f"workflow.parameters.{one['name']}": one.get("value") for one in parameters(arguments)}
    return found | ({"workflow.priority": str(spec["priority"])} if spec.get("priority") is not None else {})


def check_template(lookup: Lookup, kind: str, document: Json) -> None:
    """Refuses a WorkflowTemplate or ClusterWorkflowTemplate that no workflow could use. Raises `WorkflowInvalid`."""
    metadata = document.get("metadata") or {}
    name = str(metadata.get("name") or "")
    if len(name) > LONGEST_NAME:
        title = "cluster workflow template" if kind.startswith("Cluster") else "workflow template"
        raise WorkflowInvalid(
            f'{title} name "{name}" must not be more than {LONGEST_NAME} characters long (currently {len(name)})'
        )
    labels = {"labels": metadata.get("labels"), "annotations": metadata.get("annotations")}
    check_workflow(lookup, {"metadata": labels, "spec": document.get("spec") or {}}, template_alone=True)


def check_cron(lookup: Lookup, document: Json, workflow: Json) -> None:
    """Refuses a CronWorkflow whose name, policy or `workflow` (what a slot of it runs) is unsound. Raises `WorkflowInvalid`.

    Its schedules are read by who runs them.
    """
    spec, name = document.get("spec") or {}, str((document.get("metadata") or {}).get("name") or "")
    if len(name) > LONGEST_CRON_NAME:
        raise WorkflowInvalid(
            f'cron workflow name "{name}" must not be more than {LONGEST_CRON_NAME} characters long (currently {len(name)})'
        )
    policy = str(spec.get("concurrencyPolicy") or "")
    if policy not in ("", "Allow", "Forbid", "Replace"):
        raise WorkflowInvalid(f"'{policy}' is not a valid concurrencyPolicy")
    if (spec.get("startingDeadlineSeconds") or 0) < 0:
        raise WorkflowInvalid("startingDeadlineSeconds must be positive")
    try:
        check_workflow(lookup, workflow)
    except WorkflowInvalid as error:
        raise WorkflowInvalid(f"cannot validate Workflow: {error}") from error
