"""What a cluster has already: Argo Workflows with its server and artifact store, storage for the home."""

from dataclasses import dataclass, field

import yaml

from app.deploying.kubectl import Json, items
from atrium.errors import Invalid

DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


class ArgoUnfit(Invalid):
    """The Argo Workflows that is there cannot be used as it is set up."""


@dataclass(frozen=True)
class Argo:
    """An Argo Workflows that is there; `secrets` are those that hold its artifact store's keys, empty without a store."""

    namespace: str
    url: str
    version: str
    secrets: list[str] = field(default_factory=list)
    keeps_logs: bool = False


def find_argo(knows: str) -> Argo | None:
    """The Argo whose types and server the cluster has; None where it has neither.

    Raises:
        ArgoUnfit: types without a server, a server without auth mode client, or one of a single namespace.
    """
    types = items("customresourcedefinitions", knows)
    servers = [one for one in items("deployments", "-A") if one["metadata"]["name"] == "argo-server"]
    if not types and not servers:
        return None
    if not types or not servers:
        missing = "a Deployment argo-server" if types else f"the custom resource {knows}"
        raise ArgoUnfit(
            f"Argo Workflows of this cluster lacks {missing}",
            "both are there, or neither",
            "install it whole, or remove what is left of it",
        )
    return _argo(servers[0])


def _argo(server: Json) -> Argo:
    container = server["spec"]["template"]["spec"]["containers"][0]
    words, namespace = (
        [*(container.get("command") or []), *(container.get("args") or [])],
        server["metadata"]["namespace"],
    )
    modes = [word.partition("=")[2] for word in words if word.startswith("--auth-mode=")]
    if modes and "client" not in modes:
        told = "the platform shows each project's token, which takes the mode client"
        raise ArgoUnfit(
            f"Argo Server in namespace {namespace} has --auth-mode={','.join(modes)}",
            told,
            "add --auth-mode=client to it",
        )
    if "--namespaced" in words:
        told = "it must serve the namespaces of projects"
        raise ArgoUnfit(
            f"Argo Server in namespace {namespace} is --namespaced", told, "install Argo Workflows cluster-wide"
        )
    plain = any(word in ("--secure=false", "-e=false") for word in words)
    url = f"{'http' if plain else 'https'}://argo-server.{namespace}:2746"
    version = str(container["image"]).rpartition(":")[2]
    return Argo(namespace, url, version, *_artifact_store(namespace))


def _artifact_store(namespace: str) -> tuple[list[str], bool]:
    maps = items("configmap", "workflow-controller-configmap", "-n", namespace)
    text = ((maps[0].get("data") or {}) if maps else {}).get("artifactRepository") or ""
    store = yaml.safe_load(text) or {}
    named = [(store.get("s3") or {}).get(key, {}).get("name") for key in ("accessKeySecret", "secretKeySecret")]
    return sorted({name for name in named if name}), bool(store.get("archiveLogs"))


def storage_trouble(claim: str, namespace: str) -> str:
    """Why the home's volume claim would wait; empty where it is bound or something can bind it."""
    bound = [one for one in items("persistentvolumeclaims", "-n", namespace) if one["metadata"]["name"] == claim]
    if bound and (bound[0].get("status") or {}).get("phase") == "Bound":
        return ""
    classes = items("storageclasses")
    if any((one["metadata"].get("annotations") or {}).get(DEFAULT_CLASS) == "true" for one in classes):
        return ""
    if any(_free_for(one, claim) for one in items("persistentvolumes")):
        return ""
    names = ", ".join(one["metadata"]["name"] for one in classes) or "none"
    return f"no default storage class (there are: {names}) and no free volume: the claim {claim} will wait until there is one"


def _free_for(volume: Json, claim: str) -> bool:
    wanted = (volume["spec"].get("claimRef") or {}).get("name", claim)
    return (volume.get("status") or {}).get("phase") in ("Available", "Bound") and bool(wanted == claim)
