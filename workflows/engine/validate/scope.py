"""Which `{{variables}}` a place may use."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count

from workflows.engine.expressions import compact
from workflows.engine.expressions.values import raw_json
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
        "name template inline inputs outputs arguments templateRef nodeSelector affinity metadata daemon steps container containerSet "
        "script resource dag suspend data http plugin volumes initContainers sidecars archiveLocation activeDeadlineSeconds "
        "retryStrategy parallelism failFast tolerations schedulerName priorityClassName serviceAccountName "
        "automountServiceAccountToken executor hostAliases image command args workingDir ports envFrom env resources resizePolicy "
        "restartPolicy volumeMounts volumeDevices livenessProbe readinessProbe startupProbe lifecycle terminationMessagePath "
        "terminationMessagePolicy imagePullPolicy securityContext stdin stdinOnce tty source podSpecPatch metrics synchronization "
        "memoize timeout annotations dependencies withItems withParam withSequence when continueOn onExit depends hooks action "
        "mergeStrategy manifest manifestFrom setOwnerReference successCondition failureCondition flags parameters artifacts default "
        "value path mode from archiveLogs jsonPath jqFilter event parameter supplied configMapKeyRef expression valueFrom globalName "
        "enum description archive optional subPath recurseMode fromExpression artifactGC deleted".split()
    )
}
CONTAINERS = ("container", "script", "containers", "initContainers", "sidecars")
PLACEHOLDER = re.compile(r"placeholder-\d+")
Scope = set[str]


def tags(value: object, empty: Json) -> Iterator[str]:
    """What stands between `{{` and `}}` in the JSON that Argo's validation makes of a value, where an open tag goes on into what follows.

    `empty` holds the fields that Go writes of the value though they are not set. Raises `WorkflowInvalid` for one without an end.
    """
    text = value if isinstance(value, str) else _written(value, empty)
    start = text.find("{{")
    while start >= 0:
        end = text.find("}}", start + 2)
        if end < 0:
            raise WorkflowInvalid(
                f'Cannot find end tag="}}}}" in the template={raw_json(text)} starting from {raw_json(text[start:])}'
            )
        yield text[start + 2 : end]
        start = text.find("{{", end + 2)


EMPTY: Json = {}
OF_TEMPLATE: Json = {"inputs": {}, "outputs": {}, "metadata": {}}
OF_USE: Json = {"arguments": {}}
OF_CONTAINER: Json = {"name": "", "resources": {}}


def _written(value: object, empty: Json) -> str:
    if isinstance(value, list):
        return f"[{','.join(_written(item, empty) for item in value)}]"
    if not isinstance(value, Mapping):
        return compact(value)
    fields = empty | {key: item for key, item in value.items() if item is not None}
    ordered = sorted(fields, key=lambda key: ORDER.get(key, len(ORDER)))
    inner = {**dict.fromkeys(CONTAINERS, OF_CONTAINER), "inline": OF_TEMPLATE, "steps": OF_USE, "tasks": OF_USE}
    return f"{{{','.join(f'{compact(key)}:{_written(fields[key], inner.get(key, {}))}' for key in ordered)}}}"


class Variables:
    """Resolves tags against a scope, the workflow's own variables, and what a place adds."""

    def __init__(self, of_workflow: Mapping[str, str | None], template_alone: bool) -> None:
        self.template_alone, self.numbers = template_alone, count(1)
        self.of_workflow: dict[str, str] = {}
        for name, value in of_workflow.items():
            self.add(name, value)

    def add(self, name: str, value: str | None = None) -> None:
        """Makes a name known everywhere, by a placeholder where its value is not known yet."""
        self.of_workflow[name] = self.placeholder() if value is None else value

    def placeholder(self) -> str:
        """What stands for a value that is not known yet, as in Argo's own checks."""
        return f"placeholder-{next(self.numbers)}"

    def check(
        self,
        place: str,
        value: object,
        scope: Scope,
        more: Callable[[str], bool] = lambda _tag: False,
        empty: Json = EMPTY,
    ) -> None:
        """Refuses the first tag that nothing can fill; `place` leads the message, and `empty` is as in `tags`."""
        try:
            for tag in tags(value, empty):
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
                    self.add(f"workflow.outputs.{kind}.{name}")


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
