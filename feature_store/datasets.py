"""Datasets: Delta tables in the project's data folder. Lists come from the summaries; queries from DuckDB, locked down."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from atrium.database import reading
from atrium.identity import Actor, Verb, require
from atrium.pages import Page, read_page
from feature_store.confined import LOG
from feature_store.models import Answer, DatasetState, DatasetSummaryRow, DatasetView, QueryInvalid, VersionView
from feature_store.tables import folder_of, look_at, open_table, view_of

MOST_ROWS = 10_000
QUERY_SECONDS = 20.0
MEMORY = "1GB"
MOST_NAMED = 20


def list_datasets(
    who: Actor,
    project: str,
    after: str | None = None,
    limit: int | None = None,
    name: str = "",
    owner: str = "",
    state: DatasetState | None = None,
) -> Page[DatasetView]:
    """The project's datasets by name from the summaries, all or a page, by one statement; `name` is a part of it. Raises `Forbidden`."""
    require(who, Verb.READ, project)
    row = DatasetSummaryRow
    query = select(row).where(row.project == project)
    query = query.where(row.name.icontains(name, autoescape=True)) if name else query
    query = query.where(row.owner == owner) if owner else query
    query = query.where(row.state == state) if state else query
    with reading() as session:
        found = read_page(session, query, [row.name], after, limit)
    return Page([view_of(one) for one in found.items], found.next_key)


def get_dataset(who: Actor, project: str, name: str) -> tuple[DatasetView, list[tuple[str, str]], list[VersionView]]:
    """A dataset with its columns (name and type) and versions, newest first (at most 50). Raises `DatasetNotFound`."""
    require(who, Verb.READ, project)
    table = open_table(project, name)
    columns = [(field.name, str(getattr(field.type, "type", field.type))) for field in table.schema().fields]
    versions = [
        VersionView(
            one["version"],
            datetime.fromtimestamp(one["timestamp"] / 1000, UTC),
            one.get("operation", ""),
            one.get("by", ""),
            one.get("run", ""),
        )
        for one in table.history(50)
    ]
    view = look_at(project, name)
    with reading() as session:
        known = session.get(DatasetSummaryRow, (project, name))
    owner = view.owner or (known.owner if known and known.version == view.version else "")
    return replace(view, owner=owner), columns, versions


def _connection(project: str, names: Sequence[str], version: int | None = None) -> Any:
    """DuckDB that knows these datasets and nothing else of the machine."""
    import duckdb

    connection = duckdb.connect(config={"threads": 2})
    connection.execute(f"SET TimeZone='UTC'; SET memory_limit='{MEMORY}'")
    for name in names:
        connection.register(name, open_table(project, name, version).to_pyarrow_dataset())
    for setting in ("enable_external_access=false", "python_enable_replacements=false", "lock_configuration=true"):
        connection.execute(f"SET {setting}")
    return connection


def _refused(error: Exception, names: Sequence[str]) -> QueryInvalid:
    """DuckDB's refusal with what is allowed, and the next step; `names` are the datasets there are."""
    import duckdb

    said, known = str(error)[:300], ", ".join(f'"{name}"' for name in names[:MOST_NAMED]) or "none yet"
    if isinstance(error, duckdb.PermissionException):
        return QueryInvalid(
            f"the query: {said}", "it reads the project's datasets, no files, addresses or settings", "save the file as a dataset, and name that"
        )  # fmt: skip
    if isinstance(error, duckdb.CatalogException):
        return QueryInvalid(
            f"the query: {said}", f"its tables are the project's datasets: {known}", "name one of these, in double quotes where it has a dash"
        )  # fmt: skip
    return QueryInvalid(
        f"the query: {said}",
        f"DuckDB's SQL that reads the project's datasets: {known}",
        "mend it where it says, and run it again",
    )


def _answer(connection: Any, sql: str, parameters: Sequence[object], limit: int, names: Sequence[str] = ()) -> Answer:
    import duckdb

    timer = threading.Timer(QUERY_SECONDS, connection.interrupt)
    timer.start()
    try:
        result = connection.execute(sql, list(parameters))
        if result is None:
            raise QueryInvalid(
                "a query without a statement", "one statement of read-only SQL", "SELECT * FROM a dataset"
            )
        columns = [str(one[0]) for one in result.description or []]
        rows = result.fetchmany(limit + 1)
    except duckdb.InterruptException:
        raise QueryInvalid("the query", f"it may run {QUERY_SECONDS:.0f} seconds", "ask for less") from None
    except duckdb.Error as error:
        raise _refused(error, names) from None
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
    folder = folder_of(project)
    names = [one.parent.name for one in folder.glob(f"*/{LOG}")] if folder.exists() else []
    used = [name for name in names if name in sql]
    return _answer(_connection(project, used), sql, parameters, min(limit, MOST_ROWS), sorted(names))


def preview(who: Actor, project: str, name: str, version: int | None = None, limit: int = 100) -> Answer:
    """The first rows of a dataset, at a version. Raises `Forbidden`, `DatasetNotFound`."""
    require(who, Verb.READ, project)
    open_table(project, name, version)
    return _answer(_connection(project, [name], version), f'SELECT * FROM "{name}" LIMIT {int(limit)}', (), MOST_ROWS)


def distinct_values(who: Actor, project: str, name: str, column: str, limit: int) -> list[Any]:
    """The first values of a dataset's column in their order, without missing ones; none where there is no such column.

    Raises:
        Forbidden, DatasetNotFound; QueryInvalid: it took too long.
    """
    require(who, Verb.READ, project)
    if column not in [field.name for field in open_table(project, name).schema().fields]:
        return []
    quoted = column.replace('"', '""')
    sql = f'SELECT DISTINCT "{quoted}" FROM "{name}" WHERE "{quoted}" IS NOT NULL ORDER BY 1'
    return [row[0] for row in _answer(_connection(project, [name]), sql, (), limit).rows]


def profile(who: Actor, project: str, name: str) -> Answer:
    """Per column: type, minimum, maximum, distinct values, mean, share of missing ones. Raises `DatasetNotFound`."""
    require(who, Verb.READ, project)
    open_table(project, name)
    sql = f'SELECT column_name, column_type, min, max, approx_unique, avg, null_percentage FROM (SUMMARIZE "{name}")'
    return _answer(_connection(project, [name]), sql, (), MOST_ROWS)
