"""Taking in a workflow: what is refused and why, and what is filled in."""

import secrets
import uuid
from collections.abc import Iterable
from copy import deepcopy

from atrium.clock import now
from atrium.errors import AtriumError
from workflows.engine.images import find_image
from workflows.engine.runner import OWNER
from workflows.engine.state import Json, Workflow, stamp, suffix
from workflows.engine.store import Store

KINDS = ("container", "script", "steps", "dag", "suspend")
NOT_YET = {
    "resource": "resource templates need a Kubernetes cluster",
    "http": "http templates are not run by this server",
    "plugin": "executor plugins are not run by this server",
    "containerSet": "containerSet templates are not run by this server",
    "data": "data templates are not run by this server",
}
IGNORED_WOULD_MISLEAD = ("hooks", "synchronization", "memoize", "daemon", "sidecars", "initContainers")
FORMS = {"Workflow": "workflows", "WorkflowTemplate": "workflow templates"}


class WorkflowInvalid(ValueError):
    """A workflow that Argo, or this server, refuses; the text says why."""


def _templates(spec: Json) -> Iterable[Json]:
    return spec.get("templates") or []


def _check_template(template: Json, names: set[str]) -> None:
    name = template.get("name", "")
    for key, reason in NOT_YET.items():
        if key in template:
            raise WorkflowInvalid(f"templates.{name}: {reason}; use container, script, steps, dag or suspend")
    for key in IGNORED_WOULD_MISLEAD:
        if template.get(key):
            raise WorkflowInvalid(
                f"templates.{name}.{key} is not supported by this server; remove it, or use a cluster"
            )
    kinds = [kind for kind in KINDS if kind in template]
    if len(kinds) != 1:
        raise WorkflowInvalid(f"templates.{name} template type unspecified; must define one of: {', '.join(KINDS)}")
    body = template.get("container") or template.get("script")
    if body and "{{" not in str(body.get("image", "")):
        try:
            find_image(str(body.get("image") or ""))
        except AtriumError as error:
            raise WorkflowInvalid(f"templates.{name}: {error}") from error
    if body:
        _check_surroundings(f"templates.{name}", body)
    for step in _uses(template):
        if step.get("hooks") or step.get("onExit"):
            raise WorkflowInvalid(f"templates.{name}.{step.get('name')}: hooks are not supported by this server")
        if step.get("inline"):
            _check_template({"name": step["name"], **step["inline"]}, names)
        elif not step.get("templateRef") and step.get("template") not in names:
            raise WorkflowInvalid(
                f"templates.{name}.tasks.{step.get('name')} template name '{step.get('template')}' undefined"
            )


def _check_surroundings(place: str, body: Json) -> None:
    """Refuses what a container asks of its cluster that would be passed over here, so that no step runs without it."""
    if body.get("envFrom"):
        raise WorkflowInvalid(f"{place}.envFrom is not supported by this server; name each variable under env")
    for one in body.get("env") or []:
        if "valueFrom" in one and "secretKeyRef" not in one["valueFrom"]:
            raise WorkflowInvalid(
                f"{place}.env.{one.get('name')}.valueFrom: this server knows secretKeyRef alone; "
                "keep the value as a secret of the project, or write it as value"
            )


def _check_volumes(spec: Json) -> None:
    for one in spec.get("volumes") or []:
        if "emptyDir" not in one:
            raise WorkflowInvalid(
                f"spec.volumes.{one.get('name')}: this server has emptyDir volumes alone; "
                "share files by artifacts or in the project's data folder ($ATRIUM_DATA)"
            )
    if spec.get("volumeClaimTemplates"):
        raise WorkflowInvalid(
            "spec.volumeClaimTemplates is not supported by this server; "
            "share files by artifacts or in the project's data folder ($ATRIUM_DATA)"
        )


def _uses(template: Json) -> Iterable[Json]:
    for group in template.get("steps") or []:
        yield from group if isinstance(group, list) else [group]
    yield from (template.get("dag") or {}).get("tasks") or []


def _check_dag(template: Json) -> None:
    tasks = {task["name"]: task for task in (template.get("dag") or {}).get("tasks") or []}
    for task in tasks.values():
        for need in task.get("dependencies") or []:
            if need not in tasks:
                raise WorkflowInvalid(
                    f"templates.{template['name']}.tasks.{task['name']} dependency '{need}' not defined"
                )
    state: dict[str, int] = {}

    def visit(name: str, path: list[str]) -> None:
        if state.get(name) == 1:
            raise WorkflowInvalid(
                f"templates.{template['name']}.tasks dependency cycle detected: {'->'.join([*path, name])}"
            )
        if state.get(name) is None:
            state[name] = 1
            for need in tasks[name].get("dependencies") or []:
                visit(need, [*path, name])
            state[name] = 2

    for name in tasks:
        visit(name, [])


def check_spec(spec: Json, whole: bool = True) -> None:
    """Refuses a spec that cannot run here. `whole` for a workflow, whose entrypoint and arguments must be there.

    Raises:
        WorkflowInvalid: names the place and what is allowed.
    """
    if not isinstance(spec.get("templates"), list) or not spec["templates"]:
        raise WorkflowInvalid("spec.templates is required")
    for group in (one for template in _templates(spec) for one in template.get("steps") or []):
        if not isinstance(group, list):
            raise WorkflowInvalid("steps must be a list of lists of steps")
    names = {str(template.get("name")) for template in _templates(spec)}
    for template in _templates(spec):
        _check_template(template, names)
        _check_dag(template)
    _check_volumes(spec)
    if spec.get("hooks") or spec.get("synchronization"):
        raise WorkflowInvalid("spec.hooks and spec.synchronization are not supported by this server")
    if whole:
        _check_whole(spec, names)


def _check_whole(spec: Json, names: set[str]) -> None:
    if not spec.get("entrypoint"):
        raise WorkflowInvalid("spec.entrypoint is required")
    for key in ("entrypoint", "onExit"):
        if spec.get(key) and spec[key] not in names:
            raise WorkflowInvalid(f"spec.{key} template name '{spec[key]}' undefined")
    for one in (spec.get("arguments") or {}).get("parameters") or []:
        if one.get("value") is None and not one.get("valueFrom"):
            raise WorkflowInvalid(
                f"spec.arguments.{one['name']}.value or spec.arguments.{one['name']}.valueFrom is required"
            )
        if "configMapKeyRef" in (one.get("valueFrom") or {}):
            raise WorkflowInvalid(
                f"spec.arguments.{one['name']}.valueFrom.configMapKeyRef needs a cluster; write its value"
            )
        allowed = one.get("enum")
        if allowed and str(one["value"]) not in [str(value) for value in allowed]:
            raise WorkflowInvalid(f"spec.arguments.{one['name']}.value must be one of {', '.join(map(str, allowed))}")


def _gather(store: Store, namespace: str, templates: Iterable[Json], found: Json, scope: str | None) -> None:
    """Collects every template of another object that is named, by `scope/name/template`, with all that those name."""
    for template in templates:
        for step in _uses(template):
            inner = [{"name": "", **step["inline"]}] if step.get("inline") else []
            _gather(store, namespace, inner, found, scope)
            reference = step.get("templateRef")
            if not reference:
                continue
            cluster = bool(reference.get("clusterScope"))
            place = f"{'cluster' if cluster else 'namespaced'}/{reference['name']}"
            document = _referenced(store, namespace, reference["name"], cluster)
            owned = {one["name"]: one for one in _templates(document["spec"])}
            if reference["template"] not in owned:
                raise WorkflowInvalid(
                    f"template {reference['template']} not found in workflow template {reference['name']}"
                )
            fresh = [one for name, one in owned.items() if f"{place}/{name}" not in found]
            found |= {f"{place}/{one['name']}": one for one in fresh}
            _gather(store, namespace, fresh, found, place)


def _referenced(store: Store, namespace: str, name: str, cluster: bool) -> Json:
    kind = "ClusterWorkflowTemplate" if cluster else "WorkflowTemplate"
    document = store.template(kind, "" if cluster else namespace, name)
    if document is None:
        plural = "clusterworkflowtemplates" if cluster else "workflowtemplates"
        raise WorkflowInvalid(f'{plural}.argoproj.io "{name}" not found')
    return document


def _merged_arguments(base: Json, over: Json) -> Json:
    merged: Json = {}
    for kind in ("parameters", "artifacts"):
        table = {one["name"]: one for one in base.get(kind) or []}
        for one in over.get(kind) or []:
            table[one["name"]] = {**table.get(one["name"], {}), **one}
        if table:
            merged[kind] = list(table.values())
    return merged


def with_parameters(document: Json, parameters: Iterable[str]) -> Json:
    """The workflow with `name=value` texts put over its arguments. Raises `WorkflowInvalid`."""
    given = []
    for text in parameters:
        name, equals, value = text.partition("=")
        if not equals:
            raise WorkflowInvalid(f"expected parameter of the form: NAME=VALUE. Received: {text}")
        given.append({"name": name, "value": value})
    arguments = _merged_arguments(document["spec"].get("arguments") or {}, {"parameters": given})
    return {**document, "spec": {**document["spec"], "arguments": arguments}}


def take_in(store: Store, namespace: str, document: Json, owner: str) -> Workflow:
    """A workflow ready to run, from what a client sent.

    Raises:
        WorkflowInvalid: it cannot run; the text says where and why.
    """
    made = deepcopy(document)
    metadata = made.setdefault("metadata", {})
    uid = str(uuid.uuid4())
    if not metadata.get("name"):
        if not metadata.get("generateName"):
            raise WorkflowInvalid("name or generateName is required")
        metadata["name"] = metadata["generateName"] + suffix(uid + secrets.token_hex(4))
    metadata |= {
        "namespace": namespace,
        "uid": uid,
        "creationTimestamp": stamp(now()),
        "resourceVersion": "1",
        "generation": 1,
    }
    labels = metadata.get("labels") or {}
    metadata["labels"] = labels | {
        OWNER: owner,
        "workflows.argoproj.io/phase": "Running",
        "workflows.argoproj.io/completed": "false",
    }
    made = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": metadata,
        "spec": made.get("spec") or {},
    }
    status: Json = {"phase": "", "progress": "0/0"}
    made["status"] = status
    spec = made["spec"]
    if reference := spec.get("workflowTemplateRef"):
        base = _referenced(store, namespace, reference["name"], bool(reference.get("clusterScope")))["spec"]
        arguments = _merged_arguments(base.get("arguments") or {}, spec.get("arguments") or {})
        spec = {
            **base,
            **{key: value for key, value in spec.items() if key != "workflowTemplateRef"},
            "arguments": arguments,
        }
        status["storedWorkflowTemplateSpec"] = spec
    check_spec(spec)
    found: Json = {}
    _gather(store, namespace, _templates(spec), found, None)
    for template in found.values():
        _check_template(template, {key.rsplit("/", 1)[1] for key in found})
    if found:
        status["storedTemplates"] = found
    return Workflow(made)
