"""Objects led to a private registry: images by digest, no pull policy that asks each time, and the secret that the registry wants."""

import base64
import copy
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from app.deploying.images.lock import Lock
from app.deploying.images.names import images_of
from app.deploying.keys import COPIED
from app.deploying.kubectl import Json
from atrium.errors import Invalid
from workflows.clusters.images import containers, full_name, kept_as

PULL_SECRET = "atrium-registry"  # noqa: S105  its name
SETTINGS, CONTROLLER, EXECUTOR = "atrium-settings", "workflow-controller-configmap", "/argoexec:"


class NotMirrored(Invalid):
    """Objects name an image that the private registry is not to have, or ask for one at each start."""


def pinned_at(named: str, registry: str, lock: Lock) -> str:
    """The name of an image at the private registry: by digest where the lock knows it, else by tag."""
    full = full_name(named)
    kept, digest = kept_as(full), lock.digests.get(full, "") or full.partition("@")[2]
    return f"{registry}/{kept.rpartition(':')[0]}@{digest}" if digest else f"{registry}/{kept}"


def rewritten(objects: Sequence[Json], registry: str, lock: Lock, secret: bool) -> list[Json]:
    """Copies of the objects that take every image from `registry`, with the pull secret where it asks for one.

    Argo's executor and the images of steps are named by settings, so those are set, too.
    """
    made = copy.deepcopy(list(objects))
    for one in made:
        for container in containers(one):
            container["image"] = pinned_at(container["image"], registry, lock)
            if container.get("imagePullPolicy") == "Always":
                container["imagePullPolicy"] = "IfNotPresent"
        for pod in _pods(one) if secret else ():
            pod["imagePullSecrets"] = [*(pod.get("imagePullSecrets") or []), {"name": PULL_SECRET}]
        _set(one, objects, registry, lock, secret)
    return made


def _set(one: Json, objects: Sequence[Json], registry: str, lock: Lock, secret: bool) -> None:
    if (one["kind"], one["metadata"]["name"]) == ("ConfigMap", SETTINGS):
        one["data"]["ATRIUM_IMAGE_REGISTRY"] = registry
        if secret:
            one["data"]["ATRIUM_PULL_SECRET"] = PULL_SECRET
    if (one["kind"], one["metadata"]["name"]) == ("ConfigMap", CONTROLLER):
        executor = next((image.named for image in images_of(objects) if EXECUTOR in image.named), "")
        if executor:
            wanted = {"image": pinned_at(executor, registry, lock), "imagePullPolicy": "IfNotPresent"}
            one["data"] = {**(one.get("data") or {}), "executor": yaml.safe_dump(wanted)}


def _pods(value: object) -> Iterator[Json]:
    if isinstance(value, dict):
        if isinstance(value.get("containers"), list):
            yield value
        for key, inside in value.items():
            if key != "openAPIV3Schema":
                yield from _pods(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from _pods(inside)


def check(objects: Sequence[Json], registry: str) -> None:
    """Raises `NotMirrored` with every object that would go elsewhere, or ask the registry at each start."""
    wrong = []
    for one in images_of(objects):
        if not one.started and (one.policy == "Always" or (not one.policy and one.full.endswith(":latest"))):
            wrong.append(f"{one.used_by} asks for {one.named} at each start (imagePullPolicy Always)")
        if not one.started and not one.named.startswith(f"{registry}/"):
            wrong.append(f"{one.used_by} names {one.named}")
    if wrong:
        told = f"every image comes from {registry}, and what a node has is used"
        raise NotMirrored("; ".join(wrong), told, "atrium images rewrite OVERLAY --registry REGISTRY")


def pull_secrets(objects: Sequence[Json], authfile: Path) -> list[Json]:
    """The secret with which the registry is asked, for each namespace in which objects have pods; projects get copies of the platform's.

    Raises:
        NotMirrored: the file holds no credentials.
    """
    try:
        words = json.loads(authfile.read_text())
        known = bool(words.get("auths"))
    except (OSError, ValueError, AttributeError):
        known = False
    if not known:
        told = "it is what `skopeo login --authfile FILE REGISTRY` writes"
        raise NotMirrored(
            f"{authfile} holds no credentials of a registry", told, f"skopeo login --authfile {authfile} REGISTRY"
        )
    data = {".dockerconfigjson": base64.b64encode(json.dumps({"auths": words["auths"]}).encode()).decode()}
    spaces = sorted({str(one["metadata"].get("namespace") or "default") for one in objects if any(containers(one))})
    return [
        {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson", "data": data,
         "metadata": {"name": PULL_SECRET, "namespace": one, "labels": COPIED}} for one in spaces
    ]  # fmt: skip
