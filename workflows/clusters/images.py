"""Names of images as runtimes complete them, where a private registry keeps them, and the containers that name them."""

from collections.abc import Iterator
from typing import Any

CONTAINERS = ("containers", "initContainers", "ephemeralContainers", "sidecars")
SINGLE = ("container", "script")  # of Argo's templates
HUB, DIGEST_TAG_LENGTH = "docker.io", 12


def full_name(named: str) -> str:
    """A name as a runtime completes it: `busybox` is `docker.io/library/busybox:latest`."""
    rest, at, digest = named.partition("@")
    host, slash, path = rest.partition("/")
    if not slash or not (set(host) & set(".:") or host == "localhost"):
        host, path = HUB, rest if slash else f"library/{rest}"
    if ":" not in path and not at:
        path = f"{path}:latest"
    return f"{host}/{path}{at}{digest}"


def kept_as(full: str) -> str:
    """The name with a tag under which an image is kept: a digest alone becomes a tag, for a registry's list shows tags."""
    name, at, digest = full.partition("@")
    if not at:
        return full
    if ":" in name.rpartition("/")[2]:
        return name
    return f"{name}:{digest.replace(':', '-')[: len('sha256-') + DIGEST_TAG_LENGTH]}"


def at_registry(named: str, registry: str) -> str:
    """The name under which a private registry keeps an image; unchanged where it is of that registry, or a workflow's variable."""
    if named.startswith(f"{registry}/") or "{{" in named:
        return named
    return f"{registry}/{kept_as(full_name(named))}"


def containers(value: object) -> Iterator[dict[str, Any]]:
    """Every container that an object describes, at any depth: those of pods, of templates of jobs and of workflows."""
    if isinstance(value, dict):
        for key, inside in value.items():
            if key in CONTAINERS and isinstance(inside, list):
                yield from (one for one in inside if isinstance(one, dict) and isinstance(one.get("image"), str))
            elif key in SINGLE and isinstance(inside, dict) and isinstance(inside.get("image"), str):
                yield inside
            elif key != "openAPIV3Schema":
                yield from containers(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from containers(inside)
