"""Suspend templates: they wait for a person, a time, or both."""

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from workflows.engine.machine.calls import CallFailed, Job
from workflows.engine.state import ERROR, RUNNING, SUCCEEDED, Json, quantity_seconds

if TYPE_CHECKING:
    from workflows.engine.machine.core import Machine


class Suspend:
    """One suspended node."""

    def __init__(self, machine: "Machine", job: Job, node: Json | None) -> None:
        self.duration = (job.template.get("suspend") or {}).get("duration")
        if node is None:
            node = machine.graph.make(
                job.call, "Suspend", RUNNING, inputs=_with_choices(job.inputs), template=job.template.get("name")
            )
            wanted = (job.template.get("outputs") or {}).get("parameters") or []
            supplied = [dict(one) for one in wanted if "supplied" in (one.get("valueFrom") or {})]
            if supplied:
                node["outputs"] = {"parameters": supplied}
        elif node["phase"] != RUNNING:
            machine.graph.change(node, phase=RUNNING, message=None)
        self.id = node["id"]

    def advance(self, machine: "Machine") -> None:
        """Ends it once its time is over. Raises `CallFailed`."""
        node = machine.wf.nodes[self.id]
        if not self.duration:
            return
        try:
            seconds = quantity_seconds(self.duration)
        except ValueError as error:
            raise CallFailed(str(error), machine.graph.end(node, ERROR, str(error))) from error
        ends = datetime.fromisoformat(node["startedAt"]) + timedelta(seconds=seconds)
        if machine.now < ends:
            machine.memory.wake(ends, self.id)
            return
        try:
            machine.graph.end(node, SUCCEEDED, outputs=_defaulted(node))
        except ValueError as error:
            raise CallFailed(str(error), machine.graph.end(node, ERROR, str(error))) from error


def _defaulted(node: Json) -> Json | None:
    """The outputs that nobody supplied, with their defaults. Raises ValueError."""
    parameters = []
    for one in (node.get("outputs") or {}).get("parameters") or []:
        default = (one.get("valueFrom") or {}).get("default")
        if one.get("value") is None and default is None:
            raise ValueError(f"raw output parameter '{one['name']}' has not been set and does not have a default value")
        parameters.append(
            {**{key: value for key, value in one.items() if key != "valueFrom"}, "value": one.get("value", default)}
        )
    return {**node["outputs"], "parameters": parameters} if parameters else None


def _with_choices(inputs: Json) -> Json:
    """Inputs whose value is a JSON object with `enum` offer that choice."""
    parameters = [_choice(one) for one in inputs.get("parameters") or []]
    return {**inputs, "parameters": parameters} if parameters else inputs


def _choice(one: Json) -> Json:
    try:
        offered = json.loads(str(one.get("value")))
    except ValueError:
        return one
    enum = offered.get("enum") if isinstance(offered, dict) else None
    if not enum:
        return one
    return {**one, "enum": enum, **({} if one.get("default") is not None else {"default": str(enum[0])})}
