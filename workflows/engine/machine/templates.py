"""Which template a step, task or handler names, and in which scope its own references are read."""

from typing import Any

from workflows.engine.machine.arguments import ArgumentsInvalid
from workflows.engine.machine.memory import Memory
from workflows.engine.state import Json, Workflow

KINDS = ("container", "script", "containerSet", "steps", "dag", "suspend", "data", "resource", "http", "plugin")
POD_KINDS = ("container", "script", "containerSet", "data", "resource")
NODE_TYPES = {"steps": "Steps", "dag": "DAG", "suspend": "Suspend", "http": "HTTP", "plugin": "Plugin"}
REQUESTS = ("http", "plugin")
CARRIED_KINDS = (*POD_KINDS, *REQUESTS)  # what the runner is asked to start


def kind_of(template: Json) -> str:
    """The key that says what a template is; empty where it has none."""
    return next(
        (kind for kind in KINDS if template.get(kind) is not None or (kind == "suspend" and kind in template)), ""
    )


def merged(base: Any, over: Any) -> Any:
    """`over` laid upon `base`: maps key by key, lists of named things by name, all else replaced."""
    if isinstance(base, dict) and isinstance(over, dict):
        return {**base, **{key: merged(base[key], value) if key in base else value for key, value in over.items()}}
    if isinstance(base, list) and isinstance(over, list) and _are_named([*base, *over]):
        known = {one["name"]: one for one in over}
        kept = [merged(one, known.pop(one["name"])) if one["name"] in known else one for one in base]
        return [*kept, *known.values()]
    return over


def _are_named(items: list[Any]) -> bool:
    return bool(items) and all(isinstance(one, dict) and "name" in one for one in items)


class Templates:
    """Finds a workflow's templates: its own, and those it refers to."""

    def __init__(self, workflow: Workflow, memory: Memory) -> None:
        self.wf, self.memory = workflow, memory

    def find(self, reference: Json, scope: str) -> tuple[Json, str]:
        """The template that a step or task names, and the scope in which its own references are read.

        Raises:
            ArgumentsInvalid: there is none of that name.
        """
        if inline := reference.get("inline"):
            return self._with_defaults({"name": "", **inline}), scope
        if outside := reference.get("templateRef"):
            scope = f"{'cluster' if outside.get('clusterScope') else 'namespaced'}/{outside['name']}"
            return self._named(scope, outside["template"]), scope
        return self._named(scope, str(reference.get("template"))), scope

    def _named(self, scope: str, name: str) -> Json:
        if (scope, name) not in self.memory.templates:
            self.memory.templates[scope, name] = self._with_defaults(self._stored(scope, name))
        return self.memory.templates[scope, name]

    def _stored(self, scope: str, name: str) -> Json:
        if not scope.startswith("local/"):
            stored: Json = self.wf.status.get("storedTemplates") or {}
            if f"{scope}/{name}" in stored:
                return stored[f"{scope}/{name}"]  # type: ignore[no-any-return]
            where = scope.split("/", 1)[1]
            raise ArgumentsInvalid(f"template {name} not found in workflow template {where}")
        for template in self.wf.spec["templates"]:
            if template.get("name") == name:
                return template  # type: ignore[no-any-return]
        raise ArgumentsInvalid(f"template {name} not found in workflow template {self.wf.name}")

    def _with_defaults(self, template: Json) -> Json:
        defaults = self.wf.spec.get("templateDefaults")
        if not defaults:
            return template
        kind = kind_of(template)
        whole: Json = merged(defaults, template)
        return {key: value for key, value in whole.items() if key not in KINDS or key == kind}

    def around(self, boundary: str | None) -> Json | None:
        """The template of a boundary's node, or None where there is none."""
        node = self.wf.nodes.get(boundary or "")
        if node is None or not (node.get("templateName") or node.get("templateRef")):
            return None
        named = {"template": node.get("templateName"), "templateRef": node.get("templateRef")}
        return self.find(named, node["templateScope"])[0]
