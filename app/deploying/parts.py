"""The parts of an installation: which objects are whose, which the platform needs, and what joins one to the platform."""

import json
import os
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from app.deploying.detecting import components_for, detect
from app.deploying.keys import NAMESPACE
from app.deploying.kubectl import MANAGER, ClusterSaidNo, Json, items, kubectl, tried
from app.deploying.plan import Change, changed
from app.deploying.releases import CLUSTER_WIDE
from atrium.errors import Invalid, NotFound
from atrium.settings import CHECKOUT

DEPLOY: Final = CHECKOUT / "deploy"
PLATFORM, ROLES, ARGO = "platform", "project-roles", "argo-workflows"
STAYS: Final = (
    "Namespace",
    "PersistentVolumeClaim",
    "PriorityClass",
)  # what is kept when a part is removed; pods of other parts name the class


@dataclass(frozen=True)
class Component:
    """A part that a kustomize component of its name brings: `called` names its objects; `holds` what only it keeps, empty where that can be made again."""

    called: str
    holds: str
    without: str = ""


COMPONENTS: Final = {
    "postgres": Component("atrium-postgres", "the platform's state and MLflow's tables"),
    "seaweedfs": Component("atrium-seaweedfs", "artifacts of runs and models"),
    "shared-data": Component("atrium-data", "the projects' datasets"),
    "redis": Component(
        "atrium-redis",
        "",
        "newest values of features are then read from the projects' data folders: bring views online again",
    ),
}
PARTS: Final = (PLATFORM, ROLES, *COMPONENTS, ARGO)


class PartNotFound(NotFound):
    """There is no part of this name."""


class PartNeeded(Invalid):
    """Something that is there needs the part that was to be removed, or it needs one that is not there."""


def check_part(name: str) -> None:
    """Raises `PartNotFound`."""
    if name not in PARTS:
        raise PartNotFound(f"a part named {name!r}", f"there are {', '.join(PARTS)}", "make cluster-up PART=redis")


def part_of(one: Json) -> str:
    """The part to which an object of an overlay belongs."""
    name = one["metadata"]["name"]
    if name.startswith("atrium-project-"):
        return ROLES
    return next(
        (part for part, component in COMPONENTS.items() if f"{name}-".startswith(f"{component.called}-")), PLATFORM
    )


def platform() -> Json | None:
    """The platform's Deployment on the cluster, None where there is none. Raises `ClusterSaidNo`."""
    return next(iter(items("deployment", "atrium", "-n", NAMESPACE)), None)


def joined(part: str, deployment: Json | None) -> bool:
    """Whether the platform's Deployment mounts what a component gives it."""
    names = {one["name"] for one in joint(part)["spec"]["template"]["spec"].get("volumes") or ()}
    found = deployment["spec"]["template"]["spec"].get("volumes") or () if deployment else ()
    return names <= {one["name"] for one in found}


def joint(part: str) -> Json:
    """What a component adds to the platform's Deployment: a strategic merge patch."""
    [patch] = yaml.safe_load((DEPLOY / "components" / part / "kustomization.yaml").read_text())["patches"]
    found: Json = yaml.safe_load(patch["patch"])
    return found


def parting(part: str) -> Json:
    """The patch that takes a component's fields out of the platform's Deployment again."""
    made = joint(part)
    pod = made["spec"]["template"]["spec"]
    for container in pod["containers"]:
        container["env"] = [{"name": one["name"], "$patch": "delete"} for one in container.get("env") or ()]
        mounts = container.get("volumeMounts") or ()
        container["volumeMounts"] = [{"mountPath": one["mountPath"], "$patch": "delete"} for one in mounts]
    pod["volumes"] = [{"name": one["name"], "$patch": "delete"} for one in pod.get("volumes") or ()]
    return made


def patched(patch: Json, dry: bool) -> Change:
    """Gives the platform's Deployment a patch, or with `dry` asks the API server what it would change. Raises `ClusterSaidNo`."""
    before = platform()
    flags = ("--dry-run=server",) if dry else ()
    words = (
        "patch",
        "deployment",
        "atrium",
        "-n",
        NAMESPACE,
        "--type=strategic",
        f"--field-manager={MANAGER}",
        "-o",
        "json",
        *flags,
    )
    made = tried(*words, "--patch-file=/dev/stdin", given=json.dumps(patch))
    if made.returncode or before is None:
        raise ClusterSaidNo(
            f"the change of the platform's Deployment: {made.stderr.strip()[-1000:]}",
            "the API server takes it",
            "mend what the API server says",
        )
    return changed(before, json.loads(made.stdout))


def composed(overlay: str, more: Sequence[str]) -> list[Json]:
    """The objects of an overlay with further components. Raises `ClusterSaidNo`."""
    folder = DEPLOY / "overlays" / overlay
    if not more:
        return _rendered(folder)
    with tempfile.TemporaryDirectory() as made:
        here = Path(made).resolve()
        paths = [os.path.relpath(DEPLOY / "components" / part, here) for part in more]
        text = {
            "kind": "Kustomization",
            "namespace": NAMESPACE,
            "resources": [os.path.relpath(folder, here)],
            "components": paths,
        }
        (here / "kustomization.yaml").write_text(
            yaml.safe_dump({"apiVersion": "kustomize.config.k8s.io/v1beta1", **text})
        )
        return _rendered(here)


def _rendered(folder: Path) -> list[Json]:
    found = [one for one in yaml.safe_load_all(kubectl("kustomize", str(folder))) if one]
    for one in (one for one in found if one["kind"] in CLUSTER_WIDE):
        one["metadata"].pop("namespace", None)  # kustomize does not know of each that it has none
    return found


def removable(part: str) -> list[Json]:
    """The objects of a part that go with it, of those that the cluster has, in the order of removal. Raises `ClusterSaidNo`."""
    every = [one for one in composed("ha", components_for(detect())) if part_of(one) == part]
    going = [one for one in every if one["kind"] not in (*STAYS, "ConfigMap")]
    found = [one for one in reversed(going) if items(one["kind"], one["metadata"]["name"], *_where(one))]
    maps = items("configmaps", "-n", NAMESPACE)  # each revision of a part has its own, by a name with a checksum
    return found + [one for one in maps if part in COMPONENTS and part_of(one) == part]


def staying(part: str) -> list[str]:
    """Claims and secrets of a part that are on the cluster and stay, by kind and name. Raises `ClusterSaidNo`."""
    name = "atrium-home" if part == PLATFORM else COMPONENTS[part].called if part in COMPONENTS else ""
    secret = "atrium-admin" if part == PLATFORM else name
    found = (
        [*items("persistentvolumeclaim", name, "-n", NAMESPACE), *items("secret", secret, "-n", NAMESPACE)]
        if name
        else []
    )
    return [f"{one['kind']} {NAMESPACE}/{one['metadata']['name']}" for one in found]


def _where(one: Json) -> list[str]:
    namespace = one["metadata"].get("namespace")
    return ["-n", namespace] if namespace else []


def check_unneeded(part: str) -> None:
    """Raises `PartNeeded` where something that is there needs the part; `ClusterSaidNo`."""
    there = platform()
    if part == ARGO:
        _check_argo_unneeded(there)
    if part == ROLES and (spaces := items("namespaces", "-l", "atrium.io/project")):
        names = ", ".join(one["metadata"]["name"] for one in spaces[:5])
        told = f"the accounts of projects have their rights by it: {names}"
        raise PartNeeded(
            "removing the project roles", told, "delete those namespaces first, if nobody needs what is in them"
        )
    if part in COMPONENTS and COMPONENTS[part].holds and joined(part, there):
        told = f"the platform keeps {COMPONENTS[part].holds} there"
        raise PartNeeded(
            f"removing the part {part}", told,
            f"lead the platform to another one by an overlay of your own (docs/cluster-install.md), or remove it first: REMOVE={PLATFORM}",
        )  # fmt: skip


def _check_argo_unneeded(there: Json | None) -> None:
    if there:
        told = "the platform runs its pipelines by it"
        raise PartNeeded(
            "removing Argo Workflows", told, f"remove the platform first: make cluster-up REMOVE={PLATFORM}"
        )
    kept = {
        kind: len(items(f"{kind}.argoproj.io", "-A")) for kind in ("workflows", "workflowtemplates", "cronworkflows")
    }
    if any(kept.values()):
        counts = ", ".join(f"{count} {kind}" for kind, count in kept.items())
        told = f"what is kept of its types would be deleted with them: {counts} of all namespaces"
        raise PartNeeded(
            "removing Argo Workflows",
            told,
            "delete them first, if nobody needs them: kubectl delete workflows -A --all",
        )


def check_moves(parts: Collection[str], alone: bool) -> None:
    """Raises `PartNeeded` where a platform that is there would no longer find what it keeps: these parts join it (`alone`: and what did stays).

    Raises:
        PartNeeded, ClusterSaidNo.
    """
    there = platform()
    for part, component in COMPONENTS.items():
        before, after = joined(part, there), part in parts
        if there and component.holds and before != after and not (before and alone):
            raise PartNeeded(
                f"another place for {component.holds} (the part {part})", "the platform that is there would begin with none of it",
                f"make a backup (docs/backup.md), remove the platform (REMOVE={PLATFORM}), bring over what is to stay, then install it so",
            )  # fmt: skip


def check_needs(part: str, overlay: str) -> None:
    """Raises `PartNeeded` where the platform of an overlay needs a component that is not there; `ClusterSaidNo`."""
    if part != PLATFORM:
        return
    wanted = {part_of(one) for one in composed(overlay, ())} & set(COMPONENTS)
    missing = [
        one for one in COMPONENTS if one in wanted and not items(_main(one), COMPONENTS[one].called, "-n", NAMESPACE)
    ]
    if missing:
        told = f"the platform of the overlay {overlay} needs {', '.join(missing)}"
        raise PartNeeded(
            "installing the platform alone", told, f"make cluster-up OVERLAY={overlay} PART={missing[0]}, and so on"
        )


def _main(part: str) -> str:
    return "persistentvolumeclaim" if part == "shared-data" else "deployment"
