"""Other projects that the cluster has that KUBECONFIG names: as cluster-up and doctor tell them, and what goes with them."""

import json
from collections.abc import Iterator
from typing import Final

from app.deploying.kubectl import ClusterSaidNo, Json, kubectl
from app.doctor import Finding, Verdict
from workflows.clusters.detecting import MONITORS, Detected, Use, detected, served

PAGE: Final = "docs/cluster-install.md#what-the-cluster-has-already"


def detect() -> list[Detected]:
    """The known projects that the cluster has, in their order. Raises `ClusterSaidNo`."""
    return [one for one in detected(served(_get), beside=True) if one.use is not Use.MISSING]


def _get(path: str) -> Json | None:
    try:
        return dict(json.loads(kubectl("get", "--raw", path)))
    except ClusterSaidNo as error:
        if "(NotFound)" in error.asked:
            return None
        raise


def told(one: Detected) -> str:
    """What a project that is there is there for, or why it is not used."""
    if one.use is Use.OLD:
        return f"is there in {', '.join(one.versions)}; {one.needed} is needed, so it is not used"
    return f"is there: {one.used}" if one.used else "is there; nothing uses it yet, and none is installed"


def components_for(found: list[Detected]) -> list[str]:
    """The kustomize components that go with what was detected."""
    return ["monitors"] if any(one.name == MONITORS.name and one.use is Use.USED for one in found) else []


def findings() -> Iterator[Finding]:
    """Each as `atrium doctor --cluster` tells it; one that is too old is a warning. Raises `ClusterSaidNo`."""
    for one in detect():
        old = one.use is Use.OLD
        yield Finding(one.name, Verdict.WARN if old else Verdict.OK, told(one), f"upgrade it; {PAGE}" if old else "")
