"""How the embedded engine reaches a project's namespace on a connected cluster: for its resource templates alone."""

import base64
from dataclasses import dataclass

import yaml
from sqlalchemy import select

from atrium.database import reading
from atrium.errors import Invalid
from workflows.clusters.connect import access_of, cluster_of_project
from workflows.clusters.models import ClusterRow


class ClusterUnnamed(Invalid):
    """It is not said, or not to be had, on which cluster something is to happen."""


@dataclass(frozen=True)
class Reach:
    """A project's namespace on a cluster, and the kubeconfig that leads there, with the credential in clear."""

    cluster: str
    namespace: str
    kubeconfig: str


def cluster_for(project: str, wanted: str = "") -> str:
    """The cluster of a project's resource templates: `wanted`, or the only one it may use. Raises `ClusterUnnamed`."""
    with reading() as session:
        rows = session.scalars(select(ClusterRow).order_by(ClusterRow.name))
        known = [row.name for row in rows if project in row.projects]
    if wanted in known or (len(known) == 1 and not wanted):
        return wanted or known[0]
    if not known:
        raise ClusterUnnamed(
            f"resource templates of project {project!r}", "they need a Kubernetes cluster, and the project has none", f"atrium cluster allow NAME {project}"
        )  # fmt: skip
    raise ClusterUnnamed(
        f"resource templates of project {project!r} on cluster {wanted[:60]!r}", f"the project may use {', '.join(known)}",
        "name one in the annotation atrium.io/cluster"
    )  # fmt: skip


def reach(project: str, wanted: str = "") -> Reach:
    """The way to a project's namespace there. Raises `ClusterUnnamed`, `ClusterNotFound`, `ClusterNotOfProject`, `ClusterUnavailable`."""
    row, namespace = cluster_of_project(cluster_for(project, wanted), project)
    access = access_of(row, namespace)

    def coded(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    cluster = {"server": access.server} | (
        {"certificate-authority-data": coded(access.authority)} if access.authority else {}
    )
    user = {"token": access.token} if access.token else {}
    if access.certificate:
        user |= {"client-certificate-data": coded(access.certificate), "client-key-data": coded(access.key)}
    document = {
        "apiVersion": "v1", "kind": "Config", "current-context": "it", "clusters": [{"name": "it", "cluster": cluster}],
        "users": [{"name": "it", "user": user}], "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it", "namespace": namespace}}],
    }  # fmt: skip
    return Reach(row.name, namespace, yaml.safe_dump(document))
