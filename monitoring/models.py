"""Tables of components, alerts, silences and charts, and what of them is shown."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from atrium.database import Base, UtcDateTime
from atrium.errors import Invalid, NotFound

COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class AlertState(StrEnum):
    """Where an alert is: true but not yet for long enough, told, or over."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class Severity(StrEnum):
    """How bad it is: somebody cannot work now, or soon cannot."""

    CRITICAL = "critical"
    WARNING = "warning"


class AlertNotFound(NotFound):
    """No alert of this number that one may see."""


class SilenceInvalid(Invalid):
    """A silence lacks a reason or ends at the wrong time."""


class ObjectUnknown(Invalid):
    """`why` was asked about a kind of object that it does not know."""


class ComponentNotFound(NotFound):
    """The platform has no component of this name."""


class ComponentRow(Base):
    """A process of the platform as the worker last found it."""

    __tablename__ = "component_states"

    replica: Mapped[str] = mapped_column(String(8), primary_key=True)
    name: Mapped[str] = mapped_column(String(30), primary_key=True)
    place: Mapped[int]
    what: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(10))
    since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[str] = mapped_column(String(60))
    memory_mib: Mapped[int]
    checked: Mapped[str] = mapped_column(String(1000))
    mend: Mapped[str] = mapped_column(String(300))
    checked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    supervisor: Mapped[str] = mapped_column(String(40))
    restarts: Mapped[int]
    restarted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AlertRow(Base):
    """One alert from its first sign to its end; a later one of the same object is another row."""

    __tablename__ = "alerts"
    __table_args__ = (
        UniqueConstraint("rule", "project", "object", "pending_since"),
        Index("ix_alerts_page", "state", "project"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    rule: Mapped[str] = mapped_column(String(40))
    severity: Mapped[Severity] = mapped_column(String(10))
    project: Mapped[str] = mapped_column(String(30))
    object: Mapped[str] = mapped_column(String(120))
    state: Mapped[AlertState] = mapped_column(String(10))
    value: Mapped[float]
    pending_since: Mapped[datetime] = mapped_column(UtcDateTime)
    firing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    resolved_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)


class SilenceRow(Base):
    """Somebody's word that an alert need not be told for some time, with the reason."""

    __tablename__ = "alert_silences"

    id: Mapped[int] = mapped_column(primary_key=True)
    rule: Mapped[str] = mapped_column(String(40))
    project: Mapped[str] = mapped_column(String(30))
    object: Mapped[str] = mapped_column(String(120))
    reason: Mapped[str] = mapped_column(String(300))
    by: Mapped[str] = mapped_column(String(60))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class ChartsRow(Base):
    """The newest charts of a span of time, made by the worker, so that no page waits for them."""

    __tablename__ = "monitoring_charts"

    span: Mapped[str] = mapped_column(String(10), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    answerer: Mapped[str] = mapped_column(String(10))
    answered_from: Mapped[str] = mapped_column(String(300))
    note: Mapped[str] = mapped_column(String(500))
    body: Mapped[dict[str, Any]] = mapped_column(JSON)


@dataclass(frozen=True)
class ComponentStatus:
    """One component: `state` is up, starting, down or silent; `memory_mib` of it and its children."""

    name: str
    what: str
    state: str
    since: str
    version: str
    memory_mib: int
    checked: str
    mend: str


@dataclass(frozen=True)
class ComponentView:
    """A component as last found: `changed_at` since when in this state, `restarts` since the platform's first start."""

    name: str
    what: str
    state: str
    since: datetime | None
    changed_at: datetime
    version: str
    memory_mib: int
    checked: str
    mend: str
    checked_at: datetime
    restarts: int
    restarted_at: datetime | None


@dataclass(frozen=True)
class Said:
    """A sentence with its values apart, so that a page can say it in another language."""

    text: str
    values: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text.format(**self.values)


@dataclass(frozen=True)
class SilenceView:
    """A silence: until when, why, and whose word it is."""

    id: int
    reason: str
    by: str
    created_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class AlertView:
    """An alert with what it says; `project` is empty for the platform's own."""

    id: int
    rule: str
    severity: Severity
    state: AlertState
    project: str
    object: str
    value: float
    summary: Said
    next_step: Said
    pending_since: datetime
    firing_since: datetime | None
    resolved_at: datetime | None
    silence: SilenceView | None


@dataclass(frozen=True)
class ChartLine:
    """One line of a chart: its labels, and (seconds since 1970, value) pairs, oldest first."""

    labels: Mapping[str, str]
    values: list[tuple[float, float]]


@dataclass(frozen=True)
class Charts:
    """Charts of a span by name, when they were made, and who answered: prometheus or sampler, and where."""

    at: datetime
    answerer: str
    answered_from: str
    note: str
    lines: Mapping[str, list[ChartLine]]


@dataclass(frozen=True)
class Evidence:
    """One thing that was found: a sentence, and where there is one the text behind it (log lines, a message).

    A terminal's colours are taken out of the text.
    """

    said: Said
    text: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", COLOURS.sub("", self.text))


@dataclass(frozen=True)
class Step:
    """What to do next: a sentence, and the command that does it or the page (path below /app/, with the place on it) where it is done."""

    said: Said
    command: str = ""
    page: str = ""


@dataclass(frozen=True)
class Why:
    """Why an object fails, waits or is silent: one sentence, what it was concluded from, and what to do next.

    `fine` where nothing fails and nothing waits, so that there is nothing to explain.
    """

    object: str
    state: str
    because: Said
    evidence: list[Evidence]
    next_steps: list[Step]
    fine: bool = False
