"""Suspended workflows and nodes: paused, resumed, given an answer."""

from dataclasses import dataclass, field

from atrium.clock import now
from workflows.engine.control.errors import NotPossible
from workflows.engine.selectors import SelectorInvalid, Term, parse_fields
from workflows.engine.state import FULFILLED, RUNNING, Json, Workflow, stamp

WAITED = "timed out waiting for the condition: "


@dataclass(frozen=True)
class Change:
    """What is set on suspended nodes; empty parts stay as they are."""

    phase: str = ""
    message: str = ""
    outputs: dict[str, str] = field(default_factory=dict)


def suspend(workflow: Workflow) -> None:
    """Starts no further step until it is resumed. Raises `NotPossible`."""
    if workflow.done:
        raise NotPossible(f"{WAITED}cannot suspend completed workflows", broken=True)
    workflow.spec["suspend"] = True


def resume(workflow: Workflow, selector: str, who: str) -> None:
    """Ends suspended nodes well: all, or those that `selector` names. Raises `NotPossible`."""
    message = f"Resumed by: map[User:{who}]"
    if selector:
        set_nodes(workflow, selector, Change("Succeeded", message))
        return
    waiting = [node for node in workflow.nodes.values() if _waits(node)]
    for node in waiting:
        for one in _supplied(node):
            if one["valueFrom"].get("default") is None:
                raise NotPossible(
                    f"{WAITED}raw output parameter '{one['name']}' has not been set and does not have a default value",
                    True,
                )
    workflow.spec.pop("suspend", None)
    for node in waiting:
        for one in _supplied(node):
            one["value"] = one.pop("valueFrom")["default"]
        said = f"{node['message']}; {message}" if node.get("message") else message
        node.update(phase="Succeeded", message=said, finishedAt=stamp(now()))
        workflow.touch(node)


def set_nodes(workflow: Workflow, selector: str, change: Change) -> None:
    """Sets phase, message and outputs of the suspended nodes that `selector` names. Raises `NotPossible`."""
    if not selector:
        raise NotPossible("'set' currently only targets suspend nodes, use a node field selector to target them", True)
    terms = node_terms(selector)
    found = [node for node in workflow.nodes.values() if _waits(node) and fits_node(terms, node)]
    if not found or not (change.phase or change.message or change.outputs):
        raise NotPossible(
            f"currently, set only targets suspend nodes: no suspend nodes matching nodeFieldSelector: {selector}", True
        )
    for node in found:
        supply(workflow, node, change.outputs)
        if change.phase:
            node["phase"] = change.phase
            if change.phase in FULFILLED:
                node["finishedAt"] = stamp(now())
        if change.message:
            node["message"] = change.message
        workflow.touch(node)


def supply(workflow: Workflow, node: Json, values: dict[str, str]) -> None:
    """Gives a suspended node the outputs that it waits for. Raises `NotPossible`."""
    outputs = node.get("outputs")
    if values and outputs is None:
        raise NotPossible("cannot set output parameters because node is not expecting any raw parameters", True)
    known = {one["name"]: one for one in (outputs or {}).get("parameters") or []}
    for name in values:
        if name not in known:
            raise NotPossible(f"node is not expecting output parameter '{name}'", True)
        if "supplied" not in (known[name].get("valueFrom") or {}):
            raise NotPossible(
                f"cannot set output parameter '{name}' because it does not use valueFrom.raw or it was already set",
                True,
            )
    for name, value in values.items():
        known[name].pop("valueFrom")
        known[name]["value"] = value
        if shared := known[name].get("globalName"):
            everywhere = workflow.status.setdefault("outputs", {}).setdefault("parameters", [])
            everywhere[:] = [one for one in everywhere if one["name"] != shared] + [{"name": shared, "value": value}]


def _waits(node: Json) -> bool:
    return bool(node["type"] == "Suspend" and node["phase"] == RUNNING)


def _supplied(node: Json) -> list[Json]:
    outputs = (node.get("outputs") or {}).get("parameters") or []
    return [one for one in outputs if "supplied" in (one.get("valueFrom") or {})]


def node_terms(selector: str) -> list[Term]:
    """Terms of a node field selector. Raises `NotPossible`."""
    try:
        return parse_fields(selector)
    except SelectorInvalid as error:
        raise NotPossible(str(error), True) from error


def fits_node(terms: list[Term], node: Json) -> bool:
    """Whether a node meets every term: displayName, name, id, phase, templateName, templateRef.…, inputs.parameters.….value."""
    reference = node.get("templateRef") or {}
    known = {key: str(node.get(key) or "") for key in ("displayName", "name", "id", "phase")}
    known["templateName"] = str(reference.get("template") or node.get("templateName") or "")
    if reference:
        known |= {f"templateRef.{key}": str(reference.get(key) or "") for key in ("name", "template")}
    for one in (node.get("inputs") or {}).get("parameters") or []:
        known[f"inputs.parameters.{one['name']}.value"] = str(one.get("value") or "")
    return all(term.fits(known.get(term.key, "")) for term in terms)
