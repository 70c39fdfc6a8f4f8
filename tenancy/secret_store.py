"""Projects' secrets for their steps: encrypted (AES-256-GCM) with the home's master key, shown to nobody again."""

import re

from sqlalchemy import select

from atrium.clock import now
from atrium.database import reading, writing
from atrium.errors import Invalid, NotFound
from atrium.identity import Actor, Verb, require
from atrium.keys import seal, unseal
from atrium.pages import Page, page_of, read_page
from tenancy.audit import audit
from tenancy.models import SecretRow, SecretView

SECRET_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,118}[A-Za-z0-9])?")
LONGEST_VALUE_BYTES = 64 * 1024


def _bound_to(project: str, name: str) -> str:
    return f"{project}/{name}"


def set_secret(who: Actor, project: str, name: str, value: str) -> None:
    """Stores a secret of at most 64 KiB under `name`, in place of an older value. Raises `Forbidden`, `Invalid`."""
    require(who, Verb.MANAGE, project)
    if not SECRET_NAME.fullmatch(name) or len(value.encode()) > LONGEST_VALUE_BYTES or not value:
        raise Invalid(
            f"secret {name!r} of {len(value.encode())} bytes",
            f"a name has letters, digits, . _ and -, a value 1 to {LONGEST_VALUE_BYTES} bytes",
            "choose another name, or keep large files as a dataset",
        )
    sealed = seal(value.encode(), _bound_to(project, name))
    with writing() as session:
        session.merge(SecretRow(project=project, name=name, sealed=sealed, changed_by=who.name, changed_at=now()))
        audit(session, who, "secret.set", project, name)


def list_secrets(who: Actor, project: str, after: str | None = None, limit: int | None = None) -> Page[SecretView]:
    """Names of a project's secrets, without their values: all, or a page. Raises `Forbidden`."""
    require(who, Verb.WRITE, project)
    with reading() as session:
        found = read_page(
            session, select(SecretRow).where(SecretRow.project == project), [SecretRow.name], after, limit
        )
    return page_of(found, lambda row: SecretView(row.name, row.changed_by, row.changed_at))


def delete_secret(who: Actor, project: str, name: str) -> None:
    """Forgets a secret. Raises `Forbidden`, `NotFound`."""
    require(who, Verb.MANAGE, project)
    with writing() as session:
        row = session.get(SecretRow, (project, name))
        if row is None:
            raise NotFound(f"secret {name!r} of project {project!r}", "it must exist", "see the list of secrets")
        session.delete(row)
        audit(session, who, "secret.delete", project, name)


def read_secrets(project: str) -> dict[str, str]:
    """The project's secrets in clear, by name: for the workflow server alone, which hands them to steps."""
    with reading() as session:
        rows = session.scalars(select(SecretRow).where(SecretRow.project == project)).all()
    return {row.name: _open(row) for row in rows}


def _open(row: SecretRow) -> str:
    return unseal(row.sealed, _bound_to(row.project, row.name)).decode()
