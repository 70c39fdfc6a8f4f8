"""The seam between what is measured and who keeps it: a handful of questions that Prometheus and our sampler both answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from atrium.errors import Unavailable

LOOKBACK_SECONDS = 300.0


class MetricsUnavailable(Unavailable):
    """Whoever keeps the metrics does not answer."""


@dataclass(frozen=True)
class Query:
    """Values of `metric`'s series whose labels equal `where`, taken `together` for each value of the labels `by`.

    With `rate_seconds` a counter's increase per second over that time before; with `quantile` (0 to 1) that quantile of
    the histogram `metric` over `rate_seconds`, in the histogram's unit. A value older than 5 minutes is no value.
    """

    metric: str
    where: Mapping[str, str] = field(default_factory=dict)
    by: tuple[str, ...] = ()
    rate_seconds: float = 0.0
    quantile: float | None = None
    together: Literal["sum", "max", "min"] = "sum"


@dataclass(frozen=True)
class Point:
    """A value with the labels that the query asked for."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Line:
    """Values over time with the labels that the query asked for, oldest first; moments without a value are left out."""

    labels: Mapping[str, str]
    values: list[tuple[datetime, float]]


@dataclass(frozen=True)
class Answerer:
    """Who answers: `kind` is prometheus or sampler, `where` its address or file."""

    kind: Literal["prometheus", "sampler"]
    where: str


class Metrics(Protocol):
    """Answers questions about what was measured."""

    def at(self, query: Query, moment: datetime | None = None) -> list[Point]:
        """The values at a moment (None: now), empty where there are none. Raises `MetricsUnavailable`."""

    def between(self, query: Query, start: datetime, end: datetime, step_seconds: float) -> list[Line]:
        """The values from `start` to `end`, one a step, both ends included. Raises `MetricsUnavailable`."""

    def about(self) -> Answerer:
        """Who answers, without asking it."""
