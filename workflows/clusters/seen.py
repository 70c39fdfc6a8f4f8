"""What was last seen on clusters: kept by the watch and by what is started from here, read by pages without asking the cluster."""

import base64
import gzip
import json
import zlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from atrium.clock import now
from atrium.database import reading
from workflows.clusters.models import ClusterRow, Seen, SeenRow
from workflows.models import RunSummaryRow
from workflows.plan import steps_of

Json = dict[str, Any]
PIPELINE, OWNER = "atrium.io/pipeline", "atrium.io/owner"
RUN, CREATOR = "workflows.argoproj.io/workflow", "workflows.argoproj.io/creator"
LONGEST_MESSAGE = 500


def project_of(row: ClusterRow, namespace: str) -> str | None:
    """The project whose namespace on the cluster this is."""
    return next((project for project, own in row.projects.items() if own == namespace), None)


def about(kind: Seen, found: Mapping[str, Any]) -> str:
    """What an object belongs to: a pod its workflow, an event its object, a workflow itself; empty where to nothing of ours."""
    if kind is Seen.POD:
        return str((found["metadata"].get("labels") or {}).get(RUN) or "")
    if kind is Seen.EVENT:
        return str((found.get("involvedObject") or {}).get("name") or "")
    return str(found["metadata"]["name"])


def _kept(kind: Seen, found: Mapping[str, Any]) -> Json:
    """What of an object is kept: a pod's parts that tell why it waits or fell, never its variables."""
    if kind is Seen.WORKFLOW:
        metadata = {key: value for key, value in found["metadata"].items() if key != "managedFields"}
        return {**found, "metadata": metadata, "status": whole_status(found.get("status") or {})}
    if kind is Seen.EVENT:
        return {
            key: found.get(key)
            for key in ("reason", "message", "type", "count", "lastTimestamp", "eventTime", "involvedObject")
        }
    containers = {
        part: [{key: one.get(key) for key in ("name", "image", "resources")} for one in found["spec"].get(part) or []]
        for part in ("containers", "initContainers")
    }
    metadata = {key: found["metadata"].get(key) for key in ("name", "labels", "annotations", "deletionTimestamp")}
    return {
        "metadata": metadata,
        "spec": {**containers, "nodeName": found["spec"].get("nodeName")},
        "status": found.get("status") or {},
    }


def whole_status(status: Mapping[str, Any]) -> Json:
    """A workflow's status with its nodes, which Argo compresses where they are many."""
    if not status.get("compressedNodes"):
        return dict(status)
    nodes = json.loads(gzip.decompress(base64.b64decode(status["compressedNodes"])))
    return {key: value for key, value in status.items() if key != "compressedNodes"} | {"nodes": nodes}


def template_of(node: Mapping[str, Any]) -> str:
    """Name of the template that a node runs, empty for one that is written in its place: Argo's names of pods hold it."""
    return str(node.get("templateName") or (node.get("templateRef") or {}).get("template") or "")


def keep(session: Session, cluster: ClusterRow, kind: Seen, found: Mapping[str, Any]) -> None:
    """Keeps an object as it is now, unless it is known newer; a workflow's summary too, unless another engine has a run of that name."""
    belongs, metadata = about(kind, found), found["metadata"]
    project = project_of(cluster, metadata["namespace"])
    if not belongs or project is None:
        return
    if kind is Seen.WORKFLOW and _known_newer(session, cluster.name, metadata):
        return
    if kind is Seen.WORKFLOW and not _summarize(session, cluster.name, project, found):
        return
    content = zlib.compress(json.dumps(_kept(kind, found)).encode())
    session.merge(
        SeenRow(
            cluster=cluster.name, kind=kind, namespace=metadata["namespace"], name=metadata["name"], about=belongs, content=content,
            seen_at=now(),
        )
    )  # fmt: skip


def _known_newer(session: Session, cluster: str, metadata: Mapping[str, Any]) -> bool:
    """Whether the watch was quicker than an answer: a workflow may have ended before the answer to its submission is kept."""
    row = session.get(SeenRow, (cluster, Seen.WORKFLOW, metadata["namespace"], metadata["name"]))
    if row is None:
        return False
    known: Mapping[str, Any] = json.loads(zlib.decompress(row.content))["metadata"]
    return known.get("uid") == metadata.get("uid") and _version(known) > _version(metadata)


def _version(metadata: Mapping[str, Any]) -> int:
    return int(metadata.get("resourceVersion") or 0)


def _summarize(session: Session, cluster: str, project: str, found: Mapping[str, Any]) -> bool:
    metadata, status = found["metadata"], found.get("status") or {}
    labels = metadata.get("labels") or {}
    known = session.get(RunSummaryRow, (project, metadata["name"]))
    if known is not None and known.cluster != cluster:
        return False
    started, finished = (
        datetime.fromisoformat(one) if one else None for one in (status.get("startedAt"), status.get("finishedAt"))
    )
    session.merge(
        RunSummaryRow(
            project=project, name=metadata["name"], pipeline=str(labels.get(PIPELINE) or "")[:60], phase=status.get("phase") or "Pending",
            progress=steps_of(found), message=str(status.get("message") or "")[:LONGEST_MESSAGE],
            owner=str(labels.get(OWNER) or labels.get(CREATOR) or "")[:60],
            created_at=datetime.fromisoformat(metadata["creationTimestamp"]), cluster=cluster,
            started_at=started, finished_at=finished,
        )
    )  # fmt: skip
    return True


def forget(session: Session, cluster: ClusterRow, kind: Seen, found: Mapping[str, Any]) -> None:
    """What the watch does with an object that was deleted: a workflow is forgotten with all that belongs to it, others are history."""
    if kind is Seen.WORKFLOW:
        forget_runs(session, cluster, found["metadata"]["namespace"], [found["metadata"]["name"]])


def forget_runs(session: Session, cluster: ClusterRow, namespace: str, names: Iterable[str]) -> None:
    """Forgets workflows of a namespace with their pods, events and summaries."""
    project = project_of(cluster, namespace)
    for name in names:
        of_it = (SeenRow.cluster == cluster.name, SeenRow.namespace == namespace)
        pods = select(SeenRow.name).where(*of_it, SeenRow.kind == Seen.POD, SeenRow.about == name)
        session.execute(
            delete(SeenRow).where(*of_it, SeenRow.kind == Seen.EVENT, SeenRow.about.in_(pods.scalar_subquery()))
        )
        session.execute(delete(SeenRow).where(*of_it, SeenRow.about == name))
        row = session.get(RunSummaryRow, (project, name))
        if row is not None and row.cluster == cluster.name:
            session.delete(row)


def seen_names(session: Session, cluster: str, kind: Seen, namespace: str, before: datetime) -> set[str]:
    """Names of the objects that are kept and were seen before a moment: a list that began then may lack what was started meanwhile."""
    of_kind = (SeenRow.cluster == cluster, SeenRow.kind == kind, SeenRow.namespace == namespace)
    query = select(SeenRow.name).where(*of_kind, SeenRow.seen_at < before)
    return set(session.scalars(query))


def seen_workflow(cluster: str, namespace: str, name: str) -> Json | None:
    """A workflow as it was last seen."""
    with reading() as session:
        row = session.get(SeenRow, (cluster, Seen.WORKFLOW, namespace, name))
    return json.loads(zlib.decompress(row.content)) if row else None


def seen_pods(cluster: str, namespace: str, run: str) -> dict[str, tuple[Json, list[Json]]]:
    """By name the pods of a run with their events (oldest first), as last seen; one query each."""
    of_it = (SeenRow.cluster == cluster, SeenRow.namespace == namespace)
    with reading() as session:
        pods = session.scalars(select(SeenRow).where(*of_it, SeenRow.kind == Seen.POD, SeenRow.about == run)).all()
        names = [row.name for row in pods]
        events = session.scalars(
            select(SeenRow)
            .where(*of_it, SeenRow.kind == Seen.EVENT, SeenRow.about.in_(names))
            .order_by(SeenRow.seen_at)
        ).all()
    told: dict[str, list[Json]] = {name: [] for name in names}
    for row in events:
        told[row.about].append(json.loads(zlib.decompress(row.content)))
    return {row.name: (json.loads(zlib.decompress(row.content)), told[row.name]) for row in pods}
