"""A project's part of the volume of all projects' data, as a volume of its own that its steps claim."""

from typing import Final

from app.deploying.keys import NAMESPACE
from app.deploying.kubectl import Json, apply, check_kubectl, items
from atrium.errors import Invalid, NotFound

CLAIM: Final = "atrium-data"
WITH_FOLDER: Final = ("nfs", "hostPath", "local")  # kinds of volumes of which a folder is a volume too


class NoSharedData(NotFound):
    """The platform has no volume of the projects' data, or the project no namespace."""


class VolumeNotShared(Invalid):
    """Of a volume of this kind no folder can be given to a project by itself."""


def share_data(project: str) -> str:
    """Gives the steps of a project its folder of the volume; returns where that is. May be repeated.

    Raises:
        KubectlMissing, ClusterSaidNo, NoSharedData, VolumeNotShared.
    """
    check_kubectl()
    claims = items("persistentvolumeclaim", CLAIM, "-n", NAMESPACE)
    bound = claims[0]["spec"].get("volumeName") if claims else None
    if not bound:
        told = "the overlay full has it, and a volume that several nodes mount (ReadWriteMany) is bound to it"
        raise NoSharedData(f"the claim {NAMESPACE}/{CLAIM}", told, "make cluster-up OVERLAY=full")
    namespaces = items("namespace", project)
    if not namespaces or (namespaces[0]["metadata"].get("labels") or {}).get("atrium.io/project") != project:
        told = "the platform makes it within seconds of the project, with the label atrium.io/project"
        raise NoSharedData(f"namespace {project!r}", told, "make the project first")
    [volume] = items("persistentvolume", bound)
    made = part_of(volume, project)
    apply([made, _claim(volume, project)])
    kind = next(one for one in WITH_FOLDER if one in made["spec"])
    return f"{kind} {made['spec'][kind]['path']}"


def part_of(volume: Json, project: str) -> Json:
    """The volume that is a project's folder of `volume`, for the claim in its namespace alone. Raises `VolumeNotShared`."""
    spec = volume["spec"]
    kind = next((one for one in WITH_FOLDER if one in spec), None)
    if kind is None:
        told = f"a folder of a volume of these kinds is a volume too: {', '.join(WITH_FOLDER)}"
        step = f"make a volume of its folder {project}/data by hand, and a claim {CLAIM} to it in namespace {project}"
        raise VolumeNotShared(f"volume {volume['metadata']['name']!r}", told, step)
    kept = {key: spec[key] for key in ("capacity", "accessModes", "mountOptions", "nodeAffinity") if key in spec}
    place = {**spec[kind], "path": f"{spec[kind]['path'].rstrip('/')}/{project}/data"}
    return {
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": f"{CLAIM}-{project}"},
        "spec": {**kept, kind: place, "persistentVolumeReclaimPolicy": "Retain", "storageClassName": "",
                 "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": project, "name": CLAIM}},
    }  # fmt: skip


def _claim(volume: Json, project: str) -> Json:
    spec = {"accessModes": volume["spec"]["accessModes"], "storageClassName": "", "volumeName": f"{CLAIM}-{project}",
            "resources": {"requests": volume["spec"]["capacity"]}}  # fmt: skip
    metadata = {"name": CLAIM, "namespace": project}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}
