"""Lists that are paged by key: each page is one statement, however long the list is."""

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import Field
from sqlalchemy import Integer, Select, literal, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from atrium.database import UtcDateTime
from atrium.errors import Invalid

T = TypeVar("T")
V = TypeVar("V")
MOST_ITEMS = 200
DEFAULT_ITEMS = 25
Limit = Annotated[int, Field(ge=1, le=MOST_ITEMS)]  # of a page that is asked for by REST


class PageKeyInvalid(Invalid):
    """The key of a page is none that a list gave out."""


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some items of a list in its order, read like one; `next_key` asks for the following ones, None after the last."""

    items: list[T]
    next_key: str | None

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, number: int) -> T:
        return self.items[number]


def _told(value: object) -> str | int:
    return value.isoformat() if isinstance(value, datetime) else value if isinstance(value, int) else str(value)


def _encode(values: Sequence[object]) -> str:
    text = json.dumps([_told(one) for one in values], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(value: Any, column: InstrumentedAttribute[Any]) -> object:
    if isinstance(column.type, UtcDateTime):
        return datetime.fromisoformat(value)
    return int(value) if isinstance(column.type, Integer) else str(value)


def _decode(key: str, columns: Sequence[InstrumentedAttribute[Any]]) -> list[object]:
    try:
        values = json.loads(base64.urlsafe_b64decode(key + "=" * (-len(key) % 4)))
        return [_read(one, column) for one, column in zip(values, columns, strict=True)]
    except (ValueError, TypeError, binascii.Error):
        raise PageKeyInvalid(
            f"page key {key[:60]!r}", "it is the next_key of the page before", "begin the list again without a key"
        ) from None


def bounded(limit: int) -> int:
    """How many items a page holds: what was asked for, 1 to 200."""
    return max(1, min(limit, MOST_ITEMS))


def read_page(
    session: Session,
    query: Select[T],
    order: Sequence[InstrumentedAttribute[Any]],
    after: str | None = None,
    limit: int | None = DEFAULT_ITEMS,
    newest_first: bool = False,
) -> Page[T]:
    """One page of `query`'s rows by one statement, ordered by the columns `order`, which together are unique.

    `after` is the `next_key` of the page before; a page holds at most 200, without a limit it holds all there are. Raises
    `PageKeyInvalid`.
    """
    if after:
        keys = tuple_(*(literal(one, column.type) for one, column in zip(_decode(after, order), order, strict=True)))
        query = query.where(tuple_(*order) < keys if newest_first else tuple_(*order) > keys)
    ordered = query.order_by(*(column.desc() if newest_first else column for column in order))
    if limit is None:
        return Page(list(session.scalars(ordered)), None)
    limit = bounded(limit)
    rows = list(session.scalars(ordered.limit(limit + 1)))
    following = _encode([getattr(rows[limit - 1], column.key) for column in order]) if len(rows) > limit else None
    return Page(rows[:limit], following)


def page_of(found: Page[T], view: Callable[[T], V]) -> Page[V]:
    """The same page with what is shown of each row."""
    return Page([view(one) for one in found.items], found.next_key)
