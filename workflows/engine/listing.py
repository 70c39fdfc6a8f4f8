"""Lists of workflows: by selectors and times, newest first, page by page."""

import base64
import json
import sqlite3
from dataclasses import dataclass, field

from workflows.engine.selectors import SelectorInvalid, Term

COLUMNS = {"metadata.name": "name", "metadata.namespace": "namespace", "metadata.uid": "uid", "status.phase": "phase",
           "spec.startedAt": "started", "status.startedAt": "started", "status.finishedAt": "finished",
           "metadata.creationTimestamp": "created"}  # fmt: skip
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Query:
    """What is asked for. `namespaces` None for all; `archived` also those that are kept in the archive alone; `after` a page's last key."""

    namespaces: list[str] | None
    labels: list[Term] = field(default_factory=list)
    fields: list[Term] = field(default_factory=list)
    name: str = ""
    name_filter: str = "Exact"
    created_after: str = ""
    finished_before: str = ""
    done: bool = False
    archived: bool = False
    newer_than: int = 0
    after: Key | None = None
    limit: int = 500


def continue_token(key: Key) -> str:
    """A page's last key as clients carry it."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def read_token(text: str) -> Key:
    """The key in a token. Raises `SelectorInvalid`."""
    try:
        created, namespace, name = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, TypeError) as error:
        raise SelectorInvalid(
            f"listOptions.continue {text!r} is no token of this server; begin again without it"
        ) from error
    return str(created), str(namespace), str(name)


class _Where:
    """A condition in SQL and its values, put together piece by piece."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.values: list[str | int] = []

    def add(self, part: str, *values: str | int) -> None:
        self.parts.append(part)
        self.values += values

    def text(self) -> str:
        return " AND ".join(self.parts) or "1"


def _marks(values: "list[str] | tuple[str, ...]") -> str:
    return ",".join("?" * len(values))


def _label(where: _Where, term: Term) -> None:
    having = "SELECT 1 FROM labels l WHERE l.uid = w.uid AND l.key = ?"
    if term.operator in ("exists", "!"):
        where.add(f"{'NOT ' if term.operator == '!' else ''}EXISTS ({having})", term.key)
    elif term.operator in ("<", ">"):
        number = f"AND CAST(l.value AS INTEGER) {term.operator} CAST(? AS INTEGER)"
        where.add(f"EXISTS ({having} {number})", term.key, term.values[0])
    else:
        negated = "NOT " if term.operator == "notin" else ""
        where.add(f"{negated}EXISTS ({having} AND l.value IN ({_marks(term.values)}))", term.key, *term.values)


def _field(where: _Where, term: Term) -> None:
    column = COLUMNS.get(term.key)
    values: list[str | int] = []
    if column is None:
        column, values = (
            "COALESCE(json_extract(w.document, ?), '')",
            ["$." + ".".join(f'"{one}"' for one in term.key.split("."))],
        )
    else:
        column = f"w.{column}"
    if term.operator in ("<", ">"):
        where.add(f"{column} {term.operator} ?", *values, term.values[0])
    else:
        operator = "NOT IN" if term.operator == "notin" else "IN"
        where.add(f"{column} {operator} ({_marks(term.values)})", *values, *term.values)


def _name(where: _Where, query: Query) -> None:
    if query.name_filter == "Contains":
        where.add("instr(w.name, ?) > 0", query.name)
    elif query.name_filter == "Prefix":
        where.add("substr(w.name, 1, length(?)) = ?", query.name, query.name)
    else:
        where.add("w.name = ?", query.name)


def _where(query: Query, after: bool) -> _Where:
    where = _Where()
    if query.after and after:
        created, namespace, name = query.after
        where.add(
            "(w.created < ? OR (w.created = ? AND (w.namespace, w.name) > (?, ?)))", created, created, namespace, name
        )
    if query.namespaces is not None:
        where.add(f"w.namespace IN ({_marks(query.namespaces)})", *query.namespaces)
    if not query.archived:
        where.add("w.archived <> 1")
    else:
        where.add("w.archived <> 2")
    if query.done:
        where.add("w.done = 1")
    if query.name:
        _name(where, query)
    if query.created_after:
        where.add("w.created > ?", query.created_after)
    if query.finished_before:
        where.add("w.finished != '' AND w.finished < ?", query.finished_before)
    if query.newer_than:
        where.add("w.version > ?", query.newer_than)
    for term in query.labels:
        _label(where, term)
    for term in query.fields:
        _field(where, term)
    return where


def find(connection: sqlite3.Connection, query: Query) -> tuple[list[tuple[str, Key]], bool]:
    """Uid and key of each that is asked for, in order, and whether more follow; documents are not read."""
    where = _where(query, after=True)
    order = (
        "w.created DESC, w.name"
        if query.namespaces and len(query.namespaces) == 1
        else "w.created DESC, w.namespace, w.name"
    )
    text = (
        f"SELECT w.uid, w.created, w.namespace, w.name FROM workflows w WHERE {where.text()} ORDER BY {order} LIMIT ?"  # noqa: S608  fixed texts and marks
    )
    rows = connection.execute(text, [*where.values, query.limit + 1]).fetchall()
    return [(uid, (created, namespace, name)) for uid, created, namespace, name in rows[: query.limit]], len(
        rows
    ) > query.limit


def count(connection: sqlite3.Connection, query: Query, after: bool = False) -> int:
    """How many there are in all, or from the page on that the query asks for."""
    where = _where(query, after)
    (number,) = connection.execute(f"SELECT COUNT(*) FROM workflows w WHERE {where.text()}", where.values).fetchone()  # noqa: S608  fixed texts and marks
    return int(number)


def of_namespaces(namespaces: list[str] | None, table: str = "w.") -> tuple[str, list[str]]:
    """A condition that keeps rows of these namespaces (None: all), and its values."""
    return ("1", []) if namespaces is None else (f"{table}namespace IN ({_marks(namespaces)})", namespaces)
