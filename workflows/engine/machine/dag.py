"""DAG templates: which task may start, and how the whole ends."""

import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from workflows.engine.expressions import ExpressionInvalid, Value, truth
from workflows.engine.machine.arguments import ArgumentsInvalid, loop_names, result_names
from workflows.engine.machine.branches import phase_of
from workflows.engine.machine.calls import Call, CallFailed, Job
from workflows.engine.machine.hooks import has_hooks, run_hooks
from workflows.engine.machine.limits import failed_fast
from workflows.engine.machine.loops import LoopInvalid, expand, loops
from workflows.engine.machine.memory import Names
from workflows.engine.machine.uses import Around, Bunch, Use, resolved_step
from workflows.engine.state import (
    BAD,
    ERROR,
    FAILED,
    FULFILLED,
    OMITTED,
    PENDING,
    SKIPPED,
    SUCCEEDED,
    Json,
    has_ended,
)

if TYPE_CHECKING:
    from workflows.engine.machine.core import Machine

TASK = re.compile(r"([a-zA-Z0-9][-a-zA-Z0-9]*?\.[A-Z][a-zA-Z]+)|([a-zA-Z0-9][-a-zA-Z0-9]*)")


def expanded_depends(task: Json, tasks: dict[str, Json]) -> tuple[str, list[str]]:
    """A task's condition with every bare name written out, and the tasks that it names, in order."""
    text = str(task.get("depends") or " && ".join(task.get("dependencies") or []))
    needs: dict[str, None] = {}

    def written_out(found: re.Match[str]) -> str:
        name = found[0].split(".")[0]
        needs[name] = None
        if found[1] or name not in tasks:
            return found[0]
        how = tasks[name].get("continueOn") or {}
        states = [
            "Succeeded",
            "Skipped",
            "Daemoned",
            *(["Errored"] if how.get("error") else []),
            *(["Failed"] if how.get("failed") else []),
        ]
        return f"({' || '.join(f'{name}.{state}' for state in states)})"

    return TASK.sub(written_out, text), [name for name in needs if name in tasks]


class TaskNames(Mapping[str, Value]):
    """The names of what the tasks before one gave, worked out as they are asked for: a dag may have thousands."""

    def __init__(self, dag: "Dag", machine: "Machine", task: str | None) -> None:
        self.dag, self.machine, self.task = dag, machine, task
        self.found: dict[str, dict[str, Value]] = {}

    @cached_property
    def reach(self) -> Collection[str]:
        """The tasks of which it may know."""
        return self.dag.tasks if self.task is None else self.dag.ancestors(self.task)

    def _of(self, key: object) -> dict[str, Value]:
        word, _, rest = str(key).partition(".")
        name = rest.partition(".")[0]
        if word != "tasks" or name not in self.dag.tasks:
            return {}
        if name not in self.found:
            self.found[name] = self.dag.results(self.machine, name) if name in self.reach else {}
        return self.found[name]

    def __getitem__(self, key: str) -> Value:
        return self._of(key)[key]

    def __contains__(self, key: object) -> bool:
        return key in self._of(key)

    def __iter__(self) -> Iterator[str]:
        return iter([key for name in self.reach for key in self._of(f"tasks.{name}")])

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Task:
    """One task of a dag in progress: its uses once they are known."""

    def __init__(self, task: Json) -> None:
        self.task = task
        self.bunch: Bunch | None = None
        self.is_loop = loops(task)


class Dag:
    """One dag node in progress."""

    def __init__(self, machine: "Machine", job: Job, node: Json | None) -> None:
        self.job = job
        if node is None:
            node = machine.graph.make(job.call, "DAG", inputs=job.inputs, template=job.template.get("name"))
        self.id, self.name = node["id"], node["name"]
        self.around = Around(self.id, job.scope, job.call.depth, job.call.exiting, "tasks")
        dag = job.template["dag"]
        self.tasks: dict[str, Json] = {task["name"]: task for task in dag.get("tasks") or []}
        found = {name: expanded_depends(task, self.tasks) for name, task in self.tasks.items()}
        self.logic = {name: logic for name, (logic, _) in found.items()}
        self.needs = {name: needs for name, (_, needs) in found.items()}
        self.targets = str(dag["target"]).split(" ") if dag.get("target") else self._leaves()
        self.fail_fast = dag.get("failFast") is not False
        self.order = self._ordered()
        self.unmet = {name: len(self.needs[name]) for name in self.order}
        self.after: dict[str, list[str]] = {name: [] for name in self.order}
        for name in self.order:
            for need in self.needs[name]:
                self.after[need].append(name)
        self.ready = deque(name for name in self.order if not self.unmet[name])
        self.running: dict[str, Task] = {}
        self.at: dict[str, str] = {}  # node id -> task

    def _leaves(self) -> list[str]:
        needed = {name for needs in self.needs.values() for name in needs}
        return sorted(name for name in self.tasks if name not in needed)

    def _ordered(self) -> list[str]:
        """The targets' tasks with all that they need, those first."""
        seen: dict[str, None] = {}
        for target in self.targets:
            stack: list[tuple[str, bool]] = [(target, False)]
            while stack:
                name, opened = stack.pop()
                if opened:
                    seen[name] = None
                elif name not in seen:
                    stack.append((name, True))
                    stack += [(need, False) for need in reversed(self.needs[name]) if need not in seen]
        return list(seen)

    def _node(self, machine: "Machine", task: str) -> Json | None:
        return machine.wf.node(f"{self.name}.{task}")

    def advance(self, machine: "Machine") -> None:
        """Goes on with running tasks, starts those that may start, and ends the node when all that it waits for has ended."""
        if failed_fast(machine, machine.wf.nodes[self.id], self.job.template):
            return
        for name in self._touched(machine):
            self._go_on(machine, name)
        stopping = bool(machine.wf.spec.get("shutdown")) and not self.job.call.exiting
        self._start_ready(machine, stopping)
        self._watch(machine)
        if not self.running:
            self._assess(machine, stopping)

    def _start_ready(self, machine: "Machine", stopping: bool) -> None:
        """Starts tasks in order while there is room; none that is new where the workflow is being stopped."""
        held: deque[str] = deque()
        while self.ready:
            name = self.ready.popleft()
            if stopping and self._is_new(machine, name):
                held.append(name)
            elif not self._begin(machine, name):
                held.append(name)
                break
        self.ready = held + self.ready

    def _is_new(self, machine: "Machine", name: str) -> bool:
        return self._node(machine, name) is None

    def _watch(self, machine: "Machine") -> None:
        waits = bool(self.ready) or any(
            has_hooks(one.task) or (one.bunch is not None and one.bunch.todo) for one in self.running.values()
        )
        (machine.memory.always.add if waits else machine.memory.always.discard)(self.id)

    def _touched(self, machine: "Machine") -> Iterable[str]:
        found = {self.at[one] for one in machine.memory.stale if one in self.at}
        found |= {
            name
            for name, one in self.running.items()
            if has_hooks(one.task) or (one.bunch is not None and one.bunch.todo)
        }
        return [name for name in self.running if name in found]

    # --- one task -----------------------------------------------------------------------------------------------------

    def _begin(self, machine: "Machine", name: str) -> bool:
        """Starts a task whose needs are met; False where there is no room for it."""
        node = self._node(machine, name)
        if node is None and self.logic[name]:
            try:
                wanted = self._is_wanted(machine, name)
            except ExpressionInvalid as error:
                logic = self.logic[name].replace("-", "_")
                self._blank(machine, name, ERROR, f"unable to evaluate expression '{logic}': {error}")
                wanted = True
            else:
                if not wanted:
                    self._blank(machine, name, OMITTED, "omitted: depends condition not met")
        node = self._node(machine, name)
        hooked = has_hooks(self.tasks[name]) and (node or {}).get("phase") == ERROR
        if node is not None and node["type"] == "Skipped" and not hooked:
            self._settle(name)
            return True
        task = Task(self.tasks[name])
        self.running[name] = task
        self._advance_task(machine, name, task)
        if name in self.running and self._node(machine, name) is None:
            del self.running[name]
            return False
        return True

    def _is_wanted(self, machine: "Machine", name: str) -> bool:
        known: dict[str, Value] = {}
        for need in self.needs[name]:
            node = self._node(machine, need)
            known |= {
                f"{need.replace('-', '_')}.{state}": value for state, value in self._states(machine, node or {}).items()
            }
        return truth(self.logic[name].replace("-", "_"), known)

    @staticmethod
    def _states(machine: "Machine", node: Json) -> dict[str, bool]:
        phase, group = node.get("phase"), node.get("type") == "TaskGroup"
        children = [machine.wf.nodes[one]["phase"] for one in node.get("children") or []] if group else []
        return {
            "Succeeded": phase == SUCCEEDED, "Failed": phase == FAILED, "Errored": phase == ERROR, "Skipped": phase == SKIPPED,
            "Omitted": phase == OMITTED, "Daemoned": bool(node.get("daemoned")) and phase != PENDING,
            "AnySucceeded": SUCCEEDED in children, "AllFailed": bool(children) and all(one == FAILED for one in children),
        }  # fmt: skip

    def _before(self, machine: "Machine", name: str) -> list[Json]:
        return [node for need in self.needs[name] if (node := self._node(machine, need))]

    def _blank(self, machine: "Machine", name: str, phase: str, message: str, kind: str = "Skipped") -> Json:
        call = Call(self.tasks[name], {}, f"{self.name}.{name}", self.id, self.around.scope, self.id)
        made = machine.graph.make(call, kind, phase, message)
        machine.graph.link_after(machine.wf.nodes[self.id], self._before(machine, name), made)
        return made

    def _go_on(self, machine: "Machine", name: str) -> None:
        task = self.running.get(name)
        if task is not None:
            self._advance_task(machine, name, task)

    def _advance_task(self, machine: "Machine", name: str, task: Task) -> None:
        try:
            if task.bunch is None:
                task.bunch = self._opened(machine, name, task)
            done = task.bunch is None or task.bunch.advance(machine)
        except CallFailed as error:
            if error.kind == "exit":  # its node says so; the task goes on without it
                self._advance_task(machine, name, task)
                return
            if error.kind == "hook" and name in self.targets:  # at whose hooks Argo looks with the dag itself
                raise CallFailed(str(error), machine.graph.end(machine.wf.nodes[self.id], ERROR, str(error))) from error
            self._failed(machine, name, error)
            done = not task.is_loop or task.bunch is None or not task.bunch.open
        except (ArgumentsInvalid, ExpressionInvalid, LoopInvalid) as error:
            node = self._node(machine, name)
            if node is None:
                self._blank(machine, name, ERROR, str(error))
            else:
                machine.graph.end(node, ERROR, str(error))
            done = True
        if task.bunch is not None:
            self.at |= dict.fromkeys(task.bunch.open, name)
        node = self._node(machine, name)
        if done and node is not None and self._is_settled(machine, name, task, node):
            del self.running[name]
            self._settle(name)

    def _failed(self, machine: "Machine", name: str, error: CallFailed) -> None:
        node = error.node or self._node(machine, name)
        if node is None:
            self._blank(machine, name, ERROR, str(error))
            return
        group = self._node(machine, name)
        if group is None or group["type"] != "TaskGroup":
            machine.graph.link_after(machine.wf.nodes[self.id], self._before(machine, name), node)
        elif group["id"] != node["id"]:
            machine.graph.link(group, node)
        if error.kind == "timeout":
            machine.graph.end(node, FAILED, str(error))
        elif error.kind != "when":
            machine.graph.end(node, ERROR, f"task '{node['name']}' errored: {error}")

    def _opened(self, machine: "Machine", name: str, task: Task) -> Bunch | None:
        """The task's uses; None where its list is empty, which a Skipped node says."""
        step = resolved_step(task.task, self._names(machine, name))
        expanded = expand(step)
        if expanded is None and not task.is_loop:
            return Bunch(
                self.around,
                deque([Use(step, f"{self.name}.{name}")]),
                settled=self._use_settled(name),
                linked=self._link(name),
            )
        node = self._node(machine, name)
        if expanded == []:
            if node is None:
                self._blank(machine, name, SKIPPED, "Skipped, empty params")
            return None
        group = node or self._blank(machine, name, "Running", "", "TaskGroup")
        machine.memory.parents[group["id"]] = self.id
        if expanded is None:  # its list came out as an empty text: Argo runs the template in the group's own node
            return Bunch(self.around, deque([Use(step, group["name"])]), settled=self._use_settled(name))
        uses = deque(Use(one, f"{self.name}.{name}{tail}") for tail, one in expanded)
        return Bunch(
            self.around, uses, settled=self._use_settled(name), linked=lambda one, child: one.graph.link(group, child)
        )

    def _link(self, name: str) -> Callable[["Machine", Json], None]:
        def link(machine: "Machine", node: Json) -> None:
            machine.graph.link_after(machine.wf.nodes[self.id], self._before(machine, name), node)

        return link

    def _use_settled(self, name: str) -> Callable[["Machine", Use, Json], bool]:
        def settled(machine: "Machine", use: Use, node: Json) -> bool:
            return self._hooked(machine, name, use.step, node, exit_only=node["name"] != f"{self.name}.{name}")

        return settled

    def _hooked(self, machine: "Machine", name: str, step: Json, node: Json, exit_only: bool) -> bool:
        """Runs the hooks of a task's node; of a loop's single nodes the exit handler alone."""
        if not has_hooks(step) or (node["type"] == "Skipped" and node["phase"] != ERROR):
            return True
        if exit_only:
            hooks = {"exit": step["hooks"]["exit"]} if "exit" in (step.get("hooks") or {}) else {}
            step = {**step, "hooks": hooks}
        known = {f"tasks.{name}.status": node["phase"]}
        names = Names(known, self._names(machine, name))
        return run_hooks(machine, step, node, self.around.place(name), names)

    def _is_settled(self, machine: "Machine", name: str, task: Task, node: Json) -> bool:
        if node["type"] == "TaskGroup":
            if (
                node["phase"] not in FULFILLED
                and task.bunch is not None
                and not task.bunch.todo
                and not task.bunch.open
            ):
                self._end_group(machine, node)
            if has_ended(node):
                return self._hooked(machine, name, task.task, node, exit_only=False)
        if node["type"] == "Skipped" and node["phase"] == ERROR:  # its arguments were wrong
            return self._hooked(machine, name, task.task, node, exit_only=False)
        return has_ended(node)

    @staticmethod
    def _end_group(machine: "Machine", group: Json) -> None:
        phases = [machine.wf.nodes[one]["phase"] for one in group.get("children") or []]
        bad = [phase for phase in phases if phase in BAD]
        machine.graph.end(group, bad[-1] if bad else SUCCEEDED)

    def _settle(self, name: str) -> None:
        for later in self.after[name]:
            self.unmet[later] -= 1
            if not self.unmet[later]:
                self.ready.append(later)

    # --- names --------------------------------------------------------------------------------------------------------

    def _names(self, machine: "Machine", name: str | None) -> Names:
        """What a task knows of its ancestors; all tasks for None."""
        return Names(TaskNames(self, machine, name), self.job.names)

    def ancestors(self, name: str) -> set[str]:
        """All that a task needs, directly or not."""
        seen = set(self.needs[name])
        stack = list(seen)
        while stack:
            fresh = [need for need in self.needs[stack.pop()] if need not in seen]
            seen.update(fresh)
            stack += fresh
        return seen

    def results(self, machine: "Machine", name: str) -> dict[str, Value]:
        """The names of what a task gave; none where it has no node."""
        node, start = self._node(machine, name), f"tasks.{name}"
        if node is None:
            return {}
        if node["type"] != "TaskGroup":
            return result_names(start, machine.last_try(node))
        children = [machine.wf.nodes[one] for one in node.get("children") or []]
        of_items = [one for one in children if one["name"].startswith(f"{node['name']}(")]
        ran = [one for one in of_items if not (one.get("nodeFlag") or {}).get("hooked")]
        return loop_names(start, ran)

    # --- the end ------------------------------------------------------------------------------------------------------

    def _assess(self, machine: "Machine", stopping: bool) -> None:
        node = machine.wf.nodes[self.id]
        phase = FAILED if stopping else self._phase(machine, node)
        if phase is None:
            return
        machine.memory.always.discard(self.id)
        try:
            for name in self.tasks:
                self.results(machine, name)
        except ArgumentsInvalid as error:
            machine.fail(node, self.job, error)
        last = self._ends(machine)
        if phase != SUCCEEDED:
            machine.graph.set_outbound(node, last)
            machine.finish(node, self.job, phase, None)
            return
        present = [name for name in self.tasks if self._node(machine, name)]
        machine.note_steps([found for name in present if (found := self._node(machine, name))])
        machine.succeed(node, self.job, self._names(machine, None), last)

    def _ends(self, machine: "Machine") -> list[Json]:
        return [found for target in self.targets if (found := self._node(machine, target))]

    def _phase(self, machine: "Machine", node: Json) -> str | None:
        """The phase with which the node ends; None where tasks are still to come."""
        ends = {found["id"]: target for target in self.targets if (found := self._node(machine, target))}
        found = phase_of(machine.wf.nodes, node, ends)
        result: str | None = SUCCEEDED
        for target in self.targets:
            phase = found.get(target)
            if phase is None:
                result = None
                if not self.fail_fast:
                    break
            elif phase in BAD:
                how = self.tasks[target].get("continueOn") or {}
                if (how.get("failed") and phase == FAILED) or (how.get("error") and phase == ERROR):
                    continue
                result = phase
                if self.fail_fast:
                    break
        return result
