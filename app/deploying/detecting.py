"""Other projects that a cluster has, by the API groups and versions that its API server tells; what is used of them, and what is not yet."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from app.deploying.kubectl import kubectl, tried
from app.doctor import Finding, Verdict

PAGE: Final = "docs/cluster-install.md#what-the-cluster-has-already"


@dataclass(frozen=True)
class Project:
    """A project that is known by a resource (`plural.group`) in a version; `used` says what for, empty where nothing uses it yet."""

    name: str
    resource: str
    version: str
    used: str = ""


MONITORS: Final = Project(
    "Prometheus operator",
    "servicemonitors.monitoring.coreos.com",
    "v1",
    "a ServiceMonitor has it read the platform's figures",
)
KNOWN: Final = (
    Project("Argo Workflows", "workflows.argoproj.io", "v1alpha1", "runs every pipeline"),
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
    """A known project and the versions of its resource that the cluster serves."""

    project: Project
    versions: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """Whether the version that we know is among them."""
        return self.project.version in self.versions

    @property
    def told(self) -> str:
        """What it is there for, or why it is not used."""
        if not self.fits:
            return f"is there in {', '.join(self.versions)}; {self.project.version} is needed, so it is not used"
        return (
            f"is there: {self.project.used}"
            if self.project.used
            else "is there; nothing uses it yet, and none is installed"
        )


def detect() -> list[Detected]:
    """The known projects that the cluster has, in their order. Raises `ClusterSaidNo`."""
    groups = json.loads(kubectl("get", "--raw", "/apis"))["groups"]
    served = {group["name"]: [one["version"] for one in group["versions"]] for group in groups}
    found = [Detected(one, tuple(_versions(one, served))) for one in KNOWN]
    return [one for one in found if one.versions]


def _versions(project: Project, served: dict[str, list[str]]) -> Iterator[str]:
    plural, _, group = project.resource.partition(".")
    for version in served.get(group, ()):
        made = tried("get", "--raw", f"/apis/{group}/{version}")
        if made.returncode == 0 and plural in {one["name"] for one in json.loads(made.stdout)["resources"]}:
            yield version


def components_for(found: list[Detected]) -> list[str]:
    """The kustomize components that go with what was detected."""
    return ["monitors"] if any(one.project is MONITORS and one.fits for one in found) else []


def findings() -> Iterator[Finding]:
    """Each as `atrium doctor --cluster` tells it; one that is too old is a warning. Raises `ClusterSaidNo`."""
    for one in detect():
        mend = "" if one.fits else f"upgrade it; {PAGE}"
        yield Finding(one.project.name, Verdict.OK if one.fits else Verdict.WARN, one.told, mend)
