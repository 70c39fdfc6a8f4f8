"""The audit: a line for each change, written in the transaction of the change where there is one."""

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from atrium.clock import now
from atrium.database import reading
from atrium.identity import Actor, Verb, require
from atrium.pages import Page, page_of, read_page
from tenancy.models import AuditRow, AuditView

LONGEST_OBJECT, LONGEST_DETAIL, LONGEST_VIA = 300, 1000, 100


def audit(session: Session, who: Actor, action: str, project: str | None, object: str, detail: str = "") -> None:
    """Writes that `who` did `action` (noun.verb: `service.deploy`) to `object`; `detail` never holds a secret."""
    via = f"{who.kind.value}:{who.run}" if who.run else who.kind.value
    session.add(
        AuditRow(
            at=now(), actor=who.name, via=via[:LONGEST_VIA], action=action, project=project,
            object=object[:LONGEST_OBJECT], detail=detail[:LONGEST_DETAIL],
        )
    )  # fmt: skip


def list_audit(
    who: Actor, project: str | None, after: str | None = None, limit: int = 50, holding: str = ""
) -> Page[AuditView]:
    """Changes, newest first: a project's for who may manage it, everything (None) for the administrator.

    `after` is the key of the previous page; `limit` is at most 200 lines; with `holding` those alone whose actor, action, object or
    detail hold that text. Raises `Forbidden`.
    """
    require(who, Verb.MANAGE if project else Verb.ADMINISTER, project)
    query = select(AuditRow)
    if project:
        query = query.where(AuditRow.project == project)
    if holding:
        columns = (AuditRow.actor, AuditRow.action, AuditRow.object, AuditRow.detail)
        query = query.where(or_(*(column.icontains(holding[:LONGEST_VIA], autoescape=True) for column in columns)))
    with reading() as session:
        found = read_page(session, query, [AuditRow.id], after, limit, newest_first=True)
    return page_of(found, lambda r: AuditView(r.id, r.at, r.actor, r.via, r.action, r.project, r.object, r.detail))
