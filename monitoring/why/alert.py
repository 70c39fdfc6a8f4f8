"""Why an alert fires: what was measured, and why its object is as it is."""

from datetime import timedelta

import workflows
from atrium.clock import now
from atrium.errors import AtriumError
from atrium.identity import Actor
from atrium.metrics import Line, MetricsUnavailable, sampler
from monitoring.models import AlertNotFound, AlertView, Evidence, Said, Step, Why
from monitoring.rules import Rule, rule, shown
from monitoring.service import get_alert
from monitoring.why.component import why_component
from monitoring.why.run import why_run
from monitoring.why.service import why_service

HOUR_SECONDS, STEP_SECONDS = 3600, 60


def why_alert(who: Actor, _project: str, name: str) -> Why:
    """The rule's values in the last hour, the silence if there is one, and why the object is as it is."""
    if not name.isdigit():
        raise AlertNotFound(f"alert {name!r}", "alerts have numbers", "see Monitoring")
    alert = get_alert(who, int(name))
    known = rule(alert.rule)
    since = {"state": alert.state.value, "since": f"{alert.firing_since or alert.pending_since:%Y-%m-%d %H:%M:%S} UTC"}
    evidence = [Evidence(Said("The alert is {state} since {since}", since))]
    if alert.silence:
        told = {"by": alert.silence.by, "until": f"{alert.silence.ends_at:%Y-%m-%d %H:%M} UTC"}
        evidence.append(Evidence(Said("{by} silenced it until {until}", told), alert.silence.reason))
    if known:
        evidence += _measured(known, alert)
        evidence.append(Evidence(_condition(known)))
    steps = [Step(alert.next_step)] if str(alert.next_step) else []
    behind = _object(who, known, alert) if known else None
    if behind:
        evidence += [Evidence(behind.because), *behind.evidence]
        steps += behind.next_steps
    return Why(f"alert/{name}", alert.state.value, alert.summary, evidence, steps)


def _condition(known: Rule) -> Said:
    bound = known.below if known.below is not None else known.above
    values = {"rule": known.name, "bound": shown(bound or 0, known.unit), "seconds": int(known.for_seconds)}
    if known.below is not None:
        later, at_once = (
            Said("Rule {rule} fires below {bound} for {seconds} seconds", values),
            Said("Rule {rule} fires below {bound}", values),
        )
    else:
        later, at_once = (
            Said("Rule {rule} fires above {bound} for {seconds} seconds", values),
            Said("Rule {rule} fires above {bound}", values),
        )
    return later if known.for_seconds else at_once


def _matches(known: Rule, alert: AlertView, line: Line) -> bool:
    return (line.labels.get("project", ""), known.object.format(**line.labels)) == (alert.project, alert.object)


def _measured(known: Rule, alert: AlertView) -> list[Evidence]:
    if known.over is not None:
        return [Evidence(Said("Last measured: {value}", {"value": shown(alert.value, known.unit)}))]
    end = now().replace(microsecond=0)
    try:
        lines = sampler().between(known.query, end - timedelta(seconds=HOUR_SECONDS), end, STEP_SECONDS)
    except MetricsUnavailable:
        return []
    values = [value * known.times for line in lines if _matches(known, alert, line) for _, value in line.values]
    if not values:
        return []
    told = {
        "last": shown(values[-1], known.unit),
        "least": shown(min(values), known.unit),
        "most": shown(max(values), known.unit),
    }
    return [Evidence(Said("Measured in the last hour: now {last}, least {least}, most {most}", told))]


def _object(who: Actor, known: Rule, alert: AlertView) -> Why | None:
    """Why the object behind the alert is as it is; None where there is nothing to ask, or it does not answer."""
    try:
        if known.kind == "component":
            return why_component(who, alert.project, alert.object)
        if known.kind == "service":
            return why_service(who, alert.project, alert.object)
        if known.kind == "pipeline":
            newest = workflows.newest_results(who, alert.project, alert.object)
            return why_run(who, alert.project, newest[0].run) if newest else None
    except AtriumError:
        return None
    return None
