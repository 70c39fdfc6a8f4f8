"""`podSpecPatch`: what it changes of a pod, told by the pod's template."""

from collections.abc import Iterable

import yaml

from workflows.engine.machine.templates import kind_of, merged
from workflows.engine.state import Json

SINGLE, MAIN, OF_ARGO = ("container", "script"), "main", ("init", "wait")
CHANGED = (*SINGLE, "containerSet")
NAMED = ("containers", "initContainers", "volumes")
OF_PODS = (*NAMED, "activeDeadlineSeconds", "hostAliases", "securityContext", "terminationGracePeriodSeconds")
REFUSED = "Error applying PodSpecPatch"  # all that Argo says


def patched(template: Json, patches: Iterable[str]) -> Json:
    """The template whose pod these patches change in turn, each a piece of a pod's spec as YAML.

    Raises:
        ValueError: one is none.
    """
    for text in patches:
        template = _merged(template, _read(text))
    return template


def _read(text: str) -> Json:
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(REFUSED) from error
    named = [found.get(key) or [] for key in NAMED] if isinstance(found, dict) else [0]
    if not all(
        isinstance(each, list) and all(isinstance(one, dict) and one.get("name") for one in each) for each in named
    ):
        raise ValueError(REFUSED)
    return {key: found[key] for key in OF_PODS if key in found}


def _merged(template: Json, patch: Json) -> Json:
    kind = kind_of(template)
    if kind not in CHANGED:
        return template
    mains = [{**template[kind], "name": MAIN}] if kind in SINGLE else template[kind]["containers"]
    pod: Json = {key: template[key] for key in patch if key in template}
    pod["containers"] = [*mains, *(template.get("sidecars") or [])]
    pod = merged(pod, patch)
    by_name = {one["name"]: one for one in pod.pop("containers") if one["name"] not in OF_ARGO}
    made = [by_name.pop(one["name"]) for one in mains]
    pod["initContainers"] = [
        one for one in pod.get("initContainers") or template.get("initContainers") or [] if one["name"] not in OF_ARGO
    ]
    whole = made[0] if kind in SINGLE else {**template[kind], "containers": made}
    return {**template, **pod, kind: whole, "sidecars": list(by_name.values())}


def volume_not_there(template: Json, defined: Iterable[Json]) -> str:
    """The first volume that a container of the pod mounts and nothing defines; empty where there is none."""
    known = {one["name"] for one in [*defined, *(template.get("volumes") or [])]}
    own: Json = template[kind] if (kind := kind_of(template)) in CHANGED else {}
    bodies = [
        own,
        *(own.get("containers") or []),
        *(template.get("initContainers") or []),
        *(template.get("sidecars") or []),
    ]
    mounts = [one for body in bodies for one in body.get("volumeMounts") or []]
    return next((str(one["name"]) for one in mounts if one["name"] not in known), "")
