"""What pages and REST show of datasets and features."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from atrium.errors import Invalid, NotFound


class DatasetNotFound(NotFound):
    """No dataset of this name in the project."""


class TableInvalid(Invalid):
    """A file cannot be read as a table."""


class QueryInvalid(Invalid):
    """A query cannot be run."""


@dataclass(frozen=True)
class DatasetView:
    """A dataset (Delta table): newest version, size, when it changed."""

    name: str
    version: int
    rows: int
    size_bytes: int
    changed_at: datetime


@dataclass(frozen=True)
class VersionView:
    """One version of a dataset and what made it."""

    version: int
    at: datetime
    operation: str
    by: str


@dataclass(frozen=True)
class Answer:
    """A table as names and rows; `cut` where there were more rows."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    cut: bool
