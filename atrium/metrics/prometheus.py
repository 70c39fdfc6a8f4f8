"""Answers from Prometheus, over its HTTP API by the package prometheus-api-client."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from atrium.clock import now
from atrium.metrics.protocol import Answerer, Line, MetricsUnavailable, Point, Query

if TYPE_CHECKING:
    from requests import Session

ANSWER_SECONDS = 5


@dataclass(frozen=True)
class Access:
    """Where Prometheus is, and what it lets us in by: a bearer token, or a client certificate (file, key file)."""

    url: str
    token: str = ""
    certificate: tuple[str, str] | None = None


def promql(query: Query) -> str:
    """The query in Prometheus' language."""

    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'

    histogram = query.quantile is not None
    labels = ",".join(f"{key}={quoted(value)}" for key, value in query.where.items())
    inner = f"{query.metric}{'_bucket' if histogram else ''}{{{labels}}}"
    if query.rate_seconds:
        inner = f"rate({inner}[{round(query.rate_seconds)}s])"
    by = ",".join((*query.by, "le") if histogram else query.by)
    inner = f"{query.together} by ({by}) ({inner})"
    return f"histogram_quantile({query.quantile}, {inner})" if histogram else inner


class PrometheusMetrics:
    """A Prometheus server that scrapes this platform's `/metrics`; `instance` keeps several platforms apart."""

    def __init__(self, access: Access, instance: str = "") -> None:
        from prometheus_api_client import PrometheusConnect
        from urllib3.util.retry import Retry

        self.access, self.own = access, {"atrium_instance": instance} if instance else {}
        headers = {"Authorization": f"Bearer {access.token}"} if access.token else None
        self.client = PrometheusConnect(
            access.url, headers=headers, session=self._session(), retry=Retry(0), timeout=ANSWER_SECONDS, method="POST"
        )

    def _session(self) -> "Session":
        import requests

        session = requests.Session()
        session.trust_env = False
        if self.access.certificate:
            session.cert, session.verify = self.access.certificate, self.access.certificate[0]
        return session

    @contextmanager
    def _asking(self) -> Iterator[None]:
        from prometheus_api_client.exceptions import PrometheusApiClientException
        from requests import RequestException

        try:
            yield
        except (PrometheusApiClientException, RequestException, KeyError, ValueError) as error:
            raise MetricsUnavailable(
                f"Prometheus at {self.access.url} ({str(error)[:200]})", "it must answer its HTTP API", "see docs/monitoring.md"
            ) from error  # fmt: skip

    def _written(self, query: Query) -> str:
        return promql(Query(query.metric, {**query.where, **self.own}, query.by, query.rate_seconds, query.quantile,
                            query.together))  # fmt: skip

    def at(self, query: Query, moment: datetime | None = None) -> list[Point]:
        """The values at a moment."""
        time = {"time": f"{(moment or now()).timestamp():.3f}"}
        with self._asking():
            found: Sequence[Any] = self.client.custom_query(self._written(query), params=time)
            points = [Point(one["metric"], float(one["value"][1])) for one in found]
        return [one for one in points if math.isfinite(one.value)]

    def between(self, query: Query, start: datetime, end: datetime, step_seconds: float) -> list[Line]:
        """The values over time."""
        with self._asking():
            found: Sequence[Any] = self.client.custom_query_range(
                self._written(query), start, end, f"{step_seconds:g}s"
            )
            lines = [
                Line(one["metric"], [(datetime.fromtimestamp(float(at), UTC), float(value)) for at, value in one["values"]
                                     if math.isfinite(float(value))])
                for one in found
            ]  # fmt: skip
        return [line for line in lines if line.values]

    def about(self) -> Answerer:
        """Which Prometheus."""
        return Answerer("prometheus", self.access.url)
