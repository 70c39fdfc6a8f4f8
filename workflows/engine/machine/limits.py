"""Parallelism and failFast: whether there is room for one more node."""

from typing import TYPE_CHECKING

from workflows.engine.machine.calls import Call
from workflows.engine.state import FAILED, Json

if TYPE_CHECKING:
    from workflows.engine.machine.core import Machine

FAIL_FAST = "template has failed or errored children and failFast enabled"


def is_full(machine: "Machine") -> bool:
    """Whether as many pods run as the whole workflow may have."""
    limit = machine.wf.spec.get("parallelism")
    return limit is not None and machine.memory.active_pods >= int(limit)


def no_room(machine: "Machine", call: Call) -> bool:
    """Whether parallelism of the workflow or of the template around forbids one more node."""
    if is_full(machine):
        return True
    boundary = call.boundary or ""
    around = machine.templates.around(call.boundary)
    if around is None:
        return False
    if around.get("failFast") is True and machine.memory.bad_in[boundary]:
        return True
    inner = around.get("parallelism")
    return bool(inner) and machine.memory.children_in[boundary] >= int(str(inner))


def failed_fast(machine: "Machine", node: Json, template: Json) -> bool:
    """Whether a steps or dag node with failFast stands still because of a failed child; ends it once nothing runs in it."""
    identifier = node["id"]
    if template.get("failFast") is not True or not machine.memory.bad_in[identifier]:
        return False
    if machine.memory.pods_in[identifier]:
        return True
    if group := _last_group(machine, node, template):
        machine.graph.end(group, FAILED, FAIL_FAST)
    machine.graph.end(node, FAILED, FAIL_FAST)
    return True


def _last_group(machine: "Machine", node: Json, template: Json) -> Json | None:
    """The group at which a steps node is; None for a dag."""
    for number in range(len(template.get("steps") or []) - 1, -1, -1):
        if group := machine.wf.node(f"{node['name']}[{number}]"):
            return group
    return None
