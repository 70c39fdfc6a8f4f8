"""The charts of the Monitoring page: which questions they ask, and the job that asks them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from atrium.clock import now
from atrium.database import reading, writing
from atrium.metrics import Metrics, Query
from monitoring.models import ChartLine, Charts, ChartsRow

DIGITS = 4


@dataclass(frozen=True)
class Span:
    """A stretch of time up to now, with the seconds between two points."""

    seconds: int
    step_seconds: int


SPANS = {"hour": Span(3600, 60), "day": Span(86_400, 900)}
OF_SERVICES = ("requests", "errors", "p50", "p95")
BY_SERVICE = ("project", "service")


def questions(step_seconds: int) -> Mapping[str, Query]:
    """Each chart's query; rates are over two steps, at least two minutes."""
    over = max(120.0, 2.0 * step_seconds)
    took = "atrium_service_request_duration_seconds"
    return {
        "requests": Query("atrium_service_requests_total", {}, BY_SERVICE, over),
        "errors": Query("atrium_service_requests_total", {"code_class": "5xx"}, BY_SERVICE, over),
        "p50": Query(took, {}, BY_SERVICE, over, 0.5),
        "p95": Query(took, {}, BY_SERVICE, over, 0.95),
        "memory": Query("atrium_process_resident_memory_bytes", {}, ("component",)),
        "cpu": Query("atrium_process_cpu_seconds_total", {}, ("component",), over),
        "disk": Query("atrium_disk_free_bytes", {}, (), together="min"),
        "steps": Query("argo_workflows_pods_gauge", {}, ("phase",)),
        "door": Query("atrium_door_requests_total", {}, ("code_class",), over),
    }


def draw(metrics: Metrics, span: str, note: str = "") -> None:
    """Asks a span's questions and keeps the answers in place of the ones before. Raises `MetricsUnavailable`."""
    length = SPANS[span]
    end = now().replace(second=0, microsecond=0)
    start = end - timedelta(seconds=length.seconds)
    body = {
        name: [
            [dict(line.labels), [[moment.timestamp(), float(f"{value:.{DIGITS}g}")] for moment, value in line.values]]
            for line in metrics.between(query, start, end, length.step_seconds)
        ]
        for name, query in questions(length.step_seconds).items()
    }
    about = metrics.about()
    with writing() as session:
        session.merge(
            ChartsRow(span=span, at=now(), answerer=about.kind, answered_from=about.where, note=note[:500], body=body)
        )


def kept(span: str) -> Charts | None:
    """The charts of a span as they were last drawn; None before the first time."""
    with reading() as session:
        row = session.get(ChartsRow, span)
    if row is None:
        return None
    lines = {
        name: [ChartLine(labels, [(at, value) for at, value in values]) for labels, values in found]
        for name, found in row.body.items()
    }
    return Charts(row.at, row.answerer, row.answered_from, row.note, lines)
