"""What happened, in order: written with the change itself, read once by each consumer. Feeds the summary tables."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import JSON, Index, String, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from atrium.clock import now
from atrium.database import Base, UtcDateTime, reading, writing

KEPT = timedelta(days=30)
Payload = Mapping[str, object]


class EventRow(Base):
    """One thing that happened; `id` gives the order."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_object", "project", "object"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    kind: Mapped[str] = mapped_column(String(60))
    project: Mapped[str] = mapped_column(String(30))
    object: Mapped[str] = mapped_column(String(300))
    payload: Mapped[Payload] = mapped_column(JSON)


class CursorRow(Base):
    """How far a consumer has read."""

    __tablename__ = "event_cursors"

    consumer: Mapped[str] = mapped_column(String(60), primary_key=True)
    last_id: Mapped[int]


@dataclass(frozen=True)
class Event:
    """One thing that happened to `object`; `kind` is `<object's kind>.changed` and the like."""

    id: int
    at: datetime
    kind: str
    project: str
    object: str
    payload: Payload


def emit(session: Session, kind: str, project: str, object: str, payload: Payload) -> None:
    """Writes an event in the caller's transaction, so that it exists exactly if the change does."""
    session.add(EventRow(at=now(), kind=kind, project=project, object=object, payload=dict(payload)))


def consume(consumer: str, kinds: tuple[str, ...], handle: Callable[[Session, Event], None], limit: int = 500) -> int:
    """Gives `handle` the events of `kinds` that `consumer` has not seen, oldest first; returns how many (0 to `limit`).

    An event tells all that an object is by then, so of several about one object only the newest is given. `handle` writes in the
    transaction that also moves the consumer on: each event has its effect exactly once.
    """
    with reading() as session:
        known = session.get(CursorRow, consumer)
        seen = known.last_id if known else 0
        if session.scalar(select(EventRow.id).where(EventRow.id > seen, EventRow.kind.in_(kinds)).limit(1)) is None:
            return 0
    with writing() as session:
        cursor = session.get(CursorRow, consumer)
        if cursor is None:
            cursor = CursorRow(consumer=consumer, last_id=0)
            session.add(cursor)
        unseen = (EventRow.id > cursor.last_id, EventRow.kind.in_(kinds))
        newest = select(func.max(EventRow.id)).where(*unseen).group_by(EventRow.project, EventRow.object, EventRow.kind)
        rows = session.scalars(select(EventRow).where(EventRow.id.in_(newest)).order_by(EventRow.id).limit(limit)).all()
        for row in rows:
            handle(session, Event(row.id, row.at, row.kind, row.project, row.object, row.payload))
            cursor.last_id = row.id
        return len(rows)


def recent(kind: str, project: str, object: str, limit: int = 20) -> list[Event]:
    """The newest events of one object, newest first; the caller has checked the right to see them."""
    query = select(EventRow).where(EventRow.project == project, EventRow.object == object, EventRow.kind == kind)
    with reading() as session:
        rows = session.scalars(query.order_by(EventRow.id.desc()).limit(limit)).all()
    return [Event(row.id, row.at, row.kind, row.project, row.object, row.payload) for row in rows]


def unseen(consumer: str, kinds: tuple[str, ...], limit: int = 500) -> list[Event]:
    """The events of `kinds` that `consumer` has not marked seen, oldest first.

    For consumers that ask a back end what came of a change, which no transaction may wait for: they look here, ask, and then
    write the answer and `mark_seen` in one transaction. A crash in between shows the same events again.
    """
    with reading() as session:
        known = session.get(CursorRow, consumer)
        query = select(EventRow).where(EventRow.id > (known.last_id if known else 0), EventRow.kind.in_(kinds))
        rows = session.scalars(query.order_by(EventRow.id).limit(limit))
        return [Event(row.id, row.at, row.kind, row.project, row.object, row.payload) for row in rows]


def mark_seen(session: Session, consumer: str, last_id: int) -> None:
    """Moves `consumer` on past the event `last_id`, in the caller's transaction."""
    session.merge(CursorRow(consumer=consumer, last_id=last_id))


def forget_old() -> int:
    """Deletes events older than 30 days; returns their number."""
    with writing() as session:
        gone = session.execute(delete(EventRow).where(EventRow.at < now() - KEPT))
        return int(getattr(gone, "rowcount", 0))
