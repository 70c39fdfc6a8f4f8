"""A number that grows with each change of who may do what, so that a look at it tells whether anything changed."""

from sqlalchemy import event, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from atrium.database import Base, reading
from tenancy.models import MemberRow, ProjectRow, TokenRow, UserRow

COUNTED = (MemberRow, ProjectRow, TokenRow, UserRow)


class RightsVersionRow(Base):
    """The number, in one row."""

    __tablename__ = "rights_version"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column()


def rights_version() -> int:
    """The number now; it is another one after each committed change of users, members, projects or tokens."""
    with reading() as session:
        return session.scalar(select(RightsVersionRow.number)) or 0


@event.listens_for(Session, "before_flush")
def _count(session: Session, *_more: object) -> None:
    """Counts a change within its own transaction, whichever function makes it."""
    if any(isinstance(one, COUNTED) for one in (*session.new, *session.dirty, *session.deleted)):
        with session.no_autoflush:
            changed = session.connection().execute(update(RightsVersionRow).values(number=RightsVersionRow.number + 1))
            if not changed.rowcount:
                session.add(RightsVersionRow(id=1, number=1))
