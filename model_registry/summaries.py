"""The summary tables: what lists read of MLflow's objects, and how one object's row is brought up to what MLflow holds."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from atrium.database import Base
from atrium.home import get_home
from atrium.lineage import Node, NodeKind, connect
from model_registry.models import (
    ExperimentSummaryRow,
    ExperimentView,
    ModelSummaryRow,
    ModelVersionSummaryRow,
    ModelVersionView,
    ModelView,
    TrackingRunSummaryRow,
    TrackingRunView,
)

MOST_METRICS = 40
LONGEST_TEXT = 1000
LONGEST_SOURCE = 500


def _put(
    session: Session, kind: type[Base], key: tuple[object, ...], values: Mapping[str, Any], owner: str | None
) -> None:
    """Makes or changes a row; the owner that was once seen stays."""
    row = session.get(kind, key)
    if row is None:
        names = [str(column.key) for column in kind.__mapper__.primary_key]
        session.add(kind(**dict(zip(names, key, strict=True)), **values, owner=owner or ""))
        return
    for name, value in values.items():
        setattr(row, name, value)
    if owner and not getattr(row, "owner", ""):
        setattr(row, "owner", owner)  # noqa: B010  each kind has one


def store_experiment(session: Session, project: str, one: ExperimentView, owner: str | None = None) -> None:
    """Brings an experiment's row up."""
    values = {"name": one.name[:500], "state": one.state, "updated_at": one.updated_at}
    _put(session, ExperimentSummaryRow, (project, one.id), values, owner)


def store_run(session: Session, project: str, one: TrackingRunView, owner: str | None = None) -> None:
    """Brings a run's row up, and the edges from its input datasets; a deleted run loses its row."""
    if one.deleted:
        forget(session, TrackingRunSummaryRow, project, id=one.id)
        return
    metrics = {name: one.metrics[name] for name in sorted(one.metrics)[:MOST_METRICS]}
    values = {
        "experiment": one.experiment, "name": one.name[:250], "status": one.status, "started_at": one.started_at,
        "ended_at": one.ended_at, "metrics": metrics, "inputs": one.inputs,
    }  # fmt: skip
    _put(session, TrackingRunSummaryRow, (project, one.id), values, owner or one.user[:60])
    used = [_input(project, name, source) for name, source in one.input_sources.items()]
    connect(session, project, used, Node(NodeKind.RUN, one.id), f"mlflow/{one.experiment}")


def _input(project: str, name: str, source: str) -> Node:
    """The dataset that a run's input names: `…/datasets/<name>` of the project, at the version after an `@`."""
    path, _, version = source.rpartition("@") if "@" in source else (source, "", "")
    parts = PurePosixPath(path.strip('"}{')).parts
    if "datasets" in parts and str(get_home().data(project)) in path:
        version = "".join(sign for sign in version if sign.isdigit())
        return Node(NodeKind.DATASET, parts[-1].split('"')[0], version)
    return Node(NodeKind.SOURCE, name)


def store_model(session: Session, project: str, one: ModelView, owner: str | None = None) -> None:
    """Brings a registered model's row up."""
    values = {"description": one.description[:LONGEST_TEXT], "updated_at": one.updated_at, "latest": one.latest,
              "aliases": dict(one.aliases)}  # fmt: skip
    _put(session, ModelSummaryRow, (project, one.name), values, owner)


def store_version(session: Session, project: str, one: ModelVersionView, owner: str | None = None) -> None:
    """Brings a version's row up, and the edge from the run that made it."""
    values = {
        "run_id": one.run_id, "status": one.status, "created_at": one.created_at, "tags": dict(one.tags),
        "description": one.description[:LONGEST_TEXT], "source": one.source[:LONGEST_SOURCE],
    }  # fmt: skip
    _put(session, ModelVersionSummaryRow, (project, one.model, int(one.version)), values, owner)
    if one.run_id:
        target = Node(NodeKind.MODEL_VERSION, one.model, one.version)
        connect(session, project, [Node(NodeKind.RUN, one.run_id)], target, "mlflow/register")


def forget(session: Session, kind: type[Base], project: str, **named: object) -> None:
    """Takes away the rows of one kind that `named` names by their columns."""
    where = [getattr(kind, name) == value for name, value in named.items()]
    session.execute(delete(kind).where(kind.__table__.c.project == project, *where))
