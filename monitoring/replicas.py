"""Which home's components a row tells of, where several homes keep their state in one database; one of their workers judges for all."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from atrium.clock import now
from atrium.home import get_home
from monitoring.models import ComponentRow

LIVES = timedelta(minutes=1)  # a worker tells of its components every ten seconds
FORGOTTEN = timedelta(hours=1)


def shown_name(row: ComponentRow) -> str:
    """A component's name; of another home with its replica: `gate@1f2e3d4c`."""
    return row.name if row.replica == get_home().replica else f"{row.name}@{row.replica}"


def component_rows(session: Session) -> list[ComponentRow]:
    """This home's components in the order of their start, then those of other homes whose workers live."""
    own, since = get_home().replica, now() - LIVES
    rows = session.scalars(select(ComponentRow).order_by(ComponentRow.replica, ComponentRow.place))
    return sorted(
        (one for one in rows if one.replica == own or one.checked_at > since), key=lambda one: one.replica != own
    )


def find_row(session: Session, name: str) -> ComponentRow | None:
    """The component that is shown under this name."""
    part, _, replica = name.partition("@")
    return session.get(ComponentRow, (replica or get_home().replica, part))


def leads(session: Session, at: datetime) -> bool:
    """Whether this home's worker judges and draws for all: the first among those that live, itself always counted as one."""
    living = session.scalars(select(ComponentRow.replica).where(ComponentRow.checked_at > at - LIVES).distinct())
    return all(get_home().replica <= one for one in living)
