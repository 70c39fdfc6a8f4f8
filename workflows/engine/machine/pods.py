"""Pods: what a container or script asks the runner to start."""

import json
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from workflows.engine.labels import aggregated, invalid, name_faults
from workflows.engine.machine.calls import Call, CallFailed, Job
from workflows.engine.machine.patches import patched, volume_not_there
from workflows.engine.machine.repositories import store_of
from workflows.engine.machine.templates import NODE_TYPES, REQUESTS, kind_of
from workflows.engine.state import ERROR, FAILED, PENDING, Json, pod_name, quantity_seconds, stamp
from workflows.engine.templating import fill

if TYPE_CHECKING:
    from workflows.engine.machine.core import Machine

RESULT = re.compile(r"(?:steps|tasks)(?:\.([\w-]+)|\[\W*([\w-]+)\W*\])\.outputs\.result")
LOOP_TAIL = re.compile(r"(\([^()]*\)|\[[^\[\]]*\])+$")


def start_pod(machine: "Machine", job: Job, node: Json | None) -> Json:
    """Makes the pod's node and asks for its start. Raises `CallFailed`."""
    call, template = job.call, job.template
    if node is None:
        kind = NODE_TYPES.get(kind_of(template), "Pod")
        node = machine.graph.make(call, kind, PENDING, inputs=job.inputs, template=template.get("name"))
        if memoize := template.get("memoize"):
            node["memoizationStatus"] = {
                "hit": False,
                "key": memoize["key"],
                "cacheName": memoize["cache"]["configMap"]["name"],
            }
    shutdown = machine.wf.spec.get("shutdown")
    if shutdown and not (shutdown == "Stop" and call.exiting):
        return machine.graph.end(node, FAILED, f"workflow shutdown with strategy: {shutdown}")
    name = pod_name(machine.wf.name, template.get("name", ""), call.name)
    try:
        work = _pod(machine, job, name)
    except ValueError as error:
        raise CallFailed(str(error), machine.graph.end(node, ERROR, str(error))) from error
    machine.wf.work[node["id"]] = {
        **_stored(machine, job, {**work, "inputs": job.inputs}, name),
        "pod": name,
        "node": node["id"],
        "wantsResult": _wants_result(machine, call),
        "exiting": call.exiting,
        **_deadline(machine, job, node),
    }
    _containers(machine, job, node)
    machine.wf.touch(node)
    machine.effects.start.append(node["id"])
    return node


def _pod(machine: "Machine", job: Job, name: str) -> Json:
    """The template as the pod of this name carries it out. Raises `ValueError` where Kubernetes would not take it, in Argo's words."""
    spec = machine.wf.spec
    volumes = [*(spec.get("volumes") or []), *(one["metadata"] for one in spec.get("volumeClaimTemplates") or [])]
    if missing := volume_not_there(job.template, volumes):
        raise ValueError(f"volume '{missing}' not found in workflow spec")
    template = fill(job.template, {"pod.name": name})
    patches = [fill(str(spec.get("podSpecPatch") or ""), {**job.names, "pod.name": name}), template.get("podSpecPatch")]
    template = patched(template, [one for one in patches if one])
    if faults := name_faults(name):
        raise ValueError(
            f'Pod "{name}" is invalid: {aggregated([invalid("metadata.name", name, one) for one in faults])}'
        )
    return template


def _stored(machine: "Machine", job: Job, work: Json, pod: str) -> Json:
    """The pod's work where the workflow has a repository: what names no place of its own lies there."""
    store = store_of(machine.wf.status, job.names, pod)
    if store is None:
        return work
    location = work.get("archiveLocation") or {}
    own = location.get("s3") or {}
    found = {**work, "archiveLocation": {**location, "s3": own if own.get("endpoint") else {**store, **own}}}
    inputs = [_of_store(one, store, machine.wf.namespace) for one in job.inputs.get("artifacts") or []]
    if inputs:
        found["inputs"] = {**job.inputs, "artifacts": inputs}
    if source := (((work.get("data") or {}).get("source") or {}).get("artifactPaths") or {}):
        paths = _of_store(source, store, machine.wf.namespace)
        found["data"] = {**work["data"], "source": {**work["data"]["source"], "artifactPaths": paths}}
    return found


def _of_store(artifact: Json, store: Json, project: str) -> Json:
    """An artifact that has a key alone, as one of the repository; a key below the project's name is one of its own store (a log)."""
    own = artifact.get("s3") or {}
    if not own.get("key") or own.get("bucket") or own.get("endpoint") or str(own["key"]).startswith(f"{project}/"):
        return artifact
    return {**artifact, "s3": {**store, **own}}


def _deadline(machine: "Machine", job: Job, node: Json) -> Json:
    """`endsAt`, the moment until which the pod may be active because of the template's timeout. Raises `CallFailed`."""
    timeout = job.template.get("timeout")
    if not timeout:
        return {}
    try:
        ends = datetime.fromisoformat(node["startedAt"]) + timedelta(seconds=quantity_seconds(timeout))
    except ValueError as error:
        raise CallFailed(f"invalid timeout format. {str(error).partition(': ')[2]}", node) from error
    if kind_of(job.template) in REQUESTS:  # the controller itself sees to it, since nothing of a pod could
        machine.memory.wake(ends + timedelta(seconds=1), node["id"])
        return {"timeout": None, "timesOutAt": stamp(ends)}
    return {"endsAt": stamp(ends)}


def _containers(machine: "Machine", job: Job, pod: Json) -> None:
    """The nodes of a containerSet's containers, linked by what they depend on."""
    containers = (job.template.get("containerSet") or {}).get("containers") or []
    call = job.call
    made = {}
    for one in containers:
        inner = Call(call.reference, {}, f"{call.name}.{one['name']}", pod["id"], call.scope, pod["id"], flag=call.flag)
        made[one["name"]] = machine.graph.make(inner, "Container", PENDING, template=job.template.get("name"))
    for one in containers:
        for need in one.get("dependencies") or [None]:
            machine.graph.link(made[need] if need else pod, made[one["name"]])


def _wants_result(machine: "Machine", call: Call) -> bool:
    """Whether the template around reads this step's standard output; Argo keeps it only then."""
    if call.boundary is None:
        return False
    around = machine.templates.around(call.boundary)
    if around is None:
        return True
    if call.boundary not in machine.memory.wanted:
        found = RESULT.findall(json.dumps(around))
        machine.memory.wanted[call.boundary] = {plain or quoted for plain, quoted in found}
    return LOOP_TAIL.sub("", call.name).rsplit(".", 1)[-1] in machine.memory.wanted[call.boundary]
