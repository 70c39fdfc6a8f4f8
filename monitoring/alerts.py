"""The life of an alert, without a clock or a database of its own, and the job that carries it out."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from atrium.clock import now
from atrium.database import reading, writing
from atrium.events import emit
from atrium.metrics import Metrics, MetricsUnavailable
from monitoring.models import AlertRow, AlertState, SilenceRow
from monitoring.rules import Found, Rule, find, measured, rules

log = logging.getLogger(__name__)
KEPT = timedelta(days=30)
LONGEST_SILENCE = timedelta(minutes=5)
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Tracked:
    """Where an alert is in its life: pending, firing, resolved, and since when."""

    state: AlertState
    pending_since: datetime
    firing_since: datetime | None = None
    resolved_at: datetime | None = None


def step(before: Tracked | None, true: bool, moment: datetime, for_seconds: float) -> Tracked | None:
    """The alert after one look: it fires when it was true for `for_seconds`, and is resolved when it is true no more.

    One that was never told of leaves no trace. One that comes again after it was resolved is a new one.
    """
    if before is None or before.state is AlertState.RESOLVED:
        before = Tracked(AlertState.PENDING, moment) if true else None
    if before is None:
        return None
    if not true:
        over = before.state is AlertState.FIRING
        return replace(before, state=AlertState.RESOLVED, resolved_at=moment) if over else None
    if before.state is AlertState.PENDING and (moment - before.pending_since).total_seconds() >= for_seconds:
        return replace(before, state=AlertState.FIRING, firing_since=moment)
    return before


def _found(metrics: Metrics, asked: Iterable[Rule]) -> list[tuple[Rule, list[Found]]]:
    """What each rule finds; rules whose question got no answer are left out, so that their alerts stay as they are."""
    found = []
    for one in asked:
        try:
            found.append((one, find(one, metrics)))
        except MetricsUnavailable as error:
            log.warning("rule %s was not judged: %s", one.name, error)
    return found


def _open(session: Session) -> dict[Key, AlertRow]:
    rows = session.scalars(select(AlertRow).where(AlertRow.state != AlertState.RESOLVED))
    return {(row.rule, row.project, row.object): row for row in rows}


def _tracked(row: AlertRow) -> Tracked:
    return Tracked(AlertState(row.state), row.pending_since, row.firing_since, row.resolved_at)


def _note(session: Session, rule: Rule, found: Found, row: AlertRow | None, after: Tracked | None) -> None:
    """Writes one alert's new state, and an event where it began to fire or was resolved."""
    before = row.state if row else None
    if after is None:
        if row:
            session.delete(row)
        return
    if row is None:
        row = AlertRow(rule=rule.name, severity=rule.severity, project=found.project, object=found.object)
        session.add(row)
    row.state, row.value = after.state, found.value
    row.pending_since, row.firing_since, row.resolved_at = after.pending_since, after.firing_since, after.resolved_at
    if after.state is AlertState.PENDING or before == after.state:
        return
    log.warning("alert %s of %s: %s", rule.name, found.object, after.state)
    told: Mapping[str, object] = {
        "rule": rule.name,
        "severity": rule.severity,
        "state": after.state,
        "value": found.value,
    }
    emit(session, "alert.changed", found.project, found.object, told)


def _unheard(metrics: Metrics, rule: Rule, keys: Iterable[Key], since: dict[Key, datetime], at: datetime) -> set[Key]:
    """Those of which nothing was measured now, for not too long: a sample that was missed resolves no alert."""
    wanted = {key for key in keys if key[0] == rule.name}
    try:
        heard = measured(rule, metrics) if wanted else set()
    except MetricsUnavailable:
        heard = set()
    for key in wanted:
        if key[1:] in heard:
            since.pop(key, None)
    return {key for key in wanted if key[1:] not in heard and at - since.setdefault(key, at) < LONGEST_SILENCE}


def judge(
    metrics: Metrics,
    moment: datetime | None = None,
    asked: Iterable[Rule] | None = None,
    unheard: dict[Key, datetime] | None = None,
) -> None:
    """Looks at every rule once and brings the alerts up to it, in one short transaction.

    `unheard` is kept from look to look: since when nothing was measured of an open alert, which stays as it is for five minutes.
    """
    at, since = moment or now(), {} if unheard is None else unheard
    found = _found(metrics, rules() if asked is None else asked)
    with reading() as session:
        known = _open(session)
    if not known and not any(objects for _, objects in found):
        return
    left = set().union(*(_unheard(metrics, rule, known, since, at) for rule, _ in found))
    with writing() as session:
        known = _open(session)
        for rule, objects in found:
            true = {(rule.name, one.project, one.object): one for one in objects}
            rest = {key: Found(key[1], key[2], row.value) for key, row in known.items() if key[0] == rule.name}
            for key, one in {**rest, **true}.items():
                if key in left - true.keys():
                    continue
                row = known.get(key)
                before = _tracked(row) if row else None
                _note(session, rule, one, row, step(before, key in true, at, rule.for_seconds))
        names = {one.name for one in rules()}
        for key, row in known.items():
            if key[0] not in names:  # a rule that a newer version no longer has
                session.delete(row)


def forget_old() -> None:
    """Deletes alerts that were resolved, and silences that ended, 30 days ago."""
    with writing() as session:
        session.execute(delete(AlertRow).where(AlertRow.resolved_at < now() - KEPT))
        session.execute(delete(SilenceRow).where(SilenceRow.ends_at < now() - KEPT))
