"""Templates: resolved, and each checked once."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import yaml

from workflows.engine.expressions import Value, compact
from workflows.engine.state import Json
from workflows.engine.templating import fill
from workflows.engine.validate.errors import Placed, WorkflowInvalid
from workflows.engine.validate.names import check_names
from workflows.engine.validate.scope import (
    EMPTY,
    OF_TEMPLATE,
    PLACEHOLDER,
    RETRIES,
    Scope,
    Variables,
    inputs_of,
    outputs_of,
    tags,
)
from workflows.engine.validate.values import (
    artifacts,
    check_inputs,
    check_location,
    check_outputs,
    is_leaf,
    parameters,
    supplied_inputs,
)

KINDS = ("container", "containerSet", "steps", "dag", "script", "resource", "data", "suspend", "http", "plugin")
PODS = ("container", "containerSet", "script", "resource", "data")
EXPRESSION = re.compile(r"\{\{\s*=\s*(.+?)\s*\}\}")
CHOICE = "container, containerSet, steps, script, resource, dag, suspend, template, template ref"
POLICIES = ("Always", "OnError", "OnFailure", "OnTransientError", "")
ACTIONS = ("get", "create", "apply", "delete", "replace", "patch")
Lookup = Callable[[str, bool], Json | None]
"""A workflow template's document by its name; the cluster's where the second is true."""


@dataclass(frozen=True)
class Base:
    """Where templates are looked up by name: a workflow, or a workflow template."""

    scope: str
    spec: Json
    cluster: bool = False

    def find(self, name: str) -> Json | None:
        """The template of that name."""
        return next((one for one in self.spec.get("templates") or [] if one.get("name") == name), None)


def kind_of(template: Json) -> str:
    """What it runs; Argo's first of several."""
    return next((kind for kind in KINDS if template.get(kind) is not None), "")


class Templates:
    """Every template of one workflow; `groups` checks what is inside steps and dags."""

    def __init__(self, lookup: Lookup, variables: Variables) -> None:
        self.lookup, self.variables = lookup, variables
        self.seen: set[tuple[str, str]] = set()
        self.groups: dict[str, Callable[[Json, Scope, Base], None]] = {}

    def use(self, holder: Json, base: Base, arguments: Json | None) -> Json | None:
        """Checks what a step, task or entrypoint refers to; its template, or None where variables hide it.

        `arguments` None stands for arguments that supply whatever is asked.
        """
        reference, name = holder.get("templateRef"), holder.get("template")
        if reference is not None:
            if name:
                raise WorkflowInvalid("template name cannot be specified with templateRef.")
            if not reference.get("name"):
                raise WorkflowInvalid("resource name is required")
            if not reference.get("template"):
                raise WorkflowInvalid("template name is required")
            if _is_open(reference):
                return None
        template, inside = self._resolve(holder, base)
        policy = str((template.get("retryStrategy") or {}).get("retryPolicy") or "")
        if policy not in POLICIES:
            raise WorkflowInvalid(f"{policy} is not a valid RetryPolicy")
        self._check(template, inside, arguments)
        return template

    def _resolve(self, holder: Json, base: Base) -> tuple[Json, Base]:
        reference, name = holder.get("templateRef"), holder.get("template")
        if reference is not None:
            cluster = bool(reference.get("clusterScope"))
            document = self.lookup(reference["name"], cluster)
            inside = Base(
                f"{'cluster' if cluster else 'namespaced'}/{reference['name']}",
                (document or {}).get("spec") or {},
                cluster,
            )
            found = inside.find(reference["template"])
            if found is None:
                raise WorkflowInvalid(f"template reference {reference['name']}.{reference['template']} not found")
        elif name:
            inside, found = base, base.find(name)
            if found is None:
                raise WorkflowInvalid(f"template name '{name}' undefined")
        else:
            inside, found = base, holder.get("inline")
            if found is None:
                raise WorkflowInvalid("failed to get a template")
        if not kind_of(found) or found.get("steps") == []:
            raise WorkflowInvalid(f"template '{found.get('name') or ''}' type is unknown")
        return found, inside

    def _check(self, template: Json, base: Base, arguments: Json | None) -> None:
        name, kind = str(template.get("name") or ""), kind_of(template)
        if sum(template.get(each) is not None for each in KINDS) > 1:
            raise WorkflowInvalid(f"templates.{name} multiple template types specified. choose one of: {CHOICE}")
        check_inputs(template)
        if any(not one.get("name") for one in template.get("initContainers") or []):
            raise WorkflowInvalid("initContainers must all have container name")
        inputs = supplied_inputs(template, arguments, self.variables.placeholder)
        is_seen = (base.scope, name) in self.seen
        if is_seen and not template.get("timeout"):
            return
        template = self._filled({**template, "inputs": inputs}, kind in PODS)
        _check_timeout(template, kind)
        if is_seen:
            return
        self.seen.add((base.scope, name))
        leaf = is_leaf(template)
        scope = inputs_of(template, leaf, kind in PODS)
        if leaf:
            _add_paths(template, scope)
        if kind in self.groups:
            if template.get("activeDeadlineSeconds") is not None:
                raise WorkflowInvalid(f"templates.{name}.activeDeadlineSeconds is only valid for leaf templates")
            self.groups[kind](template, scope, base)
        else:
            self._check_leaf(template, scope, base)
        self._check_outputs(template, scope, kind)
        check_location(f"templates.{name}.archiveLocation", template.get("archiveLocation") or {})
        _check_metrics(template)

    def _filled(self, template: Json, pod: bool) -> Json:
        """The template with what is known of the workflow, its inputs and its files in place of their tags."""
        with Placed(f"templates.{template.get('name') or ''}"):
            list(tags(template, OF_TEMPLATE))
        own = (["pod.name"] if pod else []) + (list(RETRIES) if template.get("retryStrategy") is not None else [])
        names: dict[str, Value] = {**self.variables.of_workflow, **{one: self.variables.placeholder() for one in own}}
        once = fill(template, names)
        names |= {f"inputs.parameters.{one['name']}": one["value"] for one in parameters(once["inputs"])
                  if one["value"] is not None}  # fmt: skip
        names["inputs.parameters"] = compact(parameters(once["inputs"]))
        return fill(once, names)

    def _check_outputs(self, template: Json, scope: Scope, kind: str) -> None:
        name, outputs = template.get("name") or "", template.get("outputs") or {}
        check_names(f"templates.{name}.outputs.parameters ", parameters(outputs), arguments=True)
        check_names(f"templates.{name}.outputs.artifacts ", artifacts(outputs), arguments=True)
        self.variables.check(f"templates.{name}.outputs", outputs, scope)
        check_outputs(template, kind)

    def outputs(self, template: Json | None, prefix: str, scope: Scope, aggregate: bool) -> None:
        """Adds to `scope` what others may use of a step or task."""
        scope |= outputs_of(template, prefix, aggregate, False)
        for kind, found in (("parameters", parameters), ("artifacts", artifacts)):
            self.variables.add_global(kind, found((template or {}).get("outputs")), scope)

    def _check_leaf(self, template: Json, scope: Scope, base: Base) -> None:
        name = template.get("name") or ""
        self.variables.check(f"templates.{name}:", template, scope, empty=OF_TEMPLATE)
        if template.get("container") is not None:
            _check_mounts(template)
        for kind in ("container", "script"):
            defaults = ((base.spec.get("templateDefaults") or {}).get(kind) or {}) if not base.cluster else {}
            if template.get(kind) is not None and not template[kind].get("image") and not defaults.get("image"):
                raise WorkflowInvalid(f"templates.{name}.{kind}.image may not be empty")
        if template.get("containerSet") is not None:
            _check_container_set(template)
        if template.get("resource") is not None:
            _check_resource(template)
        _check_deadline(template)
        if template.get("parallelism") is not None:
            raise WorkflowInvalid(f"templates.{name}.parallelism is only valid for steps and dag templates")


def _is_open(reference: Json) -> bool:
    """Whether variables hide what it refers to."""
    try:
        return any(not tag.startswith("=") for tag in tags(reference, EMPTY))
    except WorkflowInvalid:
        return True


def _add_paths(template: Json, scope: Scope) -> None:
    outputs = template.get("outputs")
    scope |= {f"outputs.artifacts.{one.get('name')}.path" for one in artifacts(outputs) if one.get("path")}
    scope |= {
        f"outputs.parameters.{one.get('name')}.path"
        for one in parameters(outputs)
        if (one.get("valueFrom") or {}).get("path")
    }


def _check_timeout(template: Json, kind: str) -> None:
    timeout = template.get("timeout")
    if not timeout:
        return
    if not is_leaf(template):
        title = {"dag": "DAG"}.get(kind, kind[:1].upper() + kind[1:])
        raise WorkflowInvalid(f"{title} template doesn't support timeout field.")
    if str(timeout).lstrip("+-").isdigit():
        raise WorkflowInvalid(f"{template.get('name') or ''} has invalid duration format in timeout.")


def _check_deadline(template: Json) -> None:
    seconds = template.get("activeDeadlineSeconds")
    if seconds is None or (isinstance(seconds, str) and ("{{" in seconds or PLACEHOLDER.fullmatch(seconds))):
        return
    try:
        sound = int(seconds) >= 0
    except ValueError:
        sound = False
    if not sound:
        raise WorkflowInvalid(
            f"templates.{template.get('name') or ''}.activeDeadlineSeconds must be a positive integer > 0 or an argo variable"
        )


def _check_mounts(template: Json) -> None:
    name = template.get("name") or ""
    taken: dict[str, str] = {}
    for number, one in enumerate(template["container"].get("volumeMounts") or []):
        path = one.get("mountPath") or ""
        if path in taken:
            raise WorkflowInvalid(
                f"templates.{name}.container.volumeMounts[{number}].mountPath '{path}' already mounted in {taken[path]}"
            )
        taken[path] = f"container.volumeMounts.{one.get('name') or ''}"
    for number, one in enumerate(artifacts(template.get("inputs"))):
        path = one.get("path") or ""
        if path in taken:
            raise WorkflowInvalid(
                f"templates.{name}.inputs.artifacts[{number}].path '{path}' already mounted in {taken[path]}"
            )
        taken[path] = f"inputs.artifacts.{one['name']}"


def _check_container_set(template: Json) -> None:
    place = f"templates.{template.get('name') or ''}.containerSet"
    containers = template["containerSet"].get("containers") or []
    if not containers:
        raise WorkflowInvalid(f"{place}.containers must have at least one container")
    check_names(f"{place}.containers", containers)
    taken: dict[str, str] = {}
    for number, one in enumerate(template["containerSet"].get("volumeMounts") or []):
        path = one.get("mountPath") or ""
        if path in taken:
            raise WorkflowInvalid(f"{place}.volumeMounts[{number}].mountPath '{path}' already mounted in {taken[path]}")
        taken[path] = f"volumeMounts.{one.get('name') or ''}"
    needs = {one["name"]: one.get("dependencies") or [] for one in containers}
    for name, wanted in needs.items():
        for need in wanted:
            if need not in needs:
                raise WorkflowInvalid(f"{place}.containers.{name} dependency '{need}' not defined")
    if cycle := find_cycle(needs):
        raise WorkflowInvalid(f"{place}.containers dependency cycle detected: {'->'.join(cycle)}")
    outputs = template.get("outputs")
    needs_main = artifacts(template.get("inputs")) or parameters(outputs) or artifacts(outputs)
    if needs_main and "main" not in needs:
        raise WorkflowInvalid(f'{place}.containers must have a container named "main" for input or output')


def find_cycle(needs: dict[str, list[str]]) -> list[str]:
    """A cycle of names that need each other, its first name again at its end; empty where there is none."""
    state: dict[str, int] = {}
    for root in needs:
        path: list[str] = []
        todo = [(root, False)]
        while todo:
            name, leaving = todo.pop()
            if leaving:
                state[name] = 2
                path.pop()
            elif state.get(name) == 1:
                return [*path[path.index(name) :], name]
            elif name not in state:
                state[name] = 1
                path.append(name)
                todo.append((name, True))
                todo += [(need, False) for need in reversed(needs.get(name, [])) if state.get(need) != 2]
    return []


def _check_resource(template: Json) -> None:
    name, resource = template.get("name") or "", template["resource"]
    action, manifest, source = str(resource.get("action") or ""), resource.get("manifest"), resource.get("manifestFrom")
    if action not in ACTIONS and not PLACEHOLDER.fullmatch(action):
        raise WorkflowInvalid(f"templates.{name}.resource.action must be one of: {', '.join(ACTIONS)}")
    if action in ("delete", "get"):
        return
    if not manifest and source is None:
        raise WorkflowInvalid(
            f"either templates.{name}.resource.manifest or templates.{name}.resource.manifestFrom must be specified"
        )
    if manifest and source is not None:
        raise WorkflowInvalid(
            "shouldn't have both `manifest` and `manifestFrom` specified in `Manifest` for resource template"
        )
    if source is not None:
        wanted = (source.get("artifact") or {}).get("name")
        if wanted and wanted not in [one["name"] for one in artifacts(template.get("inputs"))]:
            raise WorkflowInvalid(f"artifact {wanted} in `manifestFrom` refer to a non-exist artifact")
    elif not PLACEHOLDER.fullmatch(str(manifest)):
        try:
            yaml.safe_load(EXPRESSION.sub("placeholder", str(manifest)))
        except yaml.YAMLError as error:
            raise WorkflowInvalid(f"templates.{name}.resource.manifest must be a valid yaml") from error


def _is_metric_name(name: str) -> bool:
    return re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name) is not None


def _check_metrics(template: Json) -> None:
    name = template.get("name") or ""
    for metric in (template.get("metrics") or {}).get("prometheus") or []:
        title = str(metric.get("name") or "")
        if not _is_metric_name(title):
            raise WorkflowInvalid(
                f"templates.{name} metric name '{title}' is invalid. Metric names must contain alphanumeric characters or '_'"
            )
        for label in metric.get("labels") or []:
            if not _is_metric_name(str(label.get("key") or "")):
                raise WorkflowInvalid(
                    f"metric label '{label.get('key') or ''}' is invalid: keys may only contain alphanumeric characters or '_'"
                )
        if not metric.get("help"):
            raise WorkflowInvalid(f"templates.{name} metric '{title}' must contain a help string under 'help: ' field")
        for kind in ("gauge", "counter", "histogram"):
            if (found := metric.get(kind)) is None:
                continue
            place = f"templates.{name} metric '{title}' error:"
            if not found.get("value"):
                raise WorkflowInvalid(f"{place} missing {kind}.value")
            if kind == "gauge" and found.get("realtime") and "resourcesDuration." in found["value"]:
                raise WorkflowInvalid(f"{place} 'resourcesDuration.*' metrics cannot be used in real-time")
