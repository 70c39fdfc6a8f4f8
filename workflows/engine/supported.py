"""What Argo knows and this server does not run, refused by name."""

import shutil
from collections.abc import Callable, Iterable

from atrium.errors import AtriumError
from workflows.engine.environments import find_image, look_again
from workflows.engine.pods import all_bodies
from workflows.engine.resources import OWNERLESS, ResourceRefused, check_flags, is_own
from workflows.engine.state import Json
from workflows.engine.validate import WorkflowInvalid
from workflows.engine.volumes import KINDS as KNOWN_VOLUMES

NO_STORES = {"azure", "gcs", "hdfs", "oss", "plugin"}


def templates_of(spec: Json) -> Iterable[Json]:
    """The templates of a spec."""
    return spec.get("templates") or []


def _check_template(template: Json, cluster: Callable[[], object] | None) -> None:
    name = template.get("name", "")
    if template.get("resource") is not None:
        _check_resource(f"templates.{name}", template["resource"], cluster)
    for side in ("inputs", "outputs"):
        for one in (template.get(side) or {}).get("artifacts") or []:
            if found := NO_STORES & one.keys():
                raise WorkflowInvalid(
                    f"templates.{name}.{side}.artifacts.{one.get('name')}.{found.pop()}: artifacts of this server lie in the project's store, "
                    "in an S3 (s3 with an endpoint), at an address (http, artifactory), in a repository (git) or in the manifest (raw)"
                )
    for body in all_bodies(template) if {"container", "script", "containerSet"} & template.keys() else []:
        _check_body(f"templates.{name}", body)
    _check_volumes(f"templates.{name}.volumes", template.get("volumes") or [])
    for step in uses_of(template):
        if step.get("inline"):
            _check_template({"name": step["name"], **step["inline"]}, cluster)


def _check_resource(place: str, resource: Json, cluster: Callable[[], object] | None) -> None:
    """Refuses a resource template that cannot act: it names what this server does not keep, and there is no cluster or no kubectl."""
    try:
        check_flags([one for one in resource.get("flags") or [] if "{{" not in str(one)], "")
        if is_own(resource, str(resource.get("manifest") or "")) is not False:
            return
        if resource.get("setOwnerReference"):
            raise ResourceRefused(OWNERLESS)
        if cluster is not None:
            cluster()
    except (ResourceRefused, AtriumError) as error:
        raise WorkflowInvalid(f"{place}.resource: {error}") from error
    if cluster is not None and shutil.which("kubectl") is None:
        raise WorkflowInvalid(
            f"{place}.resource: it is carried out by the program kubectl, which this machine does not have; install it"
        )


def _check_body(place: str, body: Json) -> None:
    """Refuses a container that cannot run here, or whose wishes would be passed over."""
    if body.get("image") and "{{" not in str(body["image"]):
        try:
            find_image(str(body["image"]))
        except AtriumError as error:
            raise WorkflowInvalid(f"{place}: {error}") from error
    if body.get("lifecycle"):
        raise WorkflowInvalid(
            f"{place}.{body.get('name')}.lifecycle is not run by this server; start and end what it needs in the command"
        )
    for one in body.get("env") or []:
        known = ("secretKeyRef", "configMapKeyRef", "fieldRef", "resourceFieldRef")
        if "valueFrom" in one and not any(kind in one["valueFrom"] for kind in known):
            raise WorkflowInvalid(f"{place}.env.{one.get('name')}.valueFrom must have one of {', '.join(known)}")
    for mount in body.get("volumeMounts") or []:
        if mount.get("subPathExpr"):
            raise WorkflowInvalid(
                f"{place}.volumeMounts.{mount.get('name')}.subPathExpr is not supported by this server; use subPath"
            )


def _check_volumes(place: str, volumes: Iterable[Json]) -> None:
    for one in volumes:
        if not any(kind in one for kind in KNOWN_VOLUMES):
            raise WorkflowInvalid(
                f"{place}.{one.get('name')}: this server has volumes of the kinds {', '.join(KNOWN_VOLUMES)}; "
                "share files by artifacts, a claim, or in the project's data folder ($ATRIUM_DATA)"
            )


def uses_of(template: Json) -> Iterable[Json]:
    """The steps or tasks of a template."""
    for group in template.get("steps") or []:
        yield from group if isinstance(group, list) else [group]
    yield from (template.get("dag") or {}).get("tasks") or []


def check_supported(spec: Json, cluster: Callable[[], object] | None = None) -> None:
    """Refuses by name what is not run here, so that nothing is passed over. Raises `WorkflowInvalid`.

    `cluster` is asked where there is a resource template; it raises an `AtriumError` where the project has none.
    """
    look_again()
    for template in templates_of(spec):
        _check_template(template, cluster)
    _check_volumes("spec.volumes", spec.get("volumes") or [])
