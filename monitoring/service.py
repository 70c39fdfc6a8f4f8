"""What a person can see of the platform and its alerts, and how they silence one."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from atrium.clock import now
from atrium.database import reading, writing
from atrium.errors import Forbidden
from atrium.events import emit
from atrium.identity import Actor, Verb, require
from monitoring.charts import OF_SERVICES, SPANS, kept
from monitoring.collect.state import beat_seconds
from monitoring.models import (
    AlertNotFound,
    AlertRow,
    AlertState,
    AlertView,
    Charts,
    ComponentRow,
    ComponentView,
    ObjectUnknown,
    Said,
    SilenceInvalid,
    SilenceRow,
    SilenceView,
)
from monitoring.replicas import component_rows, shown_name
from monitoring.rules import rule
from tenancy import audit

LATELY = timedelta(days=1)
MOST_ALERTS = 200
LONGEST_REASON = 300
LONGEST_SILENCE_HOURS = 24 * 30
ORDER = {AlertState.FIRING: 0, AlertState.PENDING: 1, AlertState.RESOLVED: 2}


def require_somebody(who: Actor) -> None:
    """Passes for the administrator and for whoever holds a role anywhere. Raises `Forbidden`."""
    if not who.administrator and not who.roles:
        raise Forbidden(
            f"{who.name!r} asked for the platform's state", "this takes a role in some project", "ask an admin for one"
        )


def component(row: ComponentRow) -> ComponentView:
    """What is shown of a component."""
    return ComponentView(
        shown_name(row), row.what, row.state, row.since, row.changed_at, row.version, row.memory_mib, row.checked, row.mend,
        row.checked_at, row.restarts, row.restarted_at,
    )  # fmt: skip


def list_components(who: Actor) -> list[ComponentView]:
    """Every component as the worker last found it, in the order of their start; of other homes after them. Raises `Forbidden`."""
    require_somebody(who)
    with reading() as session:
        return [component(row) for row in component_rows(session)]


def worker_silent_seconds(who: Actor) -> float:
    """Seconds since the worker, who watches everything else, told that it lives. Raises `Forbidden`."""
    require_somebody(who)
    return beat_seconds()


def charts(who: Actor, project: str, span: str = "hour") -> Charts | None:
    """The last drawn charts of a span (hour, day): the platform's, and of services the project's; None before the first.

    Raises:
        Forbidden; ObjectUnknown: another span.
    """
    require(who, Verb.READ, project)
    if span not in SPANS:
        raise ObjectUnknown(f"span {span!r}", f"there are {', '.join(SPANS)}", "ask for one of these")
    found = kept(span)
    if found is None:
        return None
    lines = {
        name: [line for line in drawn if name not in OF_SERVICES or line.labels.get("project") == project]
        for name, drawn in found.lines.items()
    }
    return Charts(found.at, found.answerer, found.answered_from, found.note, lines)


def _silences(session: Session) -> dict[tuple[str, str, str], SilenceView]:
    rows = session.scalars(select(SilenceRow).where(SilenceRow.ends_at > now()).order_by(SilenceRow.id))
    return {
        (row.rule, row.project, row.object): SilenceView(row.id, row.reason, row.by, row.created_at, row.ends_at)
        for row in rows
    }


def _views(session: Session, rows: Sequence[AlertRow]) -> list[AlertView]:
    silences = _silences(session)
    found = []
    for row in rows:
        known = rule(row.rule)
        says = known.says(row.project, row.object, row.value) if known else Said(row.rule)
        advises = known.advises(row.project, row.object) if known else Said("")
        over = row.state == AlertState.RESOLVED
        found.append(
            AlertView(
                row.id, row.rule, row.severity, AlertState(row.state), row.project, row.object, row.value, says, advises,
                row.pending_since, row.firing_since, row.resolved_at,
                None if over else silences.get((row.rule, row.project, row.object)),
            )
        )  # fmt: skip
    return found


def _of(project: str) -> ColumnElement[bool]:
    return or_(AlertRow.project == project, AlertRow.project == "")


def list_alerts(who: Actor, project: str) -> list[AlertView]:
    """The project's and the platform's alerts: firing, then pending, then those resolved within a day; 200 at most.

    Raises:
        Forbidden.
    """
    require(who, Verb.READ, project)
    lately = or_(AlertRow.state != AlertState.RESOLVED, AlertRow.resolved_at > now() - LATELY)
    query = (
        select(AlertRow).where(and_(_of(project), lately)).order_by(AlertRow.pending_since.desc()).limit(MOST_ALERTS)
    )
    with reading() as session:
        found = _views(session, session.scalars(query).all())
    return sorted(found, key=lambda one: (ORDER[one.state], one.silence is not None, one.severity != "critical"))


def alerts_to_tell(who: Actor, project: str, limit: int = 5) -> list[AlertView]:
    """The alerts that fire and that nobody silenced, worst first. Raises `Forbidden`."""
    found = list_alerts(who, project)
    return [one for one in found if one.state is AlertState.FIRING and one.silence is None][:limit]


def _row(session: Session, who: Actor, identifier: int) -> AlertRow:
    """The alert, if one may see it; raises `AlertNotFound`."""
    row = session.get(AlertRow, identifier)
    seen = row is not None and (
        who.may(Verb.READ, row.project) if row.project else bool(who.roles) or who.administrator
    )
    if row is None or not seen:
        raise AlertNotFound(
            f"alert {identifier}", "it must be one of your projects' or the platform's", "see Monitoring"
        )
    return row


def get_alert(who: Actor, identifier: int) -> AlertView:
    """One alert. Raises `AlertNotFound`."""
    with reading() as session:
        return _views(session, [_row(session, who, identifier)])[0]


def _require_silencing(who: Actor, project: str) -> None:
    """A project's alerts are silenced by who may write there, the platform's by the administrator. Raises `Forbidden`."""
    require(who, Verb.WRITE if project else Verb.ADMINISTER, project or None)


def silence(who: Actor, identifier: int, reason: str, hours: float) -> AlertView:
    """Keeps an alert from being told for some hours (at most 30 days); it is judged and shown all the same.

    Raises:
        AlertNotFound, Forbidden; SilenceInvalid: no reason, one of over 300 characters, or not 0 < hours <= 720.
    """
    text = reason.strip()
    if not 0 < len(text) <= LONGEST_REASON or not 0 < hours <= LONGEST_SILENCE_HOURS:
        raise SilenceInvalid(
            f"a silence of {hours:g} hours with a reason of {len(text)} characters",
            f"it has a reason of 1 to {LONGEST_REASON} characters and ends within {LONGEST_SILENCE_HOURS} hours",
            "say why, and until when",
        )
    with writing() as session:
        row = _row(session, who, identifier)
        _require_silencing(who, row.project)
        ends = now() + timedelta(hours=hours)
        session.add(
            SilenceRow(rule=row.rule, project=row.project, object=row.object, reason=text, by=who.name, created_at=now(),
                       ends_at=ends)
        )  # fmt: skip
        detail = f"{row.rule} until {ends:%Y-%m-%d %H:%M} UTC: {text}"
        audit(session, who, "alert.silence", row.project or None, row.object, detail)
        emit(session, "alert.silenced", row.project, row.object, {"rule": row.rule, "until": ends.isoformat()})
    return get_alert(who, identifier)


def end_silence(who: Actor, identifier: int) -> AlertView:
    """Has an alert told again. Raises `AlertNotFound`, `Forbidden`."""
    with writing() as session:
        row = _row(session, who, identifier)
        _require_silencing(who, row.project)
        same = (SilenceRow.rule == row.rule, SilenceRow.project == row.project, SilenceRow.object == row.object)
        for one in session.scalars(select(SilenceRow).where(*same, SilenceRow.ends_at > now())):
            one.ends_at = now()
        audit(session, who, "alert.unsilence", row.project or None, row.object, row.rule)
    return get_alert(who, identifier)
