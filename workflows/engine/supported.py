"""What Argo knows and this server does not run, refused by name."""

from collections.abc import Iterable

from atrium.errors import AtriumError
from workflows.engine.images import find_image
from workflows.engine.state import Json
from workflows.engine.validate import WorkflowInvalid

NOT_YET = {
    "resource": "resource templates need a Kubernetes cluster",
    "http": "http templates are not run by this server",
    "plugin": "executor plugins are not run by this server",
    "containerSet": "containerSet templates are not run by this server",
    "data": "data templates are not run by this server",
}
IGNORED_WOULD_MISLEAD = ("daemon", "sidecars", "initContainers")


def templates_of(spec: Json) -> Iterable[Json]:
    """The templates of a spec."""
    return spec.get("templates") or []


def _check_template(template: Json) -> None:
    name = template.get("name", "")
    for key, reason in NOT_YET.items():
        if key in template:
            raise WorkflowInvalid(f"templates.{name}: {reason}; use container, script, steps, dag or suspend")
    for key in IGNORED_WOULD_MISLEAD:
        if template.get(key):
            raise WorkflowInvalid(
                f"templates.{name}.{key} is not supported by this server; remove it, or use a cluster"
            )
    body = template.get("container") or template.get("script")
    if body and "{{" not in str(body.get("image", "")):
        try:
            find_image(str(body.get("image") or ""))
        except AtriumError as error:
            raise WorkflowInvalid(f"templates.{name}: {error}") from error
    if body:
        _check_surroundings(f"templates.{name}", body)
    for step in uses_of(template):
        if step.get("inline"):
            _check_template({"name": step["name"], **step["inline"]})


def _check_surroundings(place: str, body: Json) -> None:
    """Refuses what a container asks of its cluster that would be passed over here, so that no step runs without it."""
    if body.get("envFrom"):
        raise WorkflowInvalid(f"{place}.envFrom is not supported by this server; name each variable under env")
    for one in body.get("env") or []:
        if "valueFrom" in one and "secretKeyRef" not in one["valueFrom"]:
            raise WorkflowInvalid(
                f"{place}.env.{one.get('name')}.valueFrom: this server knows secretKeyRef alone; "
                "keep the value as a secret of the project, or write it as value"
            )


def _check_volumes(spec: Json) -> None:
    for one in spec.get("volumes") or []:
        if "emptyDir" not in one:
            raise WorkflowInvalid(
                f"spec.volumes.{one.get('name')}: this server has emptyDir volumes alone; "
                "share files by artifacts or in the project's data folder ($ATRIUM_DATA)"
            )
    if spec.get("volumeClaimTemplates"):
        raise WorkflowInvalid(
            "spec.volumeClaimTemplates is not supported by this server; "
            "share files by artifacts or in the project's data folder ($ATRIUM_DATA)"
        )


def uses_of(template: Json) -> Iterable[Json]:
    """The steps or tasks of a template."""
    for group in template.get("steps") or []:
        yield from group if isinstance(group, list) else [group]
    yield from (template.get("dag") or {}).get("tasks") or []


def check_supported(spec: Json) -> None:
    """Refuses by name what is not run here, so that nothing is passed over. Raises `WorkflowInvalid`."""
    for template in templates_of(spec):
        _check_template(template)
    _check_volumes(spec)
