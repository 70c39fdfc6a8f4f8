"""The state machine: from what is, and what happened, to what comes next. No I/O, no clock of its own.

`advance` may be called at any time and any number of times: it brings every node that can go on forward and says what the runner
must do. Node names, types, messages and links are those of Argo's controller.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from workflows.engine.expressions import ExpressionInvalid, Value
from workflows.engine.machine.arguments import ArgumentsInvalid, filled_inputs, input_names, output_values
from workflows.engine.machine.calls import Call, Effects
from workflows.engine.machine.dag import Dag
from workflows.engine.machine.ending import Ending
from workflows.engine.machine.globals import global_names, note_globals
from workflows.engine.machine.graph import Graph
from workflows.engine.machine.pods import Pods
from workflows.engine.machine.retries import Retries
from workflows.engine.machine.steps import Steps
from workflows.engine.machine.templates import Templates
from workflows.engine.machine.uses import Uses
from workflows.engine.state import (
    ERROR,
    FULFILLED,
    RUNNING,
    SUCCEEDED,
    Json,
    Workflow,
    node_id,
    pod_name,
    quantity_seconds,
    stamp,
)  # fmt: skip
from workflows.engine.templating import fill

LEAVES = ("container", "script")
DEEPEST = 100
RESULT = re.compile(r"(?:steps|tasks)(?:\.([\w-]+)|\[\W*([\w-]+)\W*\])\.outputs\.result")


class Machine:
    """Advances one workflow at one moment."""

    def __init__(self, workflow: Workflow, moment: datetime) -> None:
        self.wf, self.now = workflow, moment
        self.effects = Effects()
        self.graph = Graph(workflow)
        self.names = global_names(workflow)
        self.wanted: dict[str, set[str]] = {}
        self.templates, self.uses, self.ending = Templates(workflow), Uses(self), Ending(self)
        self.pods, self.retries, self.steps = Pods(self), Retries(self), Steps(self)

    def advance(self) -> Effects:
        """Moves everything on that can move; changes the workflow's nodes and status."""
        if self.wf.done:
            return self.effects
        if not self.wf.status.get("startedAt"):
            self.wf.status.update(phase=RUNNING, startedAt=stamp(self.now))
        spec = self.wf.spec
        if spec.get("suspend") and not spec.get("shutdown"):
            self.ending.count()
            return self.effects
        root = self.call(
            Call(
                {"template": spec["entrypoint"]},
                spec.get("arguments") or {},
                self.wf.name,
                self.wf.name,
                None,
                "local/" + self.wf.name,
            )
        )
        self.ending.deadline(spec)
        if root and root["phase"] in FULFILLED:
            self.ending.exit(root, spec)
        self.ending.count()
        return self.effects

    def call(self, call: Call) -> Json | None:
        """Brings one node forward, making it if needed; None where it may not start yet (parallelism, shutdown)."""
        node = self.wf.node(call.name)
        if node and (node["phase"] in FULFILLED or node["type"] == "Pod"):
            return node
        try:
            if call.depth > DEEPEST:
                raise ArgumentsInvalid("Maximum recursion depth exceeded")
            template, scope = self.templates.find(call.reference, call.scope)
            names = {
                **self.names,
                **call.extra,
                "node.name": call.name,
                "pod.name": pod_name(self.wf.name, template["name"], call.name),
            }
            inputs = filled_inputs(template, call.arguments, names)
        except (ArgumentsInvalid, ExpressionInvalid, KeyError) as error:
            made = node or self.make(call, "Skipped", call.reference.get("template", ""), None)
            return self.end(made, ERROR, error.args[0] if error.args else str(error))
        names = {**names, **input_names(inputs)}
        if template.get("retryStrategy") is not None and not call.extra.get("retried"):
            return self.retries.advance(call, template, inputs, names)
        return self._run(call, template, scope, inputs, names)

    def _run(self, call: Call, template: Json, scope: str, inputs: Json, names: Mapping[str, Value]) -> Json | None:
        inner = {key: value for key, value in template.items() if key not in ("inputs", "retryStrategy")}
        filled = fill(inner, names)
        kind = next((key for key in (*LEAVES, "steps", "dag", "suspend") if key in filled), None)
        if kind in LEAVES:
            return self.pods.start(call, filled, inputs)
        node = self.wf.node(call.name) or self.make(
            call, {"steps": "Steps", "dag": "DAG", "suspend": "Suspend"}[str(kind)], template["name"], inputs, scope
        )
        if kind == "suspend":
            return self._suspend(node, filled["suspend"] or {})
        if kind == "steps":
            self.steps.advance(call, node, filled, scope, names)
        else:
            Dag(self, call, node, filled, scope, names).advance()
        return node

    def make(
        self, call: Call, kind: str, template: str, inputs: Json | None, scope: str = "", phase: str = RUNNING
    ) -> Json:
        """Adds a node to the tree."""
        node: Json = {
            "id": node_id(self.wf.name, call.name), "name": call.name, "displayName": call.display, "type": kind,
            "phase": phase, "startedAt": stamp(self.now), "finishedAt": None, "templateScope": scope or call.scope, "progress": "0/1",
        }  # fmt: skip
        if template:
            node["templateName"] = template
        if reference := call.reference.get("templateRef"):
            node["templateRef"] = reference
            node.pop("templateName", None)
        if call.boundary:
            node["boundaryID"] = call.boundary
        if inputs:
            node["inputs"] = inputs
        self.wf.nodes[node["id"]] = node
        self.wf.touch(node)
        return node

    def end(self, node: Json, phase: str, message: str = "", outputs: Json | None = None) -> Json:
        """Ends a node now."""
        node.update(phase=phase, finishedAt=stamp(self.now))
        if message:
            node["message"] = message
        if outputs:
            node["outputs"] = outputs
        self.wf.touch(node)
        return node

    def _suspend(self, node: Json, suspend: Json) -> Json:
        if duration := suspend.get("duration"):
            ends = datetime.fromisoformat(node["startedAt"]) + timedelta(seconds=quantity_seconds(duration))
            if self.now >= ends:
                return self.end(node, SUCCEEDED)
            self.effects.wake_at.append(ends)
        return node

    def succeed(self, node: Json, template: Json, names: Mapping[str, Value]) -> None:
        """Ends a steps or dag node well, with its outputs taken from `names`."""
        try:
            outputs = output_values(template.get("outputs") or {}, names)
        except (ArgumentsInvalid, ExpressionInvalid) as error:
            self.end(node, ERROR, str(error))
            return
        note_globals(self.wf, self.names, outputs)
        self.end(node, SUCCEEDED, "", outputs)


def advance(workflow: Workflow, moment: datetime) -> Effects:
    """Moves `workflow` on as far as it can go at `moment`; see `Machine`."""
    return Machine(workflow, moment).advance()


def finish_pod(workflow: Workflow, identifier: str, phase: str, message: str, outputs: Json, moment: datetime) -> None:
    """Notes that the pod of a node came to its end; outputs as Argo has them (parameters, artifacts, result, exitCode)."""
    node = workflow.nodes[identifier]
    if node["phase"] in FULFILLED:
        return
    machine = Machine(workflow, moment)
    node["progress"] = "1/1"
    note_globals(workflow, machine.names, outputs)
    machine.end(node, phase, message, outputs)
    workflow.work.pop(identifier, None)
