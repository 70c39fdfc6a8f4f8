"""Tables of services, demos and feedback, and what of them is shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from atrium.database import Base, UtcDateTime
from atrium.errors import Conflict, Invalid, NotFound, Unavailable


class ServiceState(StrEnum):
    """What the platform saw of a service."""

    WAITING = "waiting"
    LOADING = "loading"
    LIVE = "live"
    FAILED = "failed"


class ServiceNotFound(NotFound):
    """No service of this name in the project."""


class ServiceNotLive(Conflict):
    """The service does not answer yet."""


class DemoNotFound(NotFound):
    """No demo of this name in the project."""


class RowsRefused(Invalid):
    """The model was not made for these rows."""


class ModelServerFailed(Unavailable):
    """The model server refused or lost a model."""


class ServiceRow(Base):
    """A service: what is wanted, and beside it what was seen."""

    __tablename__ = "services"
    __table_args__ = (UniqueConstraint("project", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project: Mapped[str] = mapped_column(String(30), index=True)
    name: Mapped[str] = mapped_column(String(30))
    model: Mapped[str] = mapped_column(String(200))
    wanted_version: Mapped[str] = mapped_column(String(60))
    generation: Mapped[int]
    state: Mapped[ServiceState] = mapped_column(String(10))
    live_version: Mapped[str | None] = mapped_column(String(20))
    message: Mapped[str] = mapped_column(String(1000))
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", JSON)
    signature: Mapped[dict[str, Any]] = mapped_column(JSON)
    example: Mapped[dict[str, Any]] = mapped_column(JSON)
    changed_by: Mapped[str] = mapped_column(String(60))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class FigureRow(Base):
    """How many requests a service answered, refused (4xx) and failed (5xx) in one minute; kept 32 days."""

    __tablename__ = "service_figures"

    project: Mapped[str] = mapped_column(String(30), primary_key=True)
    service: Mapped[str] = mapped_column(String(30), primary_key=True)
    minute: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    succeeded: Mapped[int] = mapped_column(BigInteger)
    refused: Mapped[int] = mapped_column(BigInteger)
    failed: Mapped[int] = mapped_column(BigInteger)
    rows: Mapped[int] = mapped_column(BigInteger)
    total_microseconds: Mapped[int] = mapped_column(BigInteger)


class CounterRow(Base):
    """The counters of a replica's model server and front door when they were last read, since a restart sets them to zero."""

    __tablename__ = "service_counters"

    model: Mapped[str] = mapped_column(String(70), primary_key=True)
    replica: Mapped[str] = mapped_column(String(8), primary_key=True)
    read_at: Mapped[datetime] = mapped_column(UtcDateTime)
    succeeded: Mapped[int] = mapped_column(BigInteger)
    refused: Mapped[int] = mapped_column(BigInteger)
    failed: Mapped[int] = mapped_column(BigInteger)
    rows: Mapped[int] = mapped_column(BigInteger)
    total_nanoseconds: Mapped[int] = mapped_column(BigInteger)


class DemoRow(Base):
    """A demo in front of a service."""

    __tablename__ = "demos"

    project: Mapped[str] = mapped_column(String(30), primary_key=True)
    name: Mapped[str] = mapped_column(String(30), primary_key=True)
    service: Mapped[str] = mapped_column(String(30))
    title: Mapped[str] = mapped_column(String(120))
    public: Mapped[bool]
    published_by: Mapped[str] = mapped_column(String(60))
    published_at: Mapped[datetime] = mapped_column(UtcDateTime)


class FeedbackRow(Base):
    """What a visitor said of an answer."""

    __tablename__ = "feedback"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    project: Mapped[str] = mapped_column(String(30), index=True)
    demo: Mapped[str] = mapped_column(String(30))
    user: Mapped[str] = mapped_column(String(60))
    inputs: Mapped[dict[str, Any]] = mapped_column(JSON)
    output: Mapped[str] = mapped_column(String(300))
    right: Mapped[bool]


@dataclass(frozen=True)
class ServiceView:
    """A service: desired version (number or alias) and observed state apart."""

    project: str
    name: str
    model: str
    wanted_version: str
    live_version: str | None
    state: ServiceState
    message: str
    address: str
    metadata: Mapping[str, Any]
    signature: Mapping[str, Any]
    example: Mapping[str, Any]
    changed_by: str
    changed_at: datetime
    checked_at: datetime | None


@dataclass(frozen=True)
class ServiceBrief:
    """A service's name and state, without what it serves."""

    project: str
    name: str
    state: ServiceState
    live_version: str | None


@dataclass(frozen=True)
class DemoView:
    """A demo and its address on the content port."""

    project: str
    name: str
    service: str
    title: str
    public: bool
    address: str
    published_by: str
    published_at: datetime


@dataclass(frozen=True)
class FeedbackView:
    """What a visitor said of an answer."""

    at: datetime
    demo: str
    user: str
    inputs: Mapping[str, Any]
    output: str
    right: bool


@dataclass(frozen=True)
class Figures:
    """A service's requests in some time: answered, refused as their own fault, failed.

    `mean_milliseconds` as the model server measured it, None without requests.
    """

    succeeded: int
    refused: int
    failed: int
    rows: int
    mean_milliseconds: float | None
