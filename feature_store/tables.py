"""A project's Delta tables on disk, and the summary of each."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from atrium.clock import now
from atrium.errors import AtriumError
from atrium.home import get_home
from feature_store.confined import LOG, open_delta
from feature_store.models import DatasetNotFound, DatasetState, DatasetSummaryRow, DatasetView

LONGEST_MESSAGE, LONGEST_OWNER = 500, 60


def folder_of(project: str) -> Path:
    """Folder of a project's datasets."""
    return get_home().data(project) / "datasets"


def open_table(project: str, name: str, version: int | None = None) -> Any:
    """The Delta table that is a dataset, at a version. Raises `DatasetNotFound`, `OutsideProject`, deltalake's DeltaError."""
    from deltalake.exceptions import TableNotFoundError

    path = folder_of(project) / name
    try:
        if Path(name).name != name or not path.is_dir():
            raise TableNotFoundError
        return open_delta(path, get_home().data(project), version)
    except TableNotFoundError:
        raise DatasetNotFound(
            f"dataset {name!r} of project {project!r}", "there is none of this name", "see the datasets"
        ) from None


def look_at(project: str, name: str) -> DatasetView:
    """A dataset as its log tells it now. Raises as `open_table` does."""
    table = open_table(project, name)
    import pyarrow as pa

    actions = pa.table(table.get_add_actions(flatten=True)).to_pydict()
    last = table.history(1)[0]
    rows = sum(one or 0 for one in actions.get("num_records", []))
    changed = datetime.fromtimestamp(last["timestamp"] / 1000, UTC)
    owner = str(last.get("by", ""))[:LONGEST_OWNER]
    return DatasetView(name, table.version(), rows, sum(actions.get("size_bytes", [])), changed, owner)


def view_of(row: DatasetSummaryRow) -> DatasetView:
    """What a summary shows."""
    state = DatasetState(row.state)
    return DatasetView(row.name, row.version, row.rows, row.size_bytes, row.changed_at, row.owner, state, row.message)


def newest_version(project: str, name: str) -> int | None:
    """A table's newest version by the names in its log alone, without reading it; None where it has no log."""
    log = folder_of(project) / name / LOG
    try:
        return max(
            (int(one.stem) for one in log.iterdir() if one.suffix == ".json" and one.stem.isdigit()), default=None
        )
    except (FileNotFoundError, NotADirectoryError):
        return None


def read_summary(project: str, name: str) -> DatasetSummaryRow | None:
    """The summary that a dataset should have now; one that cannot be read says why; None where it is gone."""
    from deltalake.exceptions import DeltaError

    try:
        found = look_at(project, name)
    except DatasetNotFound:
        return None
    except (DeltaError, AtriumError, OSError) as error:
        message = f"{type(error).__name__}: {error}"[:LONGEST_MESSAGE]
        version = newest_version(project, name)
        found = DatasetView(name, version or 0, 0, 0, now(), "", DatasetState.UNREADABLE, message)
    return DatasetSummaryRow(
        project=project, name=name, version=found.version, rows=found.rows, size_bytes=found.size_bytes, state=found.state,
        message=found.message, owner=found.owner, changed_at=found.changed_at,
    )  # fmt: skip


def put_summary(session: Session, project: str, name: str, row: DatasetSummaryRow | None) -> None:
    """Writes a summary in the caller's transaction; None takes it away. One that is older than the present one changes nothing."""
    known = session.get(DatasetSummaryRow, (project, name))
    if row is None:
        if known:
            session.delete(known)
    elif known is None or known.version <= row.version or row.changed_at > known.changed_at:
        session.merge(row)
