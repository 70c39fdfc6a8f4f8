"""The uses that steps and tasks make of templates: one node, or one for each item of a loop, side by side."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workflows.engine.expressions import ExpressionInvalid, Value, holds
from workflows.engine.machine.arguments import ArgumentsInvalid, resolved_artifact
from workflows.engine.machine.calls import Call, CallFailed
from workflows.engine.machine.hooks import Place, has_hooks
from workflows.engine.machine.loops import loops
from workflows.engine.state import ERROR, SKIPPED, Json, has_ended
from workflows.engine.templating import fill

if TYPE_CHECKING:
    from workflows.engine.machine.core import Machine


@dataclass(frozen=True)
class Use:
    """One node to be: the filled step or task, and the node's name."""

    step: Json
    name: str


@dataclass
class Around:
    """What the uses of one steps or dag node share; `word` is `steps` or `tasks`."""

    node: str
    scope: str
    depth: int
    exiting: bool
    word: str

    def place(self, name: str) -> Place:
        """Where hooks of the step or task `name` stand."""
        return Place(self.node, self.scope, self.depth, self.exiting, f"{self.word}.{name}")


def continues(step: Json, phase: str) -> bool:
    """Whether what is around goes on though this step or task ended badly."""
    how = step.get("continueOn") or {}
    return bool(how.get("failed") and phase == "Failed") or bool(how.get("error") and phase == ERROR)


def resolved_step(step: Json, names: Mapping[str, Value]) -> Json:
    """A step or task with its tags filled, and its artifacts found where it will run.

    Raises:
        ArgumentsInvalid, ExpressionInvalid: the texts are Argo's.
    """
    filled = fill(step, names)
    try:
        if not holds(str(filled.get("when") or "")):
            return filled
    except ExpressionInvalid:
        if not loops(filled):  # its condition may name the item
            raise
    arguments = filled.get("arguments") or {}
    if not arguments.get("artifacts"):
        return filled
    artifacts = [found for one in arguments["artifacts"] if (found := _found(one, names))]
    return {**filled, "arguments": {**arguments, "artifacts": artifacts}}


def _found(artifact: Json, names: Mapping[str, Value]) -> Json | None:
    if not artifact.get("from") and not artifact.get("fromExpression"):
        return artifact
    try:
        return resolved_artifact(artifact, names)
    except ArgumentsInvalid:
        if artifact.get("optional"):
            return None
        raise


@dataclass
class Bunch:
    """Uses that run side by side: which are still to start, and which are open."""

    around: Around
    todo: deque[Use]
    open: dict[str, Use] = field(default_factory=dict)
    settled: Callable[["Machine", Use, Json], bool] = lambda _machine, _use, _node: True
    linked: Callable[["Machine", Json], None] = lambda _machine, _node: None

    def __post_init__(self) -> None:
        self.hooked = any(has_hooks(use.step) for use in self.todo)

    def advance(self, machine: "Machine") -> bool:
        """Goes on with the open ones that must be looked at, and starts others as long as there is room; whether all are done.

        Raises:
            CallFailed: one could not be used at all.
        """
        for identifier in self._touched(machine):
            self._go_on(machine, identifier, self.open[identifier])
        while self.todo:
            node = self._start(machine, self.todo[0])
            if node is None:
                break
            use = self.todo.popleft()
            self.linked(machine, node)
            self.open[node["id"]] = use
            if self._is_done(machine, use, node):
                self.open.pop(node["id"], None)
        return not self.todo and not self.open

    def _touched(self, machine: "Machine") -> list[str]:
        """The open nodes that must be looked at: those that changed, and those with hooks, whose conditions may come true."""
        if self.hooked:
            return [one for one, use in self.open.items() if one in machine.memory.stale or has_hooks(use.step)]
        few, many = sorted((machine.memory.stale, self.open.keys()), key=len)
        return [one for one in few if one in many]

    def _go_on(self, machine: "Machine", identifier: str, use: Use) -> None:
        node = machine.look(machine.wf.nodes[identifier])
        if self._is_done(machine, use, node):
            self.open.pop(identifier, None)

    def _is_done(self, machine: "Machine", use: Use, node: Json) -> bool:
        done = self.settled(machine, use, node)
        return done and has_ended(machine.wf.nodes[node["id"]])

    def _start(self, machine: "Machine", use: Use) -> Json | None:
        call = Call(use.step, use.step.get("arguments") or {}, use.name, self.around.node, self.around.scope, self.around.node,
                    self.around.depth + 1, self.around.exiting, known={f"{self.around.word}.name": use.step["name"]})  # fmt: skip
        if machine.wf.node(use.name) is None:
            condition = str(use.step.get("when") or "")
            try:
                if not holds(condition):
                    return machine.graph.make(call, "Skipped", SKIPPED, f"when '{condition}' evaluated false")
            except ExpressionInvalid as error:
                made = machine.graph.make(call, "Skipped", ERROR, str(error))
                raise CallFailed(str(error), made, "when") from error
        return machine.call(call)
