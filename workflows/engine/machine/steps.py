"""Steps templates: groups one after another, the steps of a group side by side."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from workflows.engine.expressions import ExpressionInvalid, Value
from workflows.engine.machine.arguments import ArgumentsInvalid, result_names
from workflows.engine.machine.calls import Call
from workflows.engine.state import BAD, ERROR, FAILED, FULFILLED, SUCCEEDED, Json

if TYPE_CHECKING:
    from workflows.engine.machine.core import Machine


class Steps:
    """Brings steps templates forward."""

    def __init__(self, machine: "Machine") -> None:
        self.machine = machine

    def advance(self, call: Call, node: Json, template: Json, scope: str, names: Mapping[str, Value]) -> None:
        """Brings each group forward until one is not done."""
        known: dict[str, Value] = {}
        previous: Json | None = None
        for number, group in enumerate(template["steps"]):
            name = f"{call.name}[{number}]"
            made = self.machine.wf.node(name)
            if made is None:
                made = self.machine.make(
                    Call({}, {}, name, f"[{number}]", node["id"], scope), "StepGroup", "", None, scope
                )
                self.machine.graph.link_after(node, [previous] if previous else [], made)
            if made["phase"] not in FULFILLED:
                self._group(call, node, made, group, scope, {**names, **known})
            if made["phase"] not in FULFILLED:
                return
            if made["phase"] in BAD:
                self.machine.end(node, FAILED, made.get("message", ""))
                return
            for step in group:
                known |= result_names("steps", step["name"], self.machine.uses.results(f"{name}.{step['name']}", step))
            previous = made
        self.machine.succeed(node, template, {**names, **known})

    def _group(
        self, call: Call, node: Json, group_node: Json, group: list[Json], scope: str, names: Mapping[str, Value]
    ) -> None:
        waiting, failed = False, None
        for step in group:
            try:
                children = list(self.machine.uses.expanded(call, node, step, f"{group_node['name']}.", scope, names))
            except (ExpressionInvalid, ArgumentsInvalid, ValueError) as error:
                self.machine.end(group_node, ERROR, str(error))
                return
            for child in children:
                if child is None:
                    waiting = True
                    continue
                self.machine.graph.link(group_node, child)
                waiting = waiting or child["phase"] not in FULFILLED
                if child["phase"] in BAD and not self.machine.uses.continues(step, child):
                    failed = child
        if waiting:
            return
        if failed:
            self.machine.end(group_node, FAILED, f"child '{failed['id']}' failed")
        else:
            self.machine.end(group_node, SUCCEEDED)
