"""Runs schedules: a slot is written first, its run is named by it, and what the engine knows of that name decides the rest."""

import logging
from datetime import datetime, timedelta

from sqlalchemy import select

import tenancy
from atrium.clock import now
from atrium.database import reading, writing
from atrium.errors import AtriumError, Conflict, Unavailable
from atrium.identity import platform_actor
from workflows.backends.argo import ArgoBackend
from workflows.crontab import read_crontab
from workflows.models import Overlap, RunNotFound, ScheduleRow, SlotRow, SlotState
from workflows.service import PIPELINE, get_pipeline, run_manifest

log = logging.getLogger(__name__)
SCHEDULED, SCHEDULED_TIME = "atrium.io/scheduled", "workflows.argoproj.io/scheduled-time"
MOST_AT_ONCE = 50
LONGEST_REASON = 500


def run_name(pipeline: str, moment: datetime) -> str:
    """The name of the run of a slot: one for each slot, whoever asks and how often."""
    return f"{pipeline}-{int(moment.timestamp())}"


def run_schedules() -> None:
    """Writes down the slots that are due, then starts what is written down and not started yet."""
    with reading() as session:
        known = [(row.project, row.pipeline) for row in session.scalars(select(ScheduleRow))]
    for project, pipeline in known:
        write_slots(project, pipeline)
    with reading() as session:
        query = select(SlotRow).where(SlotRow.state == SlotState.DUE).order_by(SlotRow.moment).limit(MOST_AT_ONCE)
        due = [(row.project, row.pipeline, row.moment) for row in session.scalars(query)]
    for project, pipeline, moment in due:
        start_slot(project, pipeline, moment)


def write_slots(project: str, pipeline: str) -> None:
    """Puts the slots that are due since the last look into the ledger, in one transaction with the look itself.

    Of several only the newest is to be started; the others are noted as missed.
    """
    with writing() as session:
        row = session.get(ScheduleRow, (project, pipeline))
        if row is None or row.suspended:
            return
        moment = now()
        due, row.looked_at = read_crontab(row.crontab, row.timezone).due(row.looked_at, moment, MOST_AT_ONCE)
        for at in due:
            if session.get(SlotRow, (project, pipeline, at)) is None:
                state, reason = _first_state(row, at, due[-1], moment)
                session.add(
                    SlotRow(
                        project=project, pipeline=pipeline, moment=at, revision=0, run=run_name(pipeline, at), state=state,
                        reason=reason,
                    )
                )  # fmt: skip


def _first_state(row: ScheduleRow, at: datetime, newest: datetime, moment: datetime) -> tuple[SlotState, str]:
    late = moment - at
    if late > timedelta(minutes=max(1, row.catch_up_minutes)):
        return (
            SlotState.MISSED,
            f"nothing could start it for {int(late.total_seconds() // 60)} minutes; {row.catch_up_minutes} are caught up",
        )
    if at < newest:
        return SlotState.MISSED, "a later slot was due before this one could start"
    return SlotState.DUE, ""


def start_slot(project: str, pipeline: str, moment: datetime) -> None:
    """Starts the run of a slot unless it is there already; notes what became of it and why."""
    with reading() as session:
        schedule = session.get(ScheduleRow, (project, pipeline))
    name = run_name(pipeline, moment)
    if schedule is None:
        _note(project, pipeline, moment, SlotState.SKIPPED, "the schedule was deleted before it could start")
        return
    try:
        if _is_there(project, name):
            _note(project, pipeline, moment, SlotState.STARTED, "")
            return
        if reason := _in_the_way(schedule, name):
            _note(project, pipeline, moment, SlotState.SKIPPED, reason)
            return
        who = tenancy.actor_for(schedule.owner, project)
        found = get_pipeline(who, project, pipeline)
        metadata = {
            "name": name, "labels": {SCHEDULED: "true"}, "annotations": {SCHEDULED_TIME: moment.strftime("%Y-%m-%dT%H:%M:%SZ")}
        }  # fmt: skip
        ArgoBackend(who, project).submit(run_manifest(found, schedule.parameters, metadata))
        _note(project, pipeline, moment, SlotState.STARTED, "", found.number)
    except Conflict:
        _note(project, pipeline, moment, SlotState.STARTED, "")
    except Unavailable as error:
        _wait(schedule, moment, str(error))
    except AtriumError as error:
        _note(project, pipeline, moment, SlotState.FAILED, str(error))


def _is_there(project: str, name: str) -> bool:
    try:
        ArgoBackend(platform_actor("schedules"), project).get(name)
    except RunNotFound:
        return False
    return True


def _in_the_way(schedule: ScheduleRow, name: str) -> str:
    """Why the slot may not start beside an earlier run, or nothing; ends that run where the schedule says so."""
    if schedule.overlap == Overlap.ALLOW:
        return ""
    backend = ArgoBackend(platform_actor("schedules"), schedule.project)
    running = [one for one in backend.unfinished(f"{PIPELINE}={schedule.pipeline},{SCHEDULED}=true") if one != name]
    if running and schedule.overlap == Overlap.FORBID:
        return f"the run {running[0]} of an earlier slot goes on, and the schedule forbids two"
    for one in running:
        backend.act(one, "terminate")
    return ""


def _wait(schedule: ScheduleRow, moment: datetime, reason: str) -> None:
    """Leaves the slot for the next turn, or gives it up once the time for that is over."""
    if now() - moment > timedelta(minutes=max(1, schedule.catch_up_minutes)):
        _note(schedule.project, schedule.pipeline, moment, SlotState.MISSED, reason)
    else:
        _note(schedule.project, schedule.pipeline, moment, SlotState.DUE, reason)


def _note(project: str, pipeline: str, moment: datetime, state: SlotState, reason: str, revision: int = 0) -> None:
    with writing() as session:
        row = session.get(SlotRow, (project, pipeline, moment))
        if row is not None:
            row.state, row.reason = state, reason[:LONGEST_REASON]
            row.revision = revision or row.revision
