"""DAG templates: which task may start, and how the whole ends."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from workflows.engine.expressions import ExpressionInvalid, Value, evaluate
from workflows.engine.machine.arguments import ArgumentsInvalid, result_names
from workflows.engine.machine.calls import Call
from workflows.engine.state import BAD, ERROR, FAILED, FULFILLED, OMITTED, SKIPPED, SUCCEEDED, Json

if TYPE_CHECKING:
    from workflows.engine.machine.core import Machine

TASK = re.compile(
    r"[A-Za-z0-9_][A-Za-z0-9_-]*(?:\.(?:Succeeded|Failed|Errored|Skipped|Omitted|Daemoned|AnySucceeded|AllFailed))?"
)
STATES = ("Succeeded", "Failed", "Errored", "Skipped", "Omitted", "Daemoned", "AnySucceeded", "AllFailed")


class Dag:
    """One dag node at one moment."""

    def __init__(
        self, machine: "Machine", call: "Call", node: Json, template: Json, scope: str, names: Mapping[str, Value]
    ) -> None:
        self.machine, self.call, self.node, self.scope, self.names = machine, call, node, scope, names
        self.template = template
        self.tasks: dict[str, Json] = {task["name"]: task for task in template["dag"]["tasks"]}
        self.logic = {name: self._depends(task) for name, task in self.tasks.items()}
        self.needs = {name: self._named(text) for name, text in self.logic.items()}

    def _depends(self, task: Json) -> str:
        if task.get("depends"):
            return str(task["depends"])
        return " && ".join(task.get("dependencies") or [])

    def _named(self, text: str) -> list[str]:
        found = [word.split(".")[0] for word in TASK.findall(text)]
        return [name for name in dict.fromkeys(found) if name in self.tasks]

    def _name(self, task: str) -> str:
        return f"{self.call.name}.{task}"

    def _of(self, task: str) -> Json | None:
        return self.machine.wf.node(self._name(task))

    def advance(self) -> None:
        """Starts the tasks that may start, and ends the node when all that it waits for has ended."""
        wanted = self._targets()
        order = self._ordered(wanted)
        for task in order:
            self._task(task)
        if all((node := self._of(task)) and node["phase"] in FULFILLED for task in order):
            self._finish(wanted)

    def _targets(self) -> list[str]:
        named = self.template["dag"].get("target")
        if named:
            return str(named).split()
        needed = {name for needs in self.needs.values() for name in needs}
        return [name for name in self.tasks if name not in needed]

    def _ordered(self, targets: list[str]) -> list[str]:
        seen: dict[str, None] = {}

        def visit(task: str) -> None:
            if task in seen:
                return
            for need in self.needs[task]:
                visit(need)
            seen[task] = None

        wanted = set()
        stack = list(targets)
        while stack:
            task = stack.pop()
            if task not in wanted:
                wanted.add(task)
                stack += self.needs[task]
        for task in self.tasks:
            if task in wanted:
                visit(task)
        return list(seen)

    def _task(self, name: str) -> None:
        task, node = self.tasks[name], self._of(name)
        if node and node["phase"] in FULFILLED:
            return
        before = [found for need in self.needs[name] if (found := self._of(need))]
        if node is None:
            if len(before) < len(self.needs[name]) or any(one["phase"] not in FULFILLED for one in before):
                return
            if not self._ready(name):
                self._omit(name, before)
                return
        try:
            self._start(name, task, before)
        except (ExpressionInvalid, ArgumentsInvalid, ValueError) as error:
            made = self._of(name) or self._blank(name, "Skipped", ERROR)
            self.machine.graph.link_after(self.node, before, made)
            self.machine.end(made, ERROR, str(error))

    def _ready(self, name: str) -> bool:
        text = self.logic[name]
        if not text:
            return True
        known: dict[str, Value] = {}
        for need in self.needs[name]:
            node = self._of(need)
            phase = node["phase"] if node else ""
            task = self.tasks[need]
            states = self._states(node, phase)
            known |= {f"{need}.{state}": states[state] for state in STATES}
            known[need] = (
                states["Succeeded"]
                or states["Skipped"]
                or bool(node and phase in BAD and self.machine.uses.continues(task, node))
            )
        spaced = TASK.sub(lambda found: str(known.get(found[0], found[0])).lower(), text)
        return bool(evaluate(spaced, {}))

    def _states(self, node: Json | None, phase: str) -> dict[str, bool]:
        children = (
            [self.machine.wf.nodes[one]["phase"] for one in (node or {}).get("children", [])]
            if node and node["type"] == "TaskGroup"
            else []
        )
        return {
            "Succeeded": phase == SUCCEEDED, "Failed": phase == FAILED, "Errored": phase == ERROR, "Skipped": phase == SKIPPED,
            "Omitted": phase == OMITTED, "Daemoned": False, "AnySucceeded": SUCCEEDED in children,
            "AllFailed": bool(children) and all(one == FAILED for one in children),
        }  # fmt: skip

    def _blank(self, name: str, kind: str, phase: str) -> Json:
        task = self.tasks[name]
        call = Call(task, {}, self._name(name), name, self.node["id"], self.scope)
        return self.machine.make(call, kind, task.get("template", ""), None, self.scope, phase)

    def _omit(self, name: str, before: list[Json]) -> None:
        made = self._blank(name, "Skipped", OMITTED)
        self.machine.graph.link_after(self.node, before, made)
        self.machine.end(made, OMITTED, "omitted: depends condition not met")

    def _start(self, name: str, task: Json, before: list[Json]) -> None:
        known = dict(self.names)
        for need in self._ancestors(name):
            known |= result_names("tasks", need, self.machine.uses.results(self._name(need), self.tasks[need]))
        loops = any(key in task for key in ("withItems", "withParam", "withSequence"))
        group = self._of(name) if loops else None
        if loops and group is None:
            group = self._blank(name, "TaskGroup", "Running")
            self.machine.graph.link_after(self.node, before, group)
        made = list(self.machine.uses.expanded(self.call, self.node, task, f"{self.call.name}.", self.scope, known))
        for child in made:
            if child is not None and group is not None:
                self.machine.graph.link(group, child)
            elif child is not None:
                self.machine.graph.link_after(self.node, before, child)
        if group is not None and all(child is not None and child["phase"] in FULFILLED for child in made):
            self._end_group(task, group, [child for child in made if child])

    def _end_group(self, task: Json, group: Json, children: list[Json]) -> None:
        bad = [child for child in children if child["phase"] in BAD and not self.machine.uses.continues(task, child)]
        self.machine.end(group, bad[0]["phase"] if bad else SUCCEEDED)

    def _ancestors(self, name: str) -> list[str]:
        found: dict[str, None] = {}
        stack = list(self.needs[name])
        while stack:
            task = stack.pop()
            if task not in found:
                found[task] = None
                stack += self.needs[task]
        return list(found)

    def _branch_phase(self, name: str) -> str:
        """With what the branch that ends in a task ended: its own phase, or where it did not run, that of what was before."""
        node = self._of(name)
        if node and node["phase"] not in (OMITTED, SKIPPED):
            return str(node["phase"])
        before = [self._branch_phase(need) for need in self.needs[name]]
        return next((phase for phase in before if phase in BAD), SUCCEEDED)

    def _finish(self, targets: list[str]) -> None:
        ends = [(target, self._branch_phase(target), self._of(target)) for target in targets]
        for target, phase, node in ends:
            if phase in BAD and not self.machine.uses.continues(self.tasks[target], {**(node or {}), "phase": phase}):
                self.machine.end(self.node, phase)
                return
        known = dict(self.names)
        for name, task in self.tasks.items():
            known |= result_names("tasks", name, self.machine.uses.results(self._name(name), task))
        self.machine.succeed(self.node, self.template, known)
