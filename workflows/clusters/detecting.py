"""Other projects that a cluster has, by the API groups and versions that its API server tells; what is used of them, and what is not yet."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

Get = Callable[[str], Mapping[str, Any] | None]
"""JSON of a path of an API server; None where it serves none."""


class Use(StrEnum):
    """What becomes of a project on a cluster."""

    USED = "used"
    UNUSED = "not used"
    OLD = "too old"
    MISSING = "not there"


@dataclass(frozen=True)
class Project:
    """A project that is known by a resource (`plural.group`) in a version; `used` says what for, empty where nothing uses it yet.

    `beside` is of what is used only where the platform itself runs.
    """

    name: str
    resource: str
    version: str
    used: str = ""
    beside: bool = True


ARGO: Final = Project("Argo Workflows", "workflows.argoproj.io", "v1alpha1", "runs pipelines", beside=False)
MONITORS: Final = Project(
    "Prometheus operator",
    "servicemonitors.monitoring.coreos.com",
    "v1",
    "a ServiceMonitor has it read the platform's figures",
)
KNOWN: Final = (
    ARGO,
    Project("Gateway API", "httproutes.gateway.networking.k8s.io", "v1", "atrium cluster-route leads a Gateway of it to the door"),
    MONITORS,
    Project("Kueue", "localqueues.kueue.x-k8s.io", "v1beta1"),
    Project("Volcano", "queues.scheduling.volcano.sh", "v1beta1"),
    Project("KubeRay", "rayjobs.ray.io", "v1"),
    Project("Kubeflow Trainer", "trainjobs.trainer.kubeflow.org", "v1alpha1"),
    Project("Katib", "experiments.kubeflow.org", "v1beta1"),
    Project("KServe", "inferenceservices.serving.kserve.io", "v1beta1"),
)  # fmt: skip


@dataclass(frozen=True)
class Detected:
    """A known project on a cluster: `versions` of its resource are served there, `needed` is the one that we know; `used` says what for."""

    name: str
    resource: str
    needed: str
    versions: Sequence[str]
    use: Use
    used: str


def served(get: Get) -> dict[str, list[str]]:
    """By resource the versions that an API server tells of the known projects; what it has none of is missing."""
    groups = (get("/apis") or {}).get("groups") or ()
    known = {group["name"]: [one["version"] for one in group["versions"]] for group in groups}
    found = {one.resource: list(_versions(one.resource, known, get)) for one in KNOWN}
    return {resource: versions for resource, versions in found.items() if versions}


def _versions(resource: str, known: Mapping[str, Sequence[str]], get: Get) -> Iterator[str]:
    plural, _, group = resource.partition(".")
    for version in known.get(group, ()):
        if plural in {one["name"] for one in (get(f"/apis/{group}/{version}") or {}).get("resources") or ()}:
            yield version


def detected(versions: Mapping[str, Sequence[str]], beside: bool) -> list[Detected]:
    """What becomes of each known project on a cluster that serves these; `beside`: on the one on which the platform itself runs."""
    return [_detected(one, versions.get(one.resource, ()), beside) for one in KNOWN]


def _detected(one: Project, versions: Sequence[str], beside: bool) -> Detected:
    used = one.used if beside or not one.beside else ""
    use = Use.USED if used else Use.UNUSED
    if one.version not in versions:
        use = Use.OLD if versions else Use.MISSING
    return Detected(one.name, one.resource, one.version, versions, use, used)
