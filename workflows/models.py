"""Tables of pipelines and run summaries, and what of them is shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from atrium.database import Base, UtcDateTime
from atrium.errors import Conflict, Invalid, NotFound


class PipelineNotFound(NotFound):
    """No pipeline of this name in the project."""


class TemplateNotFound(NotFound):
    """No workflow template of this name in the project."""


class RunNotFound(NotFound):
    """No run of this name in the project."""


class ManifestInvalid(Invalid):
    """The manifest is no Argo workflow that can run; `line` is where in its text, from 1, or 0 where that is not known."""

    def __init__(self, asked: str, allowed: str, next_step: str, line: int = 0) -> None:
        super().__init__(asked, allowed, next_step)
        self.line = line


class RevisionRow(Base):
    """One revision of a pipeline: its source, and the manifest that it means."""

    __tablename__ = "pipeline_revisions"

    project: Mapped[str] = mapped_column(String(30), primary_key=True)
    name: Mapped[str] = mapped_column(String(30), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    manifest: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(String(64))
    saved_by: Mapped[str] = mapped_column(String(60))
    saved_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ScheduleNotFound(NotFound):
    """The pipeline has no schedule."""


class SlotState(StrEnum):
    """What became of a slot of a schedule."""

    DUE = "Due"
    STARTED = "Started"
    SKIPPED = "Skipped"
    MISSED = "Missed"
    FAILED = "Failed"


class Overlap(StrEnum):
    """What happens when a slot is due and the run of an earlier one goes on; Argo's concurrencyPolicy."""

    ALLOW = "Allow"
    FORBID = "Forbid"
    REPLACE = "Replace"


class ScheduleRow(Base):
    """When a pipeline runs by itself; one for each pipeline. `looked_at` is until when its slots are in the ledger, for a period its last slot."""

    __tablename__ = "schedules"

    project: Mapped[str] = mapped_column(String(30), primary_key=True)
    pipeline: Mapped[str] = mapped_column(String(30), primary_key=True)
    crontab: Mapped[str] = mapped_column(String(200))
    timezone: Mapped[str] = mapped_column(String(60))
    parameters: Mapped[dict[str, str]] = mapped_column(JSON)
    overlap: Mapped[str] = mapped_column(String(10))
    catch_up_minutes: Mapped[int] = mapped_column()
    suspended: Mapped[bool] = mapped_column()
    owner: Mapped[str] = mapped_column(String(60))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    looked_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SlotRow(Base):
    """One time at which a schedule was due. It is written before its run is started; the run's name is made from it."""

    __tablename__ = "schedule_slots"
    __table_args__ = (Index("ix_schedule_slots_state", "state"),)

    project: Mapped[str] = mapped_column(String(30), primary_key=True)
    pipeline: Mapped[str] = mapped_column(String(30), primary_key=True)
    moment: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    revision: Mapped[int] = mapped_column()
    run: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(String(500))
    summary: Mapped["RunSummaryRow | None"] = relationship(
        primaryjoin="and_(foreign(SlotRow.project) == RunSummaryRow.project, foreign(SlotRow.run) == RunSummaryRow.name)",
        viewonly=True, lazy="raise",
    )  # fmt: skip


class ImageNotFound(NotFound):
    """No image is registered under this name."""


class ImageExists(Conflict):
    """An image is registered under this name already."""


class ImageNameInvalid(Invalid):
    """The name is no image reference."""


class ImageKind(StrEnum):
    """What a registered image is on this machine."""

    VENV = "venv"
    ROOTFS = "rootfs"
    OCI = "oci"


class ImageRow(Base):
    """An environment of this machine that stands for an image; `name` may have `*`. `exact`: it is what the name says."""

    __tablename__ = "images"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    path: Mapped[str] = mapped_column(String(1000))
    exact: Mapped[bool] = mapped_column()
    added_by: Mapped[str] = mapped_column(String(60))
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RunSummaryRow(Base):
    """What lists show of a run; fed by the engine's events, or by the watch of the cluster that it names."""

    __tablename__ = "run_summaries"
    __table_args__ = (Index("ix_run_summaries_page", "project", "created_at", "name"),)

    project: Mapped[str] = mapped_column(String(30), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    pipeline: Mapped[str] = mapped_column(String(60))
    phase: Mapped[str] = mapped_column(String(12))
    progress: Mapped[str] = mapped_column(String(20))
    message: Mapped[str] = mapped_column(String(500))
    owner: Mapped[str] = mapped_column(String(60))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cluster: Mapped[str] = mapped_column(String(30), default="", server_default="")


@dataclass(frozen=True)
class ParameterView:
    """A parameter of a pipeline: its default, what it means, and the values it may take where the manifest names them."""

    name: str
    value: str
    description: str = ""
    choices: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class PipelineView:
    """A revision of a pipeline, with its parameters: names with defaults, and the same as a form needs them."""

    project: str
    name: str
    number: int
    digest: str
    saved_by: str
    saved_at: datetime
    manifest: str
    parameters: Mapping[str, str]
    form: list[ParameterView] = field(default_factory=list)


@dataclass(frozen=True)
class ScheduleView:
    """A pipeline's schedule; `next_at` is None while it is suspended, or where no time is left."""

    project: str
    pipeline: str
    crontab: str
    timezone: str
    parameters: Mapping[str, str]
    overlap: Overlap
    catch_up_minutes: int
    suspended: bool
    owner: str
    changed_at: datetime
    next_at: datetime | None


@dataclass(frozen=True)
class SlotView:
    """A slot of a schedule: its time, the revision and run that stand for it, what became of it and why.

    `run_state` and `run_message` tell how that run is; empty while it is not there, or not any more.
    """

    moment: datetime
    revision: int
    run: str
    state: SlotState
    reason: str
    run_state: str = ""
    run_message: str = ""


@dataclass(frozen=True)
class ConfigMapView:
    """A project's config map: its values by key."""

    name: str
    data: Mapping[str, str]


@dataclass(frozen=True)
class ImageView:
    """A registered image: its name or pattern, the folder that stands for it, whether exactly, and who added it when."""

    name: str
    kind: ImageKind
    path: str
    exact: bool
    added_by: str
    added_at: datetime


STOPPED = "Stopped with strategy"  # what Argo says of a workflow that somebody ended


def state_of(phase: str, message: str) -> str:
    """Argo's phase, or `Stopped` for a run that somebody ended: to Argo that is a failure, to people it is none."""
    return "Stopped" if phase in ("Failed", "Error") and message.startswith(STOPPED) else phase


@dataclass(frozen=True)
class RunSummary:
    """A run as lists show it; phases are Argo's, a retry starts it anew. `cluster` is empty where the platform's own workflow server runs it."""

    project: str
    name: str
    pipeline: str
    phase: str
    progress: str
    message: str
    owner: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cluster: str = ""

    @property
    def state(self) -> str:
        """What people call how it is; see `state_of`."""
        return state_of(self.phase, self.message)


@dataclass(frozen=True)
class NodeView:
    """A node of a run's graph; `images` tells by image what stood for it, once the node has ended; `reserved` Argo's seconds by resource."""

    id: str
    name: str
    type: str
    phase: str
    message: str
    pod: str
    started_at: str
    finished_at: str
    children: list[str]
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    artifacts: list[str] = field(default_factory=list)
    measured: Mapping[str, Any] = field(default_factory=dict)
    images: Mapping[str, str] = field(default_factory=dict)
    reserved: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class RunView:
    """A run with its graph; of a run on a cluster, that cluster, when it last answered, and its problem since (empty: none)."""

    project: str
    name: str
    pipeline: str
    phase: str
    progress: str
    message: str
    owner: str
    started_at: str
    finished_at: str
    nodes: list[NodeView]
    cluster: str = ""
    heard_at: datetime | None = None
    problem: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """What people call how it is; see `state_of`."""
        return state_of(self.phase, self.message)
