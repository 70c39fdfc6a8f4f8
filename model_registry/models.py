"""Summaries of what MLflow holds, and what pages and REST show of experiments and models."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from atrium.database import Base, UtcDateTime
from atrium.errors import Conflict, Invalid, NotFound


class ModelNotFound(NotFound):
    """No model, version or alias of this name."""


class TrackingRunNotFound(NotFound):
    """No experiment or run of this id."""


class ModelNotServable(Invalid):
    """The model version lacks what serving needs."""


class ModelInUse(Conflict):
    """Something depends on the model or version, so it is not deleted."""


class ModelExists(Conflict):
    """A model, experiment or version of this name is there already."""


class AliasMoved(Conflict):
    """Somebody else moved the alias meanwhile, or is moving it now."""


class Lifecycle(StrEnum):
    """Whether an experiment is in use, or deleted and can be brought back (MLflow's words)."""

    ACTIVE = "active"
    DELETED = "deleted"


class ExperimentSummaryRow(Base):
    """What lists show of an experiment; fed by the events of MLflow's plugin."""

    __tablename__ = "experiment_summaries"
    __table_args__ = (Index("ix_experiment_summaries_page", "project", "state", "updated_at", "id"),)

    project: Mapped[str] = mapped_column(String(30), primary_key=True)
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(500))
    state: Mapped[Lifecycle] = mapped_column(String(10))
    owner: Mapped[str] = mapped_column(String(60))
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class TrackingRunSummaryRow(Base):
    """What lists show of a run that MLflow tracks; deleted runs have no row."""

    __tablename__ = "tracking_run_summaries"
    __table_args__ = (
        Index("ix_tracking_run_summaries_page", "project", "started_at", "id"),
        Index("ix_tracking_run_summaries_experiment", "project", "experiment", "started_at", "id"),
    )

    project: Mapped[str] = mapped_column(String(30), primary_key=True)
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    experiment: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(250))
    status: Mapped[str] = mapped_column(String(12))
    owner: Mapped[str] = mapped_column(String(60))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    metrics: Mapped[dict[str, float]] = mapped_column(JSON)
    inputs: Mapped[list[str]] = mapped_column(JSON)


class ModelSummaryRow(Base):
    """What lists show of a registered model."""

    __tablename__ = "model_summaries"

    project: Mapped[str] = mapped_column(String(30), primary_key=True)
    name: Mapped[str] = mapped_column(String(250), primary_key=True)
    description: Mapped[str] = mapped_column(String(1000))
    owner: Mapped[str] = mapped_column(String(60))
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    latest: Mapped[str] = mapped_column(String(20))
    aliases: Mapped[dict[str, str]] = mapped_column(JSON)


class ModelVersionSummaryRow(Base):
    """What lists show of a model version."""

    __tablename__ = "model_version_summaries"

    project: Mapped[str] = mapped_column(String(30), primary_key=True)
    model: Mapped[str] = mapped_column(String(250), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(String(40))
    status: Mapped[str] = mapped_column(String(30))
    owner: Mapped[str] = mapped_column(String(60))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    tags: Mapped[dict[str, str]] = mapped_column(JSON)
    description: Mapped[str] = mapped_column(String(1000))
    source: Mapped[str] = mapped_column(String(500))


class AliasMoveRow(Base):
    """An alias that is being moved right now: who holds a row may move it, everybody else is told."""

    __tablename__ = "alias_moves"

    project: Mapped[str] = mapped_column(String(30), primary_key=True)
    model: Mapped[str] = mapped_column(String(250), primary_key=True)
    alias: Mapped[str] = mapped_column(String(250), primary_key=True)
    owner: Mapped[str] = mapped_column(String(60))
    since: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True)
class ExperimentView:
    """An experiment; `owner` is who made it, empty where that was not seen."""

    id: str
    name: str
    updated_at: datetime
    state: Lifecycle = Lifecycle.ACTIVE
    owner: str = ""


@dataclass(frozen=True)
class TrackingRunSummary:
    """A run that MLflow tracks as lists show it: its last metrics (40 at most), the names of its input datasets."""

    id: str
    name: str
    experiment: str
    status: str
    user: str
    started_at: datetime
    ended_at: datetime | None
    metrics: Mapping[str, float]
    inputs: list[str]


@dataclass(frozen=True)
class TrackingRunView:
    """A run that MLflow tracks: its last metrics, its parameters, who began it and when."""

    id: str
    name: str
    experiment: str
    status: str
    user: str
    started_at: datetime
    ended_at: datetime | None
    metrics: Mapping[str, float]
    params: Mapping[str, str]
    tags: Mapping[str, str]
    inputs: list[str] = field(default_factory=list)
    input_sources: Mapping[str, str] = field(default_factory=dict)
    deleted: bool = False


@dataclass(frozen=True)
class ModelView:
    """A registered model, with version by alias."""

    name: str
    description: str
    updated_at: datetime
    aliases: Mapping[str, str]
    latest: str
    owner: str = ""


@dataclass(frozen=True)
class ModelVersionView:
    """A model version: its number, the run that made it, aliases, tags, state."""

    model: str
    version: str
    run_id: str
    created_at: datetime
    status: str
    aliases: list[str]
    tags: Mapping[str, str]
    description: str
    source: str
    owner: str = ""


@dataclass(frozen=True)
class ServableModel:
    """A version that can be served: its ONNX bytes, signature columns, input example and what its makers say of its inputs."""

    model: str
    version: str
    onnx: bytes
    signature: Mapping[str, Any]
    example: Mapping[str, Any]
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class Artifact:
    """A file or folder of a run; `size_bytes` of a file."""

    path: str
    is_dir: bool
    size_bytes: int


@dataclass(frozen=True)
class RunComparison:
    """Some runs beside each other: by metric and by parameter one value a run, None where a run has none."""

    runs: list[TrackingRunView]
    metrics: Mapping[str, list[float | None]]
    params: Mapping[str, list[str | None]]
    differing: list[str]


@dataclass(frozen=True)
class ModelCard:
    """What is known of a version: what it is for, what it takes and gives, how well it did, where it came from, as Markdown too."""

    model: ModelView
    version: ModelVersionView
    inputs: Mapping[str, Any]
    outputs: list[str]
    metrics: Mapping[str, float]
    params: Mapping[str, str]
    datasets: list[str]
    lacks: str
    markdown: str
