"""Where things come from: edges source → dataset version → feature view → training set → run → model version → service → demo.

Each is written in the transaction of the change that made it, and told as an OpenLineage event (openlineage.io, run event 2-0-2).
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import httpx
from sqlalchemy import String, UniqueConstraint, and_, delete, literal, or_, select, update
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from atrium import __version__
from atrium.clock import now
from atrium.database import Base, UtcDateTime, reading, writing
from atrium.errors import Unavailable
from atrium.events import emit, mark_seen, unseen
from atrium.identity import Actor, Verb, require
from atrium.settings import get_settings

DEEPEST = 12
MOST_EDGES = 200
KIND = "lineage.edge"
PRODUCER = f"urn:atrium:{__version__}"
SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
VERSION_FACET = "https://openlineage.io/spec/facets/1-0-1/DatasetVersionDatasetFacet.json"
FORWARD_SECONDS = 10.0


class NodeKind(StrEnum):
    """What stands at an edge's ends, in the order in which they come from each other."""

    SOURCE = "source"
    DATASET = "dataset"
    FEATURE_VIEW = "feature-view"
    RUN = "run"
    MODEL_VERSION = "model-version"
    SERVICE = "service"
    DEMO = "demo"


@dataclass(frozen=True)
class Node:
    """One thing in a project; `version` where it has versions (datasets, models), else empty."""

    kind: NodeKind
    name: str
    version: str = ""


@dataclass(frozen=True)
class Edge:
    """`target` was made from `source` by `job`."""

    source: Node
    target: Node
    job: str
    at: datetime


class EdgeRow(Base):
    """One edge; a second making of the same leaves it as it is.

    A feature view has no versions, but what it is filled from has: `until` is when another version took the place of this one.
    """

    __tablename__ = "lineage_edges"
    __table_args__ = (
        UniqueConstraint("project", "source_kind", "source_name", "source_version", "target_kind", "target_name", "target_version"),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    project: Mapped[str] = mapped_column(String(30))
    source_kind: Mapped[NodeKind] = mapped_column(String(20))
    source_name: Mapped[str] = mapped_column(String(300))
    source_version: Mapped[str] = mapped_column(String(20))
    target_kind: Mapped[NodeKind] = mapped_column(String(20), index=True)
    target_name: Mapped[str] = mapped_column(String(300), index=True)
    target_version: Mapped[str] = mapped_column(String(20))
    job: Mapped[str] = mapped_column(String(300))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)


def _known(session: Session, project: str, source: Node, target: Node) -> bool:
    query = select(EdgeRow.id).where(
        EdgeRow.project == project, EdgeRow.source_kind == source.kind, EdgeRow.source_name == source.name,
        EdgeRow.source_version == source.version, EdgeRow.target_kind == target.kind, EdgeRow.target_name == target.name,
        EdgeRow.target_version == target.version,
    )  # fmt: skip
    return session.scalar(query) is not None


def connect(
    session: Session, project: str, sources: Iterable[Node], target: Node, job: str, instead: bool = False
) -> None:
    """Notes in the caller's transaction that `target` was made from `sources` by `job`; what is known stays as it is.

    `instead` is for things without versions that come from one thing at a time (services, demos): other edges to them end.
    """
    sources = list(sources)
    if instead:
        _end_others(session, project, sources, target)
    if target.kind == NodeKind.FEATURE_VIEW:
        _take_places(session, project, sources, target)
    fresh = [one for one in dict.fromkeys(sources) if one != target and not _known(session, project, one, target)]
    for one in fresh:
        session.add(
            EdgeRow(
                project=project, source_kind=one.kind, source_name=one.name, source_version=one.version, target_kind=target.kind,
                target_name=target.name, target_version=target.version, job=job, at=now(),
            )
        )  # fmt: skip
    if fresh:
        emit(session, KIND, project, f"{target.kind}/{target.name}", openlineage(project, fresh, target, job, now()))


def _take_places(session: Session, project: str, sources: Iterable[Node], view: Node) -> None:
    """From now on a feature view holds these versions, and no other ones of the same things."""
    for one in sources:
        same = (
            EdgeRow.project == project, EdgeRow.source_kind == one.kind, EdgeRow.source_name == one.name,
            EdgeRow.target_kind == view.kind, EdgeRow.target_name == view.name,
        )  # fmt: skip
        here = EdgeRow.source_version == one.version
        session.execute(update(EdgeRow).where(*same, ~here, EdgeRow.until.is_(None)).values(until=now()))
        session.execute(update(EdgeRow).where(*same, here).values(until=None))


def _end_others(session: Session, project: str, sources: Iterable[Node], target: Node) -> None:
    query = select(EdgeRow).where(
        EdgeRow.project == project, EdgeRow.target_kind == target.kind, EdgeRow.target_name == target.name
    )
    for row in session.scalars(query):
        if _edge(row).source not in sources:
            session.delete(row)
    session.flush()


def forget_node(session: Session, project: str, node: Node) -> None:
    """Ends every edge to and from a thing that is no more, in the caller's transaction."""
    for side in ("source", "target"):
        kind, name = getattr(EdgeRow, f"{side}_kind"), getattr(EdgeRow, f"{side}_name")
        session.execute(delete(EdgeRow).where(EdgeRow.project == project, kind == node.kind, name == node.name))


def _dataset(project: str, node: Node) -> dict[str, Any]:
    version = {"_producer": PRODUCER, "_schemaURL": VERSION_FACET, "datasetVersion": node.version}
    facets = {"version": version} if node.version else {}
    return {"namespace": project, "name": f"{node.kind}/{node.name}", "facets": facets}


def openlineage(project: str, sources: Iterable[Node], target: Node, job: str, at: datetime) -> dict[str, Any]:
    """The edges into `target` as one OpenLineage run event; its run's id is always the same for the same edges."""
    given = list(sources)
    told = "|".join([project, job, str(target), *map(str, given)])
    return {
        "eventType": "COMPLETE", "eventTime": at.isoformat(), "producer": PRODUCER, "schemaURL": SCHEMA,
        "run": {"runId": str(uuid.uuid5(uuid.NAMESPACE_URL, told)), "facets": {}},
        "job": {"namespace": project, "name": job, "facets": {}},
        "inputs": [_dataset(project, one) for one in given], "outputs": [_dataset(project, target)],
    }  # fmt: skip


def _edge(row: EdgeRow) -> Edge:
    source = Node(NodeKind(row.source_kind), row.source_name, row.source_version)
    return Edge(source, Node(NodeKind(row.target_kind), row.target_name, row.target_version), row.job, row.at)


def trace(project: str, node: Node, upstream: bool = True) -> list[Edge]:
    """The edges that lead to a node (upstream), or away from it, at most 12 steps and 200 edges, by one statement.

    A node without a version stands for all its versions. What passes through a feature view is what it held at that time, and what a
    feature view itself comes from is what it holds now.
    """
    with reading() as session:
        return [_edge(row) for row in session.scalars(_walk(project, node, upstream))]


@dataclass(frozen=True)
class Lineage:
    """What a node came from, and what came from it."""

    upstream: list[Edge]
    downstream: list[Edge]


def lineage_of(who: Actor, project: str, node: Node) -> Lineage:
    """Both directions of `trace`, by two statements. Raises `Forbidden`."""
    require(who, Verb.READ, project)
    return Lineage(trace(project, node), trace(project, node, upstream=False))


def _walk(project: str, node: Node, upstream: bool) -> Any:
    near, far = ("target", "source") if upstream else ("source", "target")
    begin = [getattr(EdgeRow, f"{near}_{part}") for part in ("kind", "name", "version")]
    start = and_(EdgeRow.project == project, begin[0] == node.kind, begin[1] == node.name)
    if node.version:
        start = and_(start, begin[2] == node.version)
    if upstream and node.kind == NodeKind.FEATURE_VIEW:
        start = and_(start, EdgeRow.until.is_(None))
    walked = select(EdgeRow.id, literal(1).label("depth")).where(start).cte("walked", recursive=True)
    before, after = aliased(EdgeRow), aliased(EdgeRow)
    same = [
        getattr(after, f"{near}_{part}") == getattr(before, f"{far}_{part}") for part in ("kind", "name", "version")
    ]
    into, out_of = (after, before) if upstream else (before, after)
    held = and_(into.at <= out_of.at, or_(into.until.is_(None), into.until > out_of.at))
    same.append(or_(into.target_kind != NodeKind.FEATURE_VIEW, held))
    further = (
        select(after.id, (walked.c.depth + 1).label("depth"))
        .join(before, before.id == walked.c.id)
        .join(after, and_(after.project == project, *same))
        .where(walked.c.depth < DEEPEST)
    )
    found = select(walked.union(further).c.id)
    return select(EdgeRow).where(EdgeRow.id.in_(found)).order_by(EdgeRow.id.desc()).limit(MOST_EDGES)


class LineageRefused(Unavailable):
    """The OpenLineage endpoint does not take what is told to it."""


def forward() -> None:
    """Tells new edges to the OpenLineage endpoint that the settings name, each at least once. Raises `LineageRefused`."""
    url = get_settings().openlineage_url
    while url and (events := unseen("openlineage", (KIND,), 100)):
        for event in events:
            _tell(url, event.payload)
            with writing() as session:
                mark_seen(session, "openlineage", event.id)


def _tell(url: str, payload: Mapping[str, object]) -> None:
    refused = "ATRIUM_OPENLINEAGE_URL must take OpenLineage run events by POST"
    try:
        response = httpx.post(url, json=payload, timeout=FORWARD_SECONDS)
    except httpx.TransportError as error:
        raise LineageRefused(
            f"{url} did not answer ({error})", refused, "mend it; nothing is lost meanwhile"
        ) from error
    if not response.is_success:
        raise LineageRefused(f"{url} answered {response.status_code}", refused, "mend it; nothing is lost meanwhile")
