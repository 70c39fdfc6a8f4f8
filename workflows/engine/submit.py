"""Taking in a workflow: what is refused and why, and what is filled in."""

import secrets
import uuid
from collections.abc import Iterable
from copy import deepcopy

from atrium.clock import now
from workflows.clusters.reach import cluster_for
from workflows.engine.estimates import estimate
from workflows.engine.labels import aggregated, invalid, metadata_faults, name_faults
from workflows.engine.resources import CLUSTER
from workflows.engine.runner import OWNER
from workflows.engine.state import Json, Workflow, stamp, suffix
from workflows.engine.store import Store
from workflows.engine.supported import check_supported, templates_of, uses_of
from workflows.engine.validate import Lookup, WorkflowInvalid, check_workflow
from workflows.engine.validate.fields import read_fields
from workflows.engine.validate.workflow import merged_arguments


def lookup_in(store: Store, namespace: str) -> Lookup:
    """Finds workflow templates as a workflow of that namespace does."""

    def lookup(name: str, cluster: bool) -> Json | None:
        kind = "ClusterWorkflowTemplate" if cluster else "WorkflowTemplate"
        return store.template(kind, "" if cluster else namespace, name)

    return lookup


def name_it(kind: str, metadata: Json) -> None:
    """Gives an object its name, made from `generateName` where it has none, and checks its labels too.

    Raises:
        WorkflowInvalid: as Kubernetes words it.
    """
    name = metadata.get("name") or ""
    if not name and metadata.get("generateName"):
        name = metadata["name"] = metadata["generateName"] + suffix(secrets.token_hex(8))
    if not name:
        raise WorkflowInvalid(
            f'{kind}.argoproj.io "" is invalid: metadata.name: Required value: name or generateName is required'
        )
    faults = [invalid("metadata.name", name, one) for one in name_faults(name)] + list(metadata_faults(metadata))
    if faults:
        raise WorkflowInvalid(f'{kind}.argoproj.io "{name}" is invalid: {aggregated(faults)}')


def _gather(lookup: Lookup, templates: Iterable[Json], found: Json) -> None:
    """Collects every template of another object that is named, by `scope/name/template`, with all that those name."""
    for template in templates:
        for step in uses_of(template):
            if step.get("inline"):
                _gather(lookup, [{"name": "", **step["inline"]}], found)
            reference = step.get("templateRef")
            if not reference or "{{" in str(reference):
                continue
            place = f"{'cluster' if reference.get('clusterScope') else 'namespaced'}/{reference['name']}"
            document = lookup(reference["name"], bool(reference.get("clusterScope"))) or {}
            fresh = [one for one in templates_of(document.get("spec") or {}) if f"{place}/{one['name']}" not in found]
            found |= {f"{place}/{one['name']}": one for one in fresh}
            _gather(lookup, fresh, found)


def with_parameters(arguments: Json | None, parameters: Iterable[str]) -> Json:
    """Arguments with `name=value` texts put first, over those of the same name. Raises `WorkflowInvalid`."""
    given = []
    for text in parameters:
        name, equals, value = text.partition("=")
        if not equals:
            raise WorkflowInvalid(f"expected parameter of the form: NAME=VALUE. Received: {text}")
        given.append({"name": name, "value": value})
    return merged_arguments(arguments, {"parameters": given}) if given else arguments or {}


def put_parameters(workflow: Workflow, parameters: Iterable[str]) -> None:
    """Puts `name=value` texts over a workflow's own arguments. Raises `WorkflowInvalid`."""
    if wanted := list(parameters):
        for spec in (workflow.document["spec"], workflow.spec):
            spec["arguments"] = with_parameters(spec.get("arguments"), wanted)


def check(store: Store, namespace: str, document: Json, lint: bool = False) -> None:
    """Refuses a workflow that Argo, or this server, refuses. With `lint`, arguments may be without a value.

    Raises:
        WorkflowInvalid: the text says where and why.
    """
    read_fields("Workflow", document, "workflow.")
    lookup = lookup_in(store, namespace)
    try:
        check_workflow(lookup, document, lint=lint)
    except RecursionError:
        raise WorkflowInvalid(
            "templates are nested deeper than can be checked; call fewer of them from each other"
        ) from None
    spec = document.get("spec") or {}
    wanted = str(((document.get("metadata") or {}).get("annotations") or {}).get(CLUSTER) or "")

    def cluster() -> str:
        return cluster_for(namespace, wanted)

    check_supported(_whole_spec(lookup, spec), cluster)
    found: Json = {}
    _gather(lookup, templates_of(_whole_spec(lookup, spec)), found)
    check_supported({"templates": list(found.values())}, cluster)


def _whole_spec(lookup: Lookup, spec: Json) -> Json:
    """The spec with that of the template it refers to, as it runs."""
    reference = spec.get("workflowTemplateRef")
    if not reference:
        return spec
    base = deepcopy((lookup(reference["name"], bool(reference.get("clusterScope"))) or {}).get("spec") or {})
    own = {key: value for key, value in spec.items() if key != "workflowTemplateRef" and value not in (None, [], {})}
    return {**base, **own, "arguments": merged_arguments(base.get("arguments"), spec.get("arguments"))}


def take_in(store: Store, namespace: str, document: Json, owner: str) -> Workflow:
    """A workflow ready to run, from what a client sent; `status.nodes` of a memoized one are kept.

    Raises:
        WorkflowInvalid: it cannot run; the text says where and why.
    """
    check(store, namespace, document)
    made = deepcopy(document)
    metadata = made.get("metadata") or {}
    if metadata.get("namespace") not in (None, "", namespace):
        raise WorkflowInvalid("the namespace of the provided object does not match the namespace sent on the request")
    name_it("Workflow", metadata)
    metadata |= {"namespace": namespace, "uid": str(uuid.uuid4()), "creationTimestamp": stamp(now()), "generation": 1}
    own = {"phase": "Running", "completed": "false"}
    metadata["labels"] = {**(metadata.get("labels") or {}), OWNER: owner} | {
        f"workflows.argoproj.io/{key}": value for key, value in own.items()
    }
    lookup, spec, status = lookup_in(store, namespace), made.get("spec") or {}, {"phase": "", "progress": "0/0"}
    workflow = Workflow(
        {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": metadata, "spec": spec, "status": status}
    )
    if spec.get("workflowTemplateRef"):
        workflow.status["storedWorkflowTemplateSpec"] = _whole_spec(lookup, spec)
    found: Json = {}
    _gather(lookup, templates_of(workflow.spec), found)
    if found:
        workflow.status["storedTemplates"] = found
    workflow.nodes = (made.get("status") or {}).get("nodes") or {}
    workflow.dirty |= set(workflow.nodes)
    estimate(store, workflow)
    return workflow
