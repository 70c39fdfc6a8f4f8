"""Steps templates: groups one after another, the steps of a group side by side."""

from collections import deque
from typing import TYPE_CHECKING

from workflows.engine.expressions import ExpressionInvalid, Value
from workflows.engine.machine.arguments import ArgumentsInvalid, loop_names, result_names
from workflows.engine.machine.calls import Call, CallFailed, Job
from workflows.engine.machine.hooks import has_hooks, run_hooks
from workflows.engine.machine.limits import failed_fast
from workflows.engine.machine.loops import LoopInvalid, expand
from workflows.engine.machine.memory import Names
from workflows.engine.machine.uses import Around, Bunch, Use, continues, resolved_step
from workflows.engine.state import BAD, ERROR, FAILED, FULFILLED, SKIPPED, SUCCEEDED, Json, has_ended

if TYPE_CHECKING:
    from workflows.engine.machine.core import Machine


class Steps:
    """One steps node in progress: the group at which it is, and what the groups before gave."""

    def __init__(self, machine: "Machine", job: Job, node: Json | None) -> None:
        self.job = job
        if node is None:
            node = machine.graph.make(job.call, "Steps", inputs=job.inputs, template=job.template.get("name"))
        self.id, self.name = node["id"], node["name"]
        self.groups = [group if isinstance(group, list) else [group] for group in job.template["steps"]]
        self.around = Around(self.id, job.scope, job.call.depth, job.call.exiting, "steps")
        self.known: dict[str, Value] = {}
        self.number = 0
        self.bunch: Bunch | None = None
        self.names = Names(self.known, job.names)

    def advance(self, machine: "Machine") -> None:
        """Goes from group to group until one is not done. Raises `CallFailed`."""
        if failed_fast(machine, machine.wf.nodes[self.id], self.job.template):
            return
        while self.number < len(self.groups):
            group = self._group_node(machine)
            if group["phase"] not in FULFILLED:
                self._go_on(machine, group)
            if group["phase"] not in FULFILLED:
                return
            if group["phase"] in BAD:
                self._ended(machine, FAILED, str(group.get("message", "")))
                return
            try:
                self._remember(machine, group)
            except ArgumentsInvalid as error:
                machine.fail(machine.wf.nodes[self.id], self.job, error)
            self.number, self.bunch = self.number + 1, None
        machine.memory.always.discard(self.id)
        machine.succeed(machine.wf.nodes[self.id], self.job, self.names, self._last(machine))

    def _group_node(self, machine: "Machine") -> Json:
        name = f"{self.name}[{self.number}]"
        node = machine.wf.node(name)
        if node is None:
            node = machine.graph.make(Call({}, {}, name, self.id, self.around.scope, self.id), "StepGroup")
        machine.memory.parents[node["id"]] = self.id
        root = machine.wf.nodes[self.id]
        if self.number == 0:
            machine.graph.link(root, node)
            return node
        before = machine.wf.node(f"{self.name}[{self.number - 1}]") or root
        children = [machine.wf.nodes[one] for one in before.get("children") or []]
        machine.graph.link_after(before, [one for one in children if one["id"] != node["id"]], node)
        return node

    def _go_on(self, machine: "Machine", group: Json) -> None:
        try:
            if self.bunch is None:
                self.bunch = self._opened(machine, group)
            done = self.bunch.advance(machine)
        except CallFailed as error:
            self._failed(machine, group, error)
            if error.kind == "exit" and self.id == machine.wf.name:
                raise  # Argo takes what its exit handler's error leaves for the end of the whole workflow
            return
        except (ArgumentsInvalid, ExpressionInvalid, LoopInvalid) as error:
            machine.graph.end(group, ERROR, str(error))
            return
        self._watch(machine)
        if done and group["phase"] not in FULFILLED:
            self._judge(machine, group)

    def _watch(self, machine: "Machine") -> None:
        """Has this node looked at in every move while steps wait for room or conditions of hooks may come true."""
        waits = self.bunch is not None and (
            self.bunch.todo or any(has_hooks(use.step) for use in self.bunch.open.values())
        )
        (machine.memory.always.add if waits else machine.memory.always.discard)(self.id)

    @staticmethod
    def _failed(machine: "Machine", group: Json, error: CallFailed) -> None:
        if error.kind == "exit":
            machine.graph.end(group, ERROR, str(error))
            return
        if error.node is not None and error.node["id"] != group["id"]:
            machine.graph.link(group, error.node)
        if error.kind == "timeout":
            machine.graph.end(group, FAILED, str(error))
        elif error.kind == "when" or error.node is None:
            machine.graph.end(group, ERROR, str(error))
        else:
            told = f"step group deemed errored due to child {error.node['name']} error: {error}"
            machine.graph.end(group, ERROR, told)

    def _opened(self, machine: "Machine", group: Json) -> Bunch:
        """The group's uses, expanded. Raises what `resolved_step` and `expand` raise."""
        uses: list[Use] = []
        steps = []
        for step in self.groups[self.number]:
            try:
                steps.append(resolved_step(step, self.names))
            except (ArgumentsInvalid, ExpressionInvalid) as error:
                told = f"unable to resolve references: {error}" if isinstance(error, ArgumentsInvalid) else str(error)
                raise ArgumentsInvalid(f"Failed to resolve references: {told}") from error
        for step in steps:
            prefix = f"{group['name']}.{step['name']}"
            expanded = expand(step)
            if expanded is None:
                uses.append(Use(step, prefix))
                continue
            if not expanded:
                self._empty(machine, group, step, prefix)
            uses += [Use(one, f"{prefix}{tail}") for tail, one in expanded]
        return Bunch(
            self.around, deque(uses), settled=self._settled, linked=lambda one, node: one.graph.link(group, node)
        )

    def _empty(self, machine: "Machine", group: Json, step: Json, name: str) -> None:
        node = machine.wf.node(name) or machine.graph.make(
            Call(step, {}, name, self.id, self.around.scope, self.id), "Skipped", SKIPPED, "Skipped, empty params"
        )
        machine.graph.link(group, node)

    def _settled(self, machine: "Machine", use: Use, node: Json) -> bool:
        if not has_hooks(use.step) or node["type"] == "Skipped":
            return True
        known: dict[str, Value] = {}
        for other in machine.wf.nodes[f"{self._group_id(machine)}"].get("children") or []:
            child = machine.wf.nodes[other]
            known[f"steps.{child['displayName']}.status"] = child["phase"]
        return run_hooks(machine, use.step, node, self.around.place(use.step["name"]), Names(known, self.names))

    def _group_id(self, machine: "Machine") -> str:
        node = machine.wf.node(f"{self.name}[{self.number}]")
        return "" if node is None else str(node["id"])

    def _judge(self, machine: "Machine", group: Json) -> None:
        """Ends a group whose steps have all ended."""
        steps = {step["name"]: step for step in self.groups[self.number]}
        for identifier in group.get("children") or []:
            child = machine.wf.nodes[identifier]
            step = steps.get(self._step_name(group, child), {})
            if child["phase"] in BAD and not continues(step, child["phase"]):
                machine.graph.end(group, FAILED, f"child '{identifier}' failed")
                return
        machine.graph.end(group, SUCCEEDED)

    @staticmethod
    def _step_name(group: Json, child: Json) -> str:
        return str(child["name"].removeprefix(f"{group['name']}.").split("(")[0])

    def _ended(self, machine: "Machine", phase: str, message: str) -> None:
        node = machine.wf.nodes[self.id]
        machine.graph.set_outbound(node, self._last(machine))
        machine.finish(node, self.job, phase, message)

    def _last(self, machine: "Machine") -> list[Json]:
        """The nodes of the last group that there is."""
        for number in range(len(self.groups) - 1, -1, -1):
            if group := machine.wf.node(f"{self.name}[{number}]"):
                return [
                    machine.wf.nodes[one]
                    for one in group.get("children") or []
                    if machine.wf.nodes[one]["type"] != "StepGroup"
                ]
        return []

    def _remember(self, machine: "Machine", group: Json) -> None:
        """Adds what the group's steps gave to what later ones know."""
        children = [machine.wf.nodes[one] for one in group.get("children") or []]
        for step in self.groups[self.number]:
            name, start = f"{group['name']}.{step['name']}", f"steps.{step['name']}"
            if node := machine.wf.node(name):  # also a loop over nothing
                self.known |= result_names(start, machine.last_try(node))
            else:
                found = [child for child in children if child["name"].startswith(f"{name}(")]
                self.known |= loop_names(start, [one for one in found if one["type"] != "Skipped" and has_ended(one)])
        machine.note_steps(children)
