"""Steps and dags: each step and task, in Argo's order of checks."""

import re

from workflows.engine.state import Json
from workflows.engine.validate.errors import Placed, WorkflowInvalid
from workflows.engine.validate.names import check_names, field_faults, is_variable
from workflows.engine.validate.scope import OF_USE, Scope, items_of, outputs_of
from workflows.engine.validate.templates import Base, Templates, find_cycle
from workflows.engine.validate.values import artifacts, check_arguments, parameters

NEED = re.compile(r"([a-zA-Z0-9][-a-zA-Z0-9]*?)\.([A-Z][a-zA-Z]+)|([a-zA-Z0-9][-a-zA-Z0-9]*)")
OF_ITEMS = ("AnySucceeded", "AllFailed")
RESULTS = ("Succeeded", "Failed", "Errored", "Skipped", "Omitted", "Daemoned", *OF_ITEMS)


def check_hooks(place: str, hooks: Json | None) -> None:
    """Each hook but `exit` says when it runs."""
    for name, hook in (hooks or {}).items():
        if name != "exit" and not (hook or {}).get("expression"):
            raise WorkflowInvalid(f"{place}.{name} Expression required")


def _loops(use: Json) -> bool:
    return bool(use.get("withItems") or use.get("withParam"))


def _inline_inputs(use: Json) -> Scope:
    return {f"inputs.parameters.{one.get('name')}" for one in parameters((use.get("inline") or {}).get("inputs"))}


class Groups:
    """Checks the bodies of steps and dag templates."""

    def __init__(self, templates: Templates) -> None:
        self.templates = templates
        templates.groups.update(steps=self.steps, dag=self.dag)

    def steps(self, template: Json, scope: Scope, base: Base) -> None:
        """Every step of every group, in order."""
        name, seen = template.get("name") or "", set()
        for number, group in enumerate(template["steps"] or []):
            for step in group if isinstance(group, list) else (group or {}).get("steps") or [group]:
                title, place = str(step.get("name") or ""), f"templates.{name}.steps[{number}]"
                if not title:
                    raise WorkflowInvalid(f"{place}.name is required")
                if title in seen:
                    raise WorkflowInvalid(f"{place}.name '{title}' is not unique")
                if faults := field_faults(title):
                    raise WorkflowInvalid(f"{place}.name '{title}' is invalid: {faults}")
                seen.add(title)
                self._step(name, f"{place}.{title}", step, scope, base)

    def _step(self, template: str, place: str, step: Json, scope: Scope, base: Base) -> None:
        prefix = f"steps.{step['name']}"
        scope.add(f"{prefix}.status")
        with Placed(place):
            scope |= items_of(step)
        check_arguments(f"{place}.arguments.", step.get("arguments"), False)
        with Placed(place):
            found = self.templates.use(step, base, None)
        if step.get("onExit") or "exit" in (step.get("hooks") or {}):
            self.templates.outputs(found, prefix, scope, False)
        check_hooks(place, step.get("hooks"))
        inline = _inline_inputs(step)
        self.templates.variables.check(f"templates.{template}.steps", step, scope, lambda tag: tag in inline, OF_USE)
        self.templates.outputs(found, prefix, scope, _loops(step))
        with Placed(place):
            self.templates.use(step, base, step.get("arguments") or {})

    def dag(self, template: Json, scope: Scope, base: Base) -> None:
        """Every task, after the order in which they can run was found."""
        name, tasks = template.get("name") or "", list((template.get("dag") or {}).get("tasks") or [])
        if not tasks:
            raise WorkflowInvalid(f"templates.{name} must have at least one task")
        graph = Dag(name, tasks)
        graph.sort()
        check_names(f"templates.{name}.tasks", graph.tasks)
        found = {task["name"]: self._task_template(graph, task, scope, base) for task in graph.tasks}
        self._check_targets(name, template["dag"], graph, scope)
        for task in graph.tasks:
            self._task(graph, task, found, scope, base)

    def _task_template(self, graph: "Dag", task: Json, scope: Scope, base: Base) -> Json | None:
        name, place = task["name"], f"templates.{graph.name}.tasks.{task['name']}"
        if (graph.uses_depends or task.get("dependencies")) and name[0].isdigit():
            raise WorkflowInvalid(
                f"{place} name cannot begin with a digit when using either 'depends' or 'dependencies'"
            )
        if graph.uses_depends and task.get("dependencies"):
            raise WorkflowInvalid(
                f"templates.{graph.name} cannot use both 'depends' and 'dependencies' in the same DAG template"
            )
        if graph.uses_depends and task.get("continueOn") is not None:
            raise WorkflowInvalid(
                f"templates.{graph.name} cannot use 'continueOn' when using 'depends'. "
                "Instead use 'dep-task.Failed'/'dep-task.Errored'"
            )
        with Placed(place):
            found = self.templates.use(task, base, None)
        self.templates.outputs(found, f"tasks.{name}", scope, _loops(task))
        for before, _of_items, result in graph.terms(task):
            if task.get("depends") and result and result not in RESULTS:
                raise WorkflowInvalid(f"{place} task result '{result}' for task '{before}' is invalid")
        for before, of_items in graph.needs[name].items():
            if of_items and not _loops(graph.by_name[before]) and graph.by_name[before].get("withSequence") is None:
                raise WorkflowInvalid(
                    f"templates.{graph.name}.tasks.{before} dependency '{before}' uses an items-based condition "
                    "such as .AnySucceeded or .AllFailed but does not contain any items"
                )
        return found

    def _check_targets(self, name: str, dag: Json, graph: "Dag", scope: Scope) -> None:
        target = str(dag.get("target") or "")
        self.templates.variables.check(f"templates.{name}.targets", target, scope)
        for one in target.split(" ") if target else []:
            if not is_variable(one) and one not in graph.by_name:
                raise WorkflowInvalid(f"templates.{name}.targets: target '{one}' is not defined")

    def _task(self, graph: "Dag", task: Json, found: dict[str, Json | None], scope: Scope, base: Base) -> None:
        name, place = task["name"], f"templates.{graph.name}.tasks.{task['name']}"
        if task.get("hooks") is not None:
            scope.add(f"tasks.{name}.status")
        own = _inline_inputs(task)
        with Placed(place):
            own |= items_of(task)

        def known(tag: str) -> bool:
            if tag in own or ("item.*" in own and tag.startswith("item.")):
                return True
            before = tag.split(".")[1] if tag.startswith("tasks.") else ""
            return graph.is_before(before, name) and tag in outputs_of(
                found[before], f"tasks.{before}", _loops(graph.by_name[before]), True
            )

        self.templates.variables.check(place, task, scope, known, OF_USE)
        check_arguments(f"{place}.arguments.", task.get("arguments"), False)
        with Placed(place):
            _check_sources(graph, task)
            self.templates.use(task, base, task.get("arguments") or {})


def _check_sources(graph: "Dag", task: Json) -> None:
    """Who takes another task's output comes after it."""
    for kind, items, key in (("parameter", parameters, "value"), ("artifact", artifacts, "from")):
        for one in items(task.get("arguments")):
            text = str(one.get(key) or "")
            if text.startswith("{{tasks."):
                before = text.split(".")[1]
                if not graph.is_before(before, task["name"]):
                    raise WorkflowInvalid(f"missing dependency '{before}' for {kind} '{one['name']}'")


class Dag:
    """The tasks of one dag, and which come before which."""

    def __init__(self, name: str, tasks: list[Json]) -> None:
        self.name, self.tasks = name, tasks
        self.by_name = {str(task.get("name") or ""): task for task in tasks}
        self.uses_depends = any(task.get("depends") for task in tasks)
        self.needs: dict[str, dict[str, bool]] = {}
        for task in tasks:
            wanted: dict[str, bool] = {}
            for before, of_items, _result in self.terms(task):
                wanted[before] = wanted.get(before, False) or of_items
            self.needs[str(task.get("name") or "")] = wanted
        self.masks: dict[str, int] = {}
        self.numbers = {name: number for number, name in enumerate(self.by_name)}

    @staticmethod
    def terms(task: Json) -> list[tuple[str, bool, str]]:
        """Task, whether its items are asked for, and result, of each term of `depends` (or `dependencies`)."""
        text = str(task.get("depends") or "")
        if not text:
            needs = task.get("dependencies") or []
            text = " && ".join(f"({one}.Succeeded || {one}.Skipped || {one}.Daemoned)" for one in needs)
        return [(found[1] or found[3], found[2] in OF_ITEMS, found[2] or "") for found in NEED.finditer(text)]

    def sort(self) -> None:
        """Puts the tasks in an order in which they can run. Raises `WorkflowInvalid`."""
        place = f"templates.{self.name} sorting failed:"
        if len(self.by_name) < len(self.tasks):
            names = [str(task.get("name") or "") for task in self.tasks]
            twice = next(name for number, name in enumerate(names) if name in names[:number])
            raise WorkflowInvalid(f"{place} duplicated nodeName {twice}")
        for wanted in self.needs.values():
            for before in wanted:
                if before not in self.by_name:
                    raise WorkflowInvalid(f"{place} invalid dependency {before}")
        if find_cycle({name: list(wanted) for name, wanted in self.needs.items()}):
            raise WorkflowInvalid(f"{place} graph with cycle")
        self.tasks = [self.by_name[name] for name in self._ordered()]

    def _ordered(self) -> list[str]:
        waiting = {name: len(wanted) for name, wanted in self.needs.items()}
        after: dict[str, list[str]] = {name: [] for name in self.needs}
        for name, wanted in self.needs.items():
            for before in wanted:
                after[before].append(name)
        ready = [name for name, number in waiting.items() if number == 0]
        for name in ready:
            mask = 0
            for before in self.needs[name]:
                mask |= self.masks[before] | 1 << self.numbers[before]
            self.masks[name] = mask
            for following in after[name]:
                waiting[following] -= 1
                if waiting[following] == 0:
                    ready.append(following)
        return ready

    def is_before(self, before: str, name: str) -> bool:
        """Whether `name` comes only after `before`."""
        return before in self.numbers and bool(self.masks[name] >> self.numbers[before] & 1)
