"""Runs of all projects in numbers, from the summaries; for the platform's metrics."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select

from atrium.clock import now
from atrium.database import reading
from atrium.identity import Actor, Verb, require
from workflows.models import STOPPED, RunSummaryRow, ScheduleRow, SlotRow, SlotState

LATELY = timedelta(days=7)


@dataclass(frozen=True)
class RunCount:
    """How many runs of a project are in a phase."""

    project: str
    phase: str
    count: int


@dataclass(frozen=True)
class NewestResult:
    """How a pipeline's newest finished run ended."""

    project: str
    pipeline: str
    run: str
    phase: str


def run_counts(who: Actor) -> list[RunCount]:
    """Runs by project and phase, by one query. Raises `Forbidden`."""
    require(who, Verb.ADMINISTER)
    query = select(RunSummaryRow.project, RunSummaryRow.phase, func.count()).group_by(
        RunSummaryRow.project, RunSummaryRow.phase
    )
    with reading() as session:
        return [RunCount(project, phase, count) for project, phase, count in session.execute(query)]


def newest_results(who: Actor, project: str | None = None, pipeline: str | None = None) -> list[NewestResult]:
    """The newest run of each pipeline that finished in the last 7 days and was not stopped; of all projects only for the platform.

    Raises:
        Forbidden.
    """
    require(who, Verb.READ if project else Verb.ADMINISTER, project)
    lately = (
        RunSummaryRow.finished_at > now() - LATELY,
        RunSummaryRow.pipeline != "",
        ~RunSummaryRow.message.startswith(STOPPED),
    )
    newest = (
        select(RunSummaryRow.project, RunSummaryRow.pipeline, func.max(RunSummaryRow.created_at).label("created_at"))
        .where(*lately)
        .group_by(RunSummaryRow.project, RunSummaryRow.pipeline)
        .subquery()
    )
    query = select(RunSummaryRow).join(
        newest,
        (RunSummaryRow.project == newest.c.project)
        & (RunSummaryRow.pipeline == newest.c.pipeline)
        & (RunSummaryRow.created_at == newest.c.created_at),
    )
    if project:
        query = query.where(RunSummaryRow.project == project)
    if pipeline:
        query = query.where(RunSummaryRow.pipeline == pipeline)
    with reading() as session:
        found = {(row.project, row.pipeline): row for row in session.scalars(query.where(*lately))}
    return [NewestResult(row.project, row.pipeline, row.name, row.phase) for row in found.values()]


@dataclass(frozen=True)
class ScheduleLag:
    """How late a schedule's oldest slot that still waits is (0 without one), and whether its newest slot got no run."""

    project: str
    pipeline: str
    seconds: float
    lost: bool


def schedule_lags(who: Actor) -> list[ScheduleLag]:
    """Every schedule that is not suspended, by three narrow queries; for the platform. Raises `Forbidden`."""
    require(who, Verb.ADMINISTER)
    by = (SlotRow.project, SlotRow.pipeline)
    due = select(*by, func.min(SlotRow.moment)).where(SlotRow.state == SlotState.DUE).group_by(*by)
    newest = select(*by, func.max(SlotRow.moment).label("moment")).group_by(*by).subquery()
    last = select(*by, SlotRow.state).join(
        newest,
        (SlotRow.project == newest.c.project)
        & (SlotRow.pipeline == newest.c.pipeline)
        & (SlotRow.moment == newest.c.moment),
    )
    with reading() as session:
        live = session.execute(select(ScheduleRow.project, ScheduleRow.pipeline).where(~ScheduleRow.suspended)).all()
        waits = {(project, pipeline): moment for project, pipeline, moment in session.execute(due)}
        states = {(project, pipeline): state for project, pipeline, state in session.execute(last)}
    return [
        ScheduleLag(
            project, pipeline,
            max(0.0, (now() - waits[project, pipeline]).total_seconds()) if (project, pipeline) in waits else 0.0,
            states.get((project, pipeline)) in (SlotState.FAILED, SlotState.MISSED),
        )
        for project, pipeline in live
    ]  # fmt: skip
