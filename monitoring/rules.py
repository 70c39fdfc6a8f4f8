"""What the platform watches for: each rule asks the metrics one question and says what its answer means."""

from dataclasses import dataclass, field
from typing import Literal

from atrium.metrics import Metrics, Query
from atrium.settings import get_settings
from monitoring.models import Said, Severity

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
GIB = 2.0**30
Unit = Literal["", "share", "seconds", "bytes", "days"]


@dataclass(frozen=True)
class Rule:
    """True of each object whose value (divided by `over`'s, `times` a factor) is below or above the bound.

    It fires once it was true for `for_seconds`. `object` names the object from the query's labels; `kind` is what `why` calls
    it. The texts may hold {object}, {project} and {value}, the latter in `unit`.
    """

    name: str
    severity: Severity
    query: Query
    summary: str
    next_step: str
    for_seconds: float
    below: float | None = None
    above: float | None = None
    over: Query | None = None
    times: float = 1.0
    unit: Unit = ""
    object: str = "platform"
    kind: Literal["component", "service", "pipeline", "platform"] = "platform"

    def says(self, project: str, object: str, value: float) -> Said:
        """What is the matter, for a person."""
        return Said(self.summary, {"object": object, "project": project, "value": shown(value, self.unit)})

    def advises(self, project: str, object: str) -> Said:
        """What to do about it."""
        return Said(self.next_step, {"object": object, "project": project})


@dataclass(frozen=True)
class Found:
    """An object of which a rule is true now; `project` is empty for the platform's own."""

    project: str
    object: str
    value: float = field(compare=False)


def shown(value: float, unit: Unit) -> str:
    """A value with its unit as people read it."""
    if unit == "share":
        return f"{value * 100:.0f} %" if value >= 0.1 else f"{value * 100:.1f} %"
    if unit == "bytes":
        return f"{value / GIB:.1f} GiB"
    if unit == "days":
        return f"{value / DAY:.0f}"
    if unit == "seconds":
        return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"
    return f"{value:.0f}"


def _services(metric: str, **more: str) -> Query:
    return Query(metric, more, ("project", "service"), rate_seconds=300)


def _component_rules() -> list[Rule]:
    return [
        Rule(
            "ComponentDown", Severity.CRITICAL, Query("atrium_component_up", by=("component",), together="min"),
            "Component {object} does not answer", "Look why, then restart it: .venv/bin/atrium restart {object}",
            for_seconds=15, below=1, object="{component}", kind="component",
        ),
        Rule(
            "ComponentRestarting", Severity.WARNING,
            Query("atrium_component_restarts_total", by=("component",), rate_seconds=600),
            "Component {object} died and was started again; times in the last 10 minutes: {value}", "Look at what its log says last",
            for_seconds=0, above=0.5, times=600, object="{component}", kind="component",
        ),
        Rule(
            "MetricsIncomplete", Severity.WARNING, Query("atrium_collector_up", by=("source",), together="min"),
            "What {object} measures is missing", "See whether that component runs: .venv/bin/atrium doctor",
            for_seconds=120, below=1, object="{source}",
        ),
        Rule(
            "PrometheusSilent", Severity.WARNING, Query("atrium_prometheus_answers", together="min"),
            "Prometheus does not answer or does not scrape this platform; the built-in sampler does meanwhile",
            "Check ATRIUM_PROMETHEUS_URL and its scrape targets", for_seconds=60, below=1, object="prometheus",
        ),
    ]  # fmt: skip


def _service_rules() -> list[Rule]:
    bound = get_settings().alert_latency_ms / 1000
    slow = Query("atrium_service_request_duration_seconds", {}, ("project", "service"), 300, 0.95)
    return [
        Rule(
            "ServiceNotLive", Severity.CRITICAL, Query("atrium_service_live", by=("project", "service"), together="min"),
            "Service {object} does not serve what is wanted of it", "See why on its page, then deploy a version that works",
            for_seconds=120, below=1, object="{service}", kind="service",
        ),
        Rule(
            "ServiceFailing", Severity.CRITICAL, _services("atrium_service_requests_total", code_class="5xx"),
            "Service {object} fails {value} of its requests", "See the model server's log for the error",
            for_seconds=60, above=0.05, over=_services("atrium_service_requests_total"), unit="share", object="{service}",
            kind="service",
        ),
        Rule(
            "ServiceSlow", Severity.WARNING, slow,
            "Service {object} is slow: 5 of 100 requests take longer than {value}",
            "Ask for fewer rows at once, a smaller model, or more CPU", for_seconds=120, above=bound, unit="seconds",
            object="{service}", kind="service",
        ),
    ]  # fmt: skip


def _work_rules() -> list[Rule]:
    return [
        Rule(
            "RunFailed", Severity.WARNING, Query("atrium_pipeline_last_run_failed", by=("project", "pipeline"), together="max"),
            "The newest run of pipeline {object} failed", "See which step failed and why, mend it, and retry the run",
            for_seconds=0, above=0.5, object="{pipeline}", kind="pipeline",
        ),
        Rule(
            "ScheduleLate", Severity.WARNING, Query("atrium_schedule_lag_seconds", by=("project", "pipeline"), together="max"),
            "The schedule of pipeline {object} is {value} late", "See whether the workflow server and the worker run",
            for_seconds=0, above=120, unit="seconds", object="{pipeline}",
        ),
        Rule(
            "ScheduleLost", Severity.WARNING,
            Query("atrium_schedule_last_slot_lost", by=("project", "pipeline"), together="max"),
            "The newest slot of pipeline {object}'s schedule got no run", "See the schedule's slots for the reason",
            for_seconds=0, above=0.5, object="{pipeline}",
        ),
        Rule(
            "JobLate", Severity.WARNING, Query("atrium_job_lag_seconds", by=("job",), together="max"),
            "The worker's job {object} is {value} late", "See the worker's log for what it waits for",
            for_seconds=30, above=60, unit="seconds", object="{job}",
        ),
        Rule(
            "JobFailing", Severity.WARNING, Query("atrium_job_failures_in_a_row", by=("job",), together="max"),
            "The worker's job {object} failed {value} times in a row", "See the worker's log for the error",
            for_seconds=0, above=2, object="{job}",
        ),
    ]  # fmt: skip


def _machine_rules() -> list[Rule]:
    return [
        Rule(
            "DiskNearlyFull", Severity.WARNING, Query("atrium_disk_free_bytes", together="min"),
            "Only {value} of the home's disk is free", "Delete old runs and artifacts, or move ATRIUM_HOME to a larger disk",
            for_seconds=60, below=get_settings().alert_disk_free_share,
            over=Query("atrium_disk_size_bytes", together="min"), unit="share", object="disk",
        ),
        Rule(
            "DiskFull", Severity.CRITICAL, Query("atrium_disk_free_bytes", together="min"),
            "Only {value} is left on the home's disk; writes soon fail", "Free space now: delete old runs and artifacts",
            for_seconds=0, below=GIB, unit="bytes", object="disk",
        ),
        Rule(
            "CertificateEnds", Severity.WARNING, Query("atrium_certificate_remaining_seconds", together="min"),
            "The front door's certificate ends in {value} days", "Put new files in place; the running door takes them by itself",
            for_seconds=0, below=14 * DAY, unit="days", object="certificate",
        ),
    ]  # fmt: skip


def rules() -> list[Rule]:
    """Every rule, with the bounds that the settings give."""
    return [*_component_rules(), *_service_rules(), *_work_rules(), *_machine_rules()]


def rule(name: str) -> Rule | None:
    """The rule of that name; None for one that is no longer there."""
    return next((one for one in rules() if one.name == name), None)


def find(one: Rule, metrics: Metrics) -> list[Found]:
    """The objects of which a rule is true now. Raises `MetricsUnavailable`."""
    whole = None if one.over is None else {_key(p.labels): p.value for p in metrics.at(one.over)}
    found = []
    for point in metrics.at(one.query):
        value = point.value * one.times
        if whole is not None:
            divisor = whole.get(_key(point.labels), 0.0)
            if divisor <= 0:
                continue
            value /= divisor
        if (one.below is not None and value < one.below) or (one.above is not None and value > one.above):
            found.append(Found(point.labels.get("project", ""), one.object.format(**point.labels), value))
    return found


def measured(one: Rule, metrics: Metrics) -> set[tuple[str, str]]:
    """Project and object of all of which a rule can be judged now. Raises `MetricsUnavailable`."""
    points = metrics.at(one.query)
    return {(point.labels.get("project", ""), one.object.format(**point.labels)) for point in points}


def _key(labels: object) -> str:
    return repr(sorted(labels.items())) if isinstance(labels, dict) else repr(labels)
