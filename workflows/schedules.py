"""Schedules of pipelines: what a person can do with them, and the ledger of their slots."""

from collections.abc import Mapping

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased, joinedload

from atrium.clock import now
from atrium.database import reading, writing
from atrium.errors import Invalid
from atrium.identity import Actor, Verb, require
from atrium.pages import DEFAULT_ITEMS, Page, page_of, read_page
from tenancy import audit
from workflows.crontab import Crontab, ScheduleInvalid, read_crontab
from workflows.models import (
    Overlap,
    ScheduleNotFound,
    ScheduleRow,
    ScheduleView,
    SlotRow,
    SlotState,
    SlotView,
    state_of,
)
from workflows.service import get_pipeline, run_manifest

LONGEST_CATCH_UP_MINUTES = 7 * 24 * 60
WITH_RUN = joinedload(SlotRow.summary)


class CrontabInvalid(Invalid):
    """The schedule's times cannot be read, or there are none."""


def crontab_of(text: str, timezone: str) -> Crontab:
    """The schedule, read. Raises `CrontabInvalid`."""
    try:
        found = read_crontab(text, timezone)
    except ScheduleInvalid as error:
        raise CrontabInvalid(
            f"schedule {text!r} in {timezone or 'UTC'}: {error}", "five fields as cron has them, or @daily and the like",
            "for example '30 2 * * 1-5' in Asia/Shanghai",
        ) from error  # fmt: skip
    if found.next_after(now()) is None:
        raise CrontabInvalid(f"schedule {text!r}", "it names a time within five years", "mend day and month")
    return found


def _view(row: ScheduleRow) -> ScheduleView:
    times = read_crontab(row.crontab, row.timezone)
    coming = None if row.suspended else times.next_after(row.looked_at if times.every_seconds else now())
    return ScheduleView(
        row.project, row.pipeline, row.crontab, row.timezone, row.parameters, Overlap(row.overlap), row.catch_up_minutes,
        row.suspended, row.owner, row.changed_at, coming,
    )  # fmt: skip


def _row(session: Session, project: str, pipeline: str) -> ScheduleRow:
    row = session.get(ScheduleRow, (project, pipeline))
    if row is None:
        raise ScheduleNotFound(
            f"the schedule of pipeline {pipeline!r} in project {project!r}", "it has none",
            f"atrium schedule set {pipeline} '@daily' --project {project}",
        )  # fmt: skip
    return row


def set_schedule(
    who: Actor, project: str, pipeline: str, crontab: str, timezone: str = "UTC", parameters: Mapping[str, str] | None = None,
    overlap: str = Overlap.FORBID, catch_up_minutes: int = 60,
) -> ScheduleView:  # fmt: skip
    """Has a pipeline run by itself, always its newest revision, in the name of who sets it.

    A slot that nobody could start in time (the machine was off) is still started within `catch_up_minutes`, the newest alone.

    Raises:
        Forbidden, PipelineNotFound; CrontabInvalid; Invalid: overlap or minutes; ManifestInvalid: an unknown parameter.
    """
    require(who, Verb.WRITE, project)
    found = get_pipeline(who, project, pipeline)
    run_manifest(found, parameters or {}, {})
    crontab_of(crontab, timezone)
    if overlap not in list(Overlap):
        raise Invalid(f"overlap {overlap!r}", f"it is {', '.join(Overlap)}", "choose one of these")
    if not 0 <= catch_up_minutes <= LONGEST_CATCH_UP_MINUTES:
        raise Invalid(
            f"catch_up_minutes {catch_up_minutes}", f"0 to {LONGEST_CATCH_UP_MINUTES}", "choose fewer minutes"
        )
    with writing() as session:
        row = session.merge(
            ScheduleRow(
                project=project, pipeline=pipeline, crontab=crontab, timezone=timezone or "UTC", parameters=dict(parameters or {}),
                overlap=str(overlap), catch_up_minutes=catch_up_minutes, suspended=False, owner=who.name, changed_at=now(),
                looked_at=now(),
            )
        )  # fmt: skip
        audit(session, who, "schedule.set", project, pipeline, f"{crontab} {timezone}")
        return _view(row)


def get_schedule(who: Actor, project: str, pipeline: str) -> ScheduleView:
    """A pipeline's schedule. Raises `Forbidden`, `ScheduleNotFound`."""
    require(who, Verb.READ, project)
    with reading() as session:
        return _view(_row(session, project, pipeline))


def list_schedules(who: Actor, project: str) -> list[ScheduleView]:
    """The project's schedules, by pipeline. Raises `Forbidden`."""
    require(who, Verb.READ, project)
    with reading() as session:
        query = select(ScheduleRow).where(ScheduleRow.project == project).order_by(ScheduleRow.pipeline)
        return [_view(row) for row in session.scalars(query)]


def suspend_schedule(who: Actor, project: str, pipeline: str, suspended: bool = True) -> ScheduleView:
    """Pauses a schedule, or has it go on; slots that pass meanwhile are not made up for. Raises `Forbidden`, `ScheduleNotFound`."""
    require(who, Verb.WRITE, project)
    with writing() as session:
        row = _row(session, project, pipeline)
        row.suspended, row.changed_at, row.looked_at = suspended, now(), now()
        audit(session, who, f"schedule.{'suspend' if suspended else 'resume'}", project, pipeline)
        return _view(row)


def delete_schedule(who: Actor, project: str, pipeline: str) -> None:
    """Removes a schedule; its slots and runs stay. Raises `Forbidden`, `ScheduleNotFound`."""
    require(who, Verb.WRITE, project)
    with writing() as session:
        session.delete(_row(session, project, pipeline))
        audit(session, who, "schedule.delete", project, pipeline)


def list_slots(
    who: Actor, project: str, pipeline: str, after: str | None = None, limit: int = DEFAULT_ITEMS
) -> Page[SlotView]:
    """Slots of a pipeline's schedule, newest first, at most 200 a page. Raises `Forbidden`, `PageKeyInvalid`."""
    require(who, Verb.READ, project)
    query = select(SlotRow).where(SlotRow.project == project, SlotRow.pipeline == pipeline).options(WITH_RUN)
    with reading() as session:
        return page_of(read_page(session, query, [SlotRow.moment], after, limit, newest_first=True), _slot)


def last_slots(who: Actor, project: str) -> dict[str, SlotView]:
    """The newest slot of each pipeline's schedule, by pipeline; those that have had none are missing. Raises `Forbidden`."""
    require(who, Verb.READ, project)
    other = aliased(SlotRow)  # the newest of each, found in the key: the ledger grows for ever
    newest = (
        select(func.max(other.moment))
        .where(other.project == ScheduleRow.project, other.pipeline == ScheduleRow.pipeline)
        .scalar_subquery()
    )
    key = (
        (SlotRow.project == ScheduleRow.project)
        & (SlotRow.pipeline == ScheduleRow.pipeline)
        & (SlotRow.moment == newest)
    )
    query = select(SlotRow).join(ScheduleRow, key).where(ScheduleRow.project == project).options(WITH_RUN)
    with reading() as session:
        return {row.pipeline: _slot(row) for row in session.scalars(query)}


def _slot(row: SlotRow) -> SlotView:
    run = row.summary
    state, message = (state_of(run.phase, run.message), run.message) if run else ("", "")
    return SlotView(row.moment, row.revision, row.run, SlotState(row.state), row.reason, state, message)
