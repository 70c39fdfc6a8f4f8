"""Summaries of datasets, and what pages and REST show of datasets and features."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from atrium.database import Base, UtcDateTime
from atrium.errors import Invalid, NotFound, Unavailable


class DatasetNotFound(NotFound):
    """No dataset of this name in the project."""


class TableInvalid(Invalid):
    """A file cannot be read as a table."""


class FeaturesMissing(DatasetNotFound):
    """The project has no feature definitions yet."""


class FeaturesRefused(Invalid):
    """The feature server refused a request."""


class FeaturesSilent(Unavailable):
    """The feature server answers, and what it keeps newest values in does not."""


class QueryInvalid(Invalid):
    """A query cannot be run."""


class DatasetState(StrEnum):
    """Whether a dataset can be read."""

    READY = "ready"
    UNREADABLE = "unreadable"


class DatasetSummaryRow(Base):
    """What lists show of a dataset; fed by each write, and by looking at the tables' logs for writes that nobody told."""

    __tablename__ = "dataset_summaries"

    project: Mapped[str] = mapped_column(String(30), primary_key=True)
    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    version: Mapped[int]
    rows: Mapped[int] = mapped_column(BigInteger)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[DatasetState] = mapped_column(String(12))
    message: Mapped[str] = mapped_column(String(500))
    owner: Mapped[str] = mapped_column(String(60))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True)
class DatasetView:
    """A dataset (Delta table): newest version, size, when it changed and by whom; `message` says why it cannot be read."""

    name: str
    version: int
    rows: int
    size_bytes: int
    changed_at: datetime
    owner: str = ""
    state: DatasetState = DatasetState.READY
    message: str = ""


@dataclass(frozen=True)
class VersionView:
    """One version of a dataset and what made it: a person, and the run where it was one's; empty where its writer did not say."""

    version: int
    at: datetime
    operation: str
    by: str
    run: str = ""


@dataclass(frozen=True)
class OnlineValue:
    """A feature's newest value online and the event time that it is of; both None where there is none."""

    value: Any
    at: datetime | None


@dataclass(frozen=True)
class Answer:
    """A table as names and rows; `cut` where there were more rows."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    cut: bool
