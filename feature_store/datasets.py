"""Datasets: Delta tables in the project's data folder. Lists come from the tables' own logs; queries from DuckDB, locked down."""

import io
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from atrium.database import writing
from atrium.errors import TooLarge
from atrium.events import emit
from atrium.home import get_home
from atrium.identity import Actor, Verb, require
from atrium.names import check_name
from feature_store.confined import open_delta, require_inside
from feature_store.models import Answer, DatasetNotFound, DatasetView, QueryInvalid, TableInvalid, VersionView
from tenancy import audit

LARGEST_UPLOAD_BYTES = 200 * 1024 * 1024
MOST_ROWS = 10_000
QUERY_SECONDS = 20.0
MEMORY = "1GB"


def _folder(project: str) -> Path:
    return get_home().data(project) / "datasets"


def _table(project: str, name: str, version: int | None = None) -> Any:
    from deltalake.exceptions import TableNotFoundError

    path = _folder(project) / name
    try:
        if Path(name).name != name or not path.is_dir():
            raise TableNotFoundError
        return open_delta(path, get_home().data(project), version)
    except TableNotFoundError:
        raise DatasetNotFound(
            f"dataset {name!r} of project {project!r}", "there is none of this name", "see the datasets"
        ) from None


def _view(project: str, name: str) -> DatasetView:
    table = _table(project, name)
    import pyarrow as pa

    actions = pa.table(table.get_add_actions(flatten=True)).to_pydict()
    changed = table.history(1)[0]["timestamp"] / 1000
    rows = sum(one or 0 for one in actions.get("num_records", []))
    return DatasetView(
        name, table.version(), rows, sum(actions.get("size_bytes", [])), datetime.fromtimestamp(changed, UTC)
    )


def list_datasets(who: Actor, project: str) -> list[DatasetView]:
    """The project's datasets by name. Raises `Forbidden`."""
    require(who, Verb.READ, project)
    folder = _folder(project)
    names = sorted(one.parent.name for one in folder.glob("*/_delta_log")) if folder.exists() else []
    return [_view(project, name) for name in names]


def get_dataset(who: Actor, project: str, name: str) -> tuple[DatasetView, list[tuple[str, str]], list[VersionView]]:
    """A dataset with its columns (name and type) and versions, newest first (at most 50). Raises `DatasetNotFound`."""
    require(who, Verb.READ, project)
    table = _table(project, name)
    columns = [(field.name, str(getattr(field.type, "type", field.type))) for field in table.schema().fields]
    versions = [
        VersionView(
            one["version"],
            datetime.fromtimestamp(one["timestamp"] / 1000, UTC),
            one.get("operation", ""),
            one.get("by", ""),
        )
        for one in table.history(50)
    ]
    return _view(project, name), columns, versions


def _connection(project: str, names: Sequence[str], version: int | None = None) -> Any:
    """DuckDB that knows these datasets and nothing else of the machine."""
    import duckdb

    connection = duckdb.connect(config={"threads": 2})
    connection.execute(f"SET TimeZone='UTC'; SET memory_limit='{MEMORY}'")
    for name in names:
        connection.register(name, _table(project, name, version).to_pyarrow_dataset())
    for setting in ("enable_external_access=false", "python_enable_replacements=false", "lock_configuration=true"):
        connection.execute(f"SET {setting}")
    return connection


def _answer(connection: Any, sql: str, parameters: Sequence[object], limit: int) -> Answer:
    import duckdb

    timer = threading.Timer(QUERY_SECONDS, connection.interrupt)
    timer.start()
    try:
        result = connection.execute(sql, list(parameters))
        columns = [str(one[0]) for one in result.description or []]
        rows = result.fetchmany(limit + 1)
    except duckdb.InterruptException:
        raise QueryInvalid("the query", f"it may run {QUERY_SECONDS:.0f} seconds", "ask for less") from None
    except duckdb.Error as error:
        raise QueryInvalid(
            f"the query: {str(error)[:300]}", "read-only SQL over the project's datasets", "mend it and run it again"
        ) from None
    finally:
        timer.cancel()
        connection.close()
    return Answer(columns, rows[:limit], len(rows) > limit)


def query(who: Actor, project: str, sql: str, parameters: Sequence[object] = (), limit: int = 1000) -> Answer:
    """Rows of a read-only query over the project's datasets; at most 10,000 rows, 20 seconds, 1 GB.

    Raises:
        Forbidden; QueryInvalid: with DuckDB's own words and the place.
    """
    require(who, Verb.READ, project)
    folder = _folder(project)
    names = [one.parent.name for one in folder.glob("*/_delta_log")] if folder.exists() else []
    used = [name for name in names if name in sql]
    return _answer(_connection(project, used), sql, parameters, min(limit, MOST_ROWS))


def preview(who: Actor, project: str, name: str, version: int | None = None, limit: int = 100) -> Answer:
    """The first rows of a dataset, at a version. Raises `Forbidden`, `DatasetNotFound`."""
    require(who, Verb.READ, project)
    _table(project, name, version)
    return _answer(_connection(project, [name], version), f'SELECT * FROM "{name}" LIMIT {int(limit)}', (), MOST_ROWS)


def profile(who: Actor, project: str, name: str) -> Answer:
    """Per column: type, minimum, maximum, distinct values, mean, share of missing ones. Raises `DatasetNotFound`."""
    require(who, Verb.READ, project)
    _table(project, name)
    sql = f'SELECT column_name, column_type, min, max, approx_unique, avg, null_percentage FROM (SUMMARIZE "{name}")'
    return _answer(_connection(project, [name]), sql, (), MOST_ROWS)


def import_csv(who: Actor, project: str, name: str, content: bytes, append: bool = False) -> DatasetView:
    """Makes a dataset, or a new version of one, from a CSV file of at most 200 MiB with a header.

    Raises:
        Forbidden, NameInvalid, TooLarge; TableInvalid: names the line, or the columns that differ from the dataset's.
    """
    require(who, Verb.WRITE, project)
    check_name(name, "dataset")
    if len(content) > LARGEST_UPLOAD_BYTES:
        raise TooLarge(
            f"a file of {len(content)} bytes", f"at most {LARGEST_UPLOAD_BYTES}", "split it, or write it in a pipeline"
        )
    import pyarrow as pa
    import pyarrow.csv
    from deltalake import CommitProperties, write_deltalake
    from deltalake.exceptions import DeltaError

    try:
        table = pa.csv.read_csv(io.BytesIO(content))
        if not table.num_rows:
            raise pa.ArrowInvalid("it holds no rows")
        properties = CommitProperties(custom_metadata={"by": who.name})
        path = str(_folder(project) / name)
        require_inside([path], get_home().data(project))
        if append:
            write_deltalake(path, table, mode="append", commit_properties=properties)
        else:
            write_deltalake(path, table, mode="overwrite", schema_mode="overwrite", commit_properties=properties)
    except (pa.ArrowInvalid, DeltaError, ValueError) as error:
        raise TableInvalid(f"the file for dataset {name!r}: {str(error)[:300]}", "CSV with a header, the same columns in each line",
                           "mend the file and upload it again") from error  # fmt: skip
    with writing() as session:
        audit(session, who, "dataset.import", project, name, f"{table.num_rows} rows{', appended' if append else ''}")
        emit(session, "dataset.changed", project, name, {"rows": table.num_rows})
    return _view(project, name)


def restore(who: Actor, project: str, name: str, version: int) -> DatasetView:
    """Makes an older version the newest one. Raises `Forbidden`, `DatasetNotFound`."""
    require(who, Verb.WRITE, project)
    _table(project, name).restore(version)
    with writing() as session:
        audit(session, who, "dataset.restore", project, name, f"version {version}")
        emit(session, "dataset.changed", project, name, {"restored": version})
    return _view(project, name)
