"""Runs of all projects in numbers, from the summaries; for the platform's metrics."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select

from atrium.clock import now
from atrium.database import reading
from atrium.identity import Actor, Verb, require
from workflows.models import RunSummaryRow

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
    """The newest run of each pipeline that finished in the last 7 days; of all projects only for the platform.

    Raises:
        Forbidden.
    """
    require(who, Verb.READ if project else Verb.ADMINISTER, project)
    lately = (RunSummaryRow.finished_at > now() - LATELY, RunSummaryRow.pipeline != "")
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
