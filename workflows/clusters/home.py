"""The home engine on a real Argo: the cluster on which the platform itself runs as a pod, named by ATRIUM_ARGO_URL.

It is a row among the connected clusters. Its credentials are the pod's own account, which may make namespaces and accounts for
projects and take tokens of those accounts: each request of a project goes out with that project's token alone.
"""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import yaml

from atrium.clock import now
from atrium.database import reading, writing
from atrium.errors import Conflict, Unavailable
from atrium.home import get_home
from atrium.settings import CHECKOUT, get_settings
from workflows.clusters.kube import Json, Kube
from workflows.clusters.models import Access, ClusterRow

HOME, ACCOUNT = "home", "atrium"
POD = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TOKEN_SECONDS = 3600
FRESH_SECONDS = 2400.0  # a token is used no longer than this
MANIFESTS = CHECKOUT / "deploy" / "home" / "namespace.yaml"
PROJECT, COPIED = "atrium.io/project", "atrium.io/copied-to-projects"
PATHS = {
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "Secret": "/api/v1/namespaces/{}/secrets",
    "LimitRange": "/api/v1/namespaces/{}/limitranges",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
}


class NamespaceTaken(Conflict):
    """A namespace of a project's name is somebody else's."""


class NotInCluster(Unavailable):
    """The platform is no pod, so it has no account at the cluster that is to be its home."""


def home_cluster() -> str:
    """Name of the cluster that is the home engine; empty where that is the embedded one."""
    return HOME if get_settings().argo_url else ""


def pod_access() -> Access:
    """How the pod's own account asks its cluster. Raises `NotInCluster`."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host or not (POD / "token").exists():
        told = "with ATRIUM_ARGO_URL the platform runs as a pod of that cluster, whose account it asks with"
        raise NotInCluster(
            "the home cluster",
            told,
            "make cluster-up puts it there; from elsewhere unset ATRIUM_ARGO_URL and connect it: atrium cluster add",
        )
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    return Access(server, (POD / "ca.crt").read_text(), (POD / "token").read_text().strip())


_tokens: dict[str, tuple[float, str]] = {}
_lock = threading.Lock()


def project_access(namespace: str) -> Access:
    """How a project's account asks the home cluster: with a token of an hour. Raises `ClusterUnavailable`, `ClusterRefused`."""
    own = pod_access()
    with _lock:
        made, token = _tokens.get(namespace, (0.0, ""))
        if not token or time.monotonic() - made > FRESH_SECONDS:
            wanted = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": TOKEN_SECONDS}}  # fmt: skip
            path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{ACCOUNT}/token"
            with Kube(HOME, own) as kube:
                token = str(kube.ask("POST", path, wanted)["status"]["token"])
            _tokens[namespace] = (time.monotonic(), token)
    return Access(own.server, own.authority, token)


def seed_home() -> None:
    """Keeps the row of the home cluster as the settings say; without ATRIUM_ARGO_URL there is none."""
    settings = get_settings()
    with reading() as session:
        row = session.get(ClusterRow, HOME)
    if not settings.argo_url or (row and (row.argo_url, row.argo_checked) == _wanted()):
        return
    access = pod_access()
    url, checked = _wanted()
    with writing() as session:
        row = session.get(ClusterRow, HOME) or ClusterRow(
            name=HOME, sealed=b"", projects={}, added_by="settings", added_at=now()
        )
        row.server, row.authority, row.argo_url, row.argo_checked = access.server, access.authority, url, checked
        session.add(row)


def _wanted() -> tuple[str, bool]:
    return get_settings().argo_url.rstrip("/"), get_settings().argo_checked


def project_objects(project: str, secrets: list[Json]) -> Iterator[Json]:
    """What a project's namespace holds besides what runs there, as deploy/home/namespace.yaml says, and copies of `secrets`."""
    yield from yaml.safe_load_all(MANIFESTS.read_text().replace("PROJECT", project))
    for one in secrets:
        metadata = {"name": one["metadata"]["name"], "namespace": project}
        yield {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata,
            "type": one["type"],
            "data": one.get("data") or {},
        }


def prepare_project(project: str) -> None:
    """Makes a project's namespace on the home cluster with all that it needs, and notes it in the row; may be repeated.

    Raises:
        NamespaceTaken; ClusterUnavailable, ClusterRefused.
    """
    get_home().data(project)  # it is there before a step's pod mounts it
    with Kube(HOME, pod_access()) as kube:
        namespace, *inside = project_objects(project, _copied(kube))
        if not kube.create("/api/v1/namespaces", namespace):
            _check_ours(kube, project)
        for one in inside:
            _keep(kube, project, one)
    with writing() as session:
        row = session.get(ClusterRow, HOME)
        if row is not None and project not in row.projects:
            row.projects = {**row.projects, project: project}


_copies: dict[tuple[str, str], Json] = {}  # what was last written, by project and name


def _keep(kube: Kube, project: str, one: Json) -> None:
    """Makes an object that is not there; a copied secret that is there is written anew once it has changed beside the platform."""
    path, name, data = PATHS[one["kind"]].format(project), one["metadata"]["name"], one.get("data")
    if not kube.create(path, one) and data and _copies.get((project, name)) != data:
        kube.change(f"{path}/{name}", {"data": data})
    if data:
        _copies[project, name] = data


def _copied(kube: Kube) -> list[Json]:
    """The secrets beside the platform that each project gets: keys of the artifact store."""
    own = (POD / "namespace").read_text().strip()
    found = kube.ask("GET", f"/api/v1/namespaces/{own}/secrets", labelSelector=f"{COPIED}=true")
    return list(found.get("items") or [])


def _check_ours(kube: Kube, project: str) -> None:
    found = kube.ask("GET", f"/api/v1/namespaces/{project}")
    if (found["metadata"].get("labels") or {}).get(PROJECT) != project:
        told = "a namespace that was there before is taken only with this label"
        raise NamespaceTaken(
            f"namespace {project!r} of the home cluster", told, f"kubectl label namespace {project} {PROJECT}={project}"
        )
