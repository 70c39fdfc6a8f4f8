"""Items on the content port that their owners opened to everybody."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, Session, mapped_column

from atrium.database import Base, reading
from atrium.identity import Actor, Verb, require
from tenancy.audit import audit


class PublicItemRow(Base):
    """One item (`demo--project`) that needs no sign-in."""

    __tablename__ = "public_items"

    item: Mapped[str] = mapped_column(String(70), primary_key=True)
    opened_by: Mapped[str] = mapped_column(String(60))


def is_public(item: str) -> bool:
    """Whether everybody may see the item."""
    with reading() as session:
        return session.get(PublicItemRow, item) is not None


def set_public(session: Session, who: Actor, project: str, item: str, public: bool) -> None:
    """Opens an item to everybody, or closes it, in the caller's transaction; for who manages the project."""
    require(who, Verb.MANAGE, project)
    row = session.get(PublicItemRow, item)
    if public and row is None:
        session.add(PublicItemRow(item=item, opened_by=who.name))
    if not public and row is not None:
        session.delete(row)
    audit(session, who, "item.open" if public else "item.close", project, item)
