"""Which template a step, task or handler names, and in which scope its own references are read."""

from workflows.engine.machine.arguments import ArgumentsInvalid
from workflows.engine.machine.calls import Call
from workflows.engine.state import Json, Workflow


class Templates:
    """Finds a workflow's templates: its own, and those it refers to."""

    def __init__(self, workflow: Workflow) -> None:
        self.wf = workflow

    def find(self, reference: Json, scope: str) -> tuple[Json, str]:
        """The template that a step or task names, and the scope in which its own references are read."""
        if inline := reference.get("inline"):
            return {"name": "", **inline}, scope
        if outside := reference.get("templateRef"):
            place = f"{'cluster' if outside.get('clusterScope') else 'namespaced'}/{outside['name']}"
            return self._stored(f"{place}/{outside['template']}"), place
        name = reference["template"]
        if scope.startswith("local/"):
            for template in self.wf.spec["templates"]:
                if template.get("name") == name:
                    return {**(self.wf.spec.get("templateDefaults") or {}), **template}, scope
            raise ArgumentsInvalid(f"template {name} not found")
        return self._stored(f"{scope}/{name}"), scope

    def _stored(self, key: str) -> Json:
        try:
            return self.wf.status["storedTemplates"][key]  # type: ignore[no-any-return]
        except KeyError:
            raise ArgumentsInvalid(f"template {key} not found") from None

    def around(self, call: Call) -> Json | None:
        """The template in which the call stands, or None for the first."""
        boundary = self.wf.nodes.get(call.boundary or "")
        if boundary is None or not (boundary.get("templateName") or boundary.get("templateRef")):
            return None
        named = {"template": boundary.get("templateName"), "templateRef": boundary.get("templateRef")}
        return self.find(named, boundary["templateScope"])[0]
