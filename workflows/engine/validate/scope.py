"""Which `{{variables}}` a place may use."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from workflows.engine.state import Json
from workflows.engine.validate.errors import WorkflowInvalid
from workflows.engine.validate.names import is_variable
from workflows.engine.validate.values import artifacts, parameters

ROOTS = ("item.", "steps.", "inputs.", "outputs.", "pod.", "workflow.", "tasks.")
LATER = ("outputs.", "workflow.creationTimestamp", "workflow.scheduledTime", "workflow.duration", "tasks.name",
         "steps.name", "node.name")  # fmt: skip
RESULTS = ("container", "script", "data", "http", "plugin")
RETRIES = ("retries", "lastRetry.exitCode", "lastRetry.status", "lastRetry.duration", "lastRetry.message")
ORDER = {
    name: number
    for number, name in enumerate(
        ["name", "template", "inline", "inputs", "outputs", "arguments", "templateRef", "nodeSelector", "affinity", "metadata",
         "daemon", "steps", "container", "containerSet", "script", "resource", "dag", "suspend", "data", "http", "plugin",
         "image", "command", "args", "dependencies", "withItems", "withParam", "withSequence", "when", "continueOn",
         "onExit", "hooks", "depends", "parameters", "artifacts"]
    )
}  # fmt: skip
Scope = set[str]


def tags(value: object) -> Iterator[str]:
    """What stands between `{{` and `}}` in every text of a JSON value, in the order in which Argo reads it."""
    if isinstance(value, str):
        yield from _tags_of(value)
    elif isinstance(value, list):
        for item in value:
            yield from tags(item)
    elif isinstance(value, Mapping):
        for key, item in sorted(value.items(), key=lambda pair: ORDER.get(pair[0], len(ORDER))):
            yield from _tags_of(key)
            yield from tags(item)


def _tags_of(text: str) -> Iterator[str]:
    start = text.find("{{")
    while start >= 0:
        end = text.find("}}", start + 2)
        if end < 0:
            raise WorkflowInvalid(f'Cannot find end tag="}}}}" in the template={text!r} starting from {text[start:]!r}')
        yield text[start + 2 : end]
        start = text.find("{{", end + 2)


class Variables:
    """Resolves tags against a scope, the workflow's own variables, and what a place adds."""

    def __init__(self, of_workflow: Scope, template_alone: bool) -> None:
        self.of_workflow, self.template_alone = of_workflow, template_alone

    def check(self, place: str, value: object, scope: Scope, more: Callable[[str], bool] = lambda _tag: False) -> None:
        """Refuses the first tag that nothing can fill; `place` leads the message."""
        try:
            for tag in tags(value):
                name = tag.strip()
                if not tag.startswith("=") and name.startswith(ROOTS) and not self._known(name, scope, more):
                    raise WorkflowInvalid(f"failed to resolve {{{{{tag}}}}}")
        except WorkflowInvalid as error:
            raise WorkflowInvalid(f"{place} {error}") from error

    def _known(self, name: str, scope: Scope, more: Callable[[str], bool]) -> bool:
        if name in scope or name in self.of_workflow or name.startswith(LATER) or more(name):
            return True
        if self.template_alone and name.startswith("workflow.parameters"):
            return True
        return any(
            name.startswith(wildcard[:-1]) and (wildcard in scope or wildcard in self.of_workflow)
            for wildcard in ("item.*", "workflow.outputs.parameters.*", "workflow.outputs.artifacts.*")
        )

    def add_global(self, kind: str, outputs: Iterable[Json], scope: Scope) -> None:
        """The names under which outputs are known everywhere."""
        for one in outputs:
            if wanted := one.get("globalName"):
                name = "*" if is_variable(wanted) else wanted
                scope.add(f"workflow.outputs.{kind}.{name}")
                if name != "*":
                    self.of_workflow.add(f"workflow.outputs.{kind}.{name}")


def has_result(template: Json) -> bool:
    """Whether what it runs prints a result."""
    containers = (template.get("containerSet") or {}).get("containers") or []
    return any(template.get(kind) is not None for kind in RESULTS) or any(
        one.get("name") == "main" for one in containers
    )


def outputs_of(template: Json | None, prefix: str, aggregate: bool, ancestor: bool) -> Scope:
    """What others may use of a step or task (`steps.a`, `tasks.a`) that runs the template; None where it is not known yet."""
    found = {f"{prefix}.{name}" for name in ("id", "startedAt", "finishedAt", "hostNodeName")}
    if template is None:
        return found
    if template.get("daemon"):
        found.add(f"{prefix}.ip")
    if has_result(template):
        found |= {f"{prefix}.outputs.result", f"{prefix}.exitCode"}
    outputs = template.get("outputs")
    found |= {f"{prefix}.outputs.parameters.{one.get('name')}" for one in parameters(outputs)}
    found |= {f"{prefix}.outputs.artifacts.{one.get('name')}" for one in artifacts(outputs)}
    if aggregate:
        found.add(f"{prefix}.outputs.parameters")
        if template.get("script") is not None or template.get("containerSet") is not None:
            found |= {f"{prefix}.outputs.result", f"{prefix}.exitCode"}
    if ancestor:
        found.add(f"{prefix}.status")
    return found


def inputs_of(template: Json, leaf: bool, pod: bool) -> Scope:
    """What a template may use of itself: inputs, paths, its pod's name, its retries."""
    given = parameters(template.get("inputs"))
    found = {f"inputs.parameters.{one['name']}" for one in given} | ({"inputs.parameters"} if given else set())
    for one in artifacts(template.get("inputs")):
        found.add(f"inputs.artifacts.{one['name']}")
        if leaf:
            found.add(f"inputs.artifacts.{one['name']}.path")
    if pod:
        found.add("pod.name")
    if template.get("retryStrategy") is not None:
        found |= set(RETRIES)
    return found


def items_of(step: Json) -> Scope:
    """What a loop's body may use. Raises `WorkflowInvalid` where more than one kind of loop is named."""
    items, parameter, sequence = step.get("withItems"), step.get("withParam"), step.get("withSequence")
    if bool(items) + bool(parameter) + (sequence is not None) > 1:
        raise WorkflowInvalid("only one of withItems, withParam, withSequence can be specified")
    if parameter:
        return {"item", "item.*"}
    if sequence is not None:
        if sequence.get("count") is not None and sequence.get("end") is not None:
            raise WorkflowInvalid("only one of count or end can be defined in withSequence")
        return {"item"}
    found: Scope = set()
    for item in items or []:
        if isinstance(item, dict):
            found |= {f"item.{key}" for key in item}
        elif isinstance(item, list):
            found |= {f"item.[{number}]" for number in range(len(item))}
        else:
            found.add("item")
    return found
