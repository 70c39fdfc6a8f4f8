"""Run summaries, fed by the engine's events."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from atrium.events import Event, consume
from atrium.jobs import Job
from workflows.clusters.projects import prepare_projects
from workflows.clusters.watch import watch_clusters
from workflows.models import RunSummaryRow
from workflows.slots import run_schedules

LONGEST_MESSAGE = 500


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def note_run(session: Session, event: Event) -> None:
    """Brings one run's summary up to an event."""
    said: dict[str, Any] = dict(event.payload)
    existing = session.get(RunSummaryRow, (event.project, event.object))
    if existing and existing.cluster:
        return  # a cluster's run had the name first
    if said.get("deleted"):
        if existing:
            session.delete(existing)
        return
    session.merge(
        RunSummaryRow(
            project=event.project, name=event.object, pipeline=said["pipeline"], phase=said["phase"], progress=said["progress"],
            message=said["message"][:LONGEST_MESSAGE], owner=said["owner"], created_at=_moment(said["createdAt"]),
            started_at=_moment(said["startedAt"]), finished_at=_moment(said["finishedAt"]),
        )
    )  # fmt: skip


def summarize_runs() -> None:
    """Takes in what happened to runs since the last time."""
    while consume("run-summaries", ("workflow.changed",), note_run):
        pass


def jobs() -> list[Job]:
    """The worker's part."""
    return [
        Job("workflows.summaries", 0.3, summarize_runs), Job("workflows.schedules", 1.0, run_schedules),
        Job("workflows.clusters", 2.0, watch_clusters), Job("workflows.namespaces", 2.0, prepare_projects),
    ]  # fmt: skip
