"""Keeps the datasets' summaries true where a step wrote a table and told nobody, or was killed before it did."""

from pathlib import Path

from sqlalchemy import select

from atrium.database import reading, writing
from atrium.events import emit
from atrium.home import get_home
from atrium.jobs import Job
from feature_store.confined import LOG
from feature_store.models import DatasetSummaryRow
from feature_store.tables import newest_version, put_summary, read_summary

LOOK_SECONDS = 3.0


def _projects() -> list[str]:
    folder = get_home().root / "projects"
    return (
        sorted(one.name for one in folder.iterdir() if (one / "data" / "datasets").is_dir()) if folder.exists() else []
    )


def _names(project: str) -> set[str]:
    folder: Path = get_home().data(project) / "datasets"
    return {one.name for one in folder.iterdir() if (one / LOG).is_dir()}


def mend(project: str) -> int:
    """Brings the summaries of a project up to the logs on disk; returns how many were wrong. Reads only tables that changed."""
    with reading() as session:
        query = select(DatasetSummaryRow.name, DatasetSummaryRow.version).where(DatasetSummaryRow.project == project)
        known: dict[str, int] = {name: version for name, version in session.execute(query)}
    there = {name: newest_version(project, name) for name in _names(project)}
    wrong = [name for name in {*known, *there} if known.get(name) != there.get(name)]
    for name in sorted(wrong):
        row = read_summary(project, name)
        with writing() as session:
            put_summary(session, project, name, row)
            emit(session, "dataset.changed", project, name, {"version": row.version} if row else {"deleted": True})
    return len(wrong)


def mend_all() -> None:
    """`mend` for every project that has datasets."""
    for project in _projects():
        mend(project)


def jobs() -> list[Job]:
    """The worker's part."""
    return [Job("datasets.mend", LOOK_SECONDS, mend_all)]
