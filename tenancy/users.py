"""Users and their passwords."""

import re
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from atrium.clock import now
from atrium.database import reading, writing
from atrium.errors import Conflict, Invalid, NotFound
from atrium.identity import Actor, Verb, require
from atrium.pages import Page, page_of, read_page
from tenancy.audit import audit
from tenancy.models import SessionRow, UserRow, UserView

USER_NAME = re.compile(r"[a-z0-9]+([._-][a-z0-9]+)*")
LONGEST_NAME = 60
SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 200
hasher = PasswordHasher()


class UserNotFound(NotFound):
    """No user has this name."""


class UserExists(Conflict):
    """A user of this name is there already."""


class PasswordTooWeak(Invalid):
    """The password is too short, too long, or the name itself."""


def check_password(name: str, password: str) -> None:
    """Passes a password that may be set: 10 to 200 characters, not the name. Raises `PasswordTooWeak`."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD or password == name:
        raise PasswordTooWeak(
            f"the new password of {name!r} ({len(password)} characters)",
            f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters and is not the name",
            "choose a longer one, like four random words",
        )


@lru_cache
def _hash_of_nobody() -> str:
    return hasher.hash("nobody has this password")


def password_is_right(row: UserRow | None, password: str) -> bool:
    """Whether `password` is the user's; takes the same time (about 0.1 s) for a user who does not exist."""
    try:
        hasher.verify(row.password_hash if row else _hash_of_nobody(), password[:LONGEST_PASSWORD])
    except (VerificationError, InvalidHashError):
        return False
    return row is not None and row.active


def _check_user_name(name: str) -> None:
    if not (2 <= len(name) <= LONGEST_NAME and USER_NAME.fullmatch(name)):
        raise Invalid(
            f"user name {name!r}", "2 to 60 characters of a-z, 0-9 and single . _ - between", "choose another"
        )


def create_user(who: Actor, name: str, password: str, administrator: bool = False) -> UserView:
    """Makes a user; for the administrator. Raises `Forbidden`, `Invalid`, `PasswordTooWeak`, `UserExists`."""
    require(who, Verb.ADMINISTER)
    _check_user_name(name)
    check_password(name, password)
    with writing() as session:
        if session.get(UserRow, name):
            raise UserExists(f"user {name!r}", "a name is taken once", "choose another name")
        row = UserRow(
            name=name, password_hash=hasher.hash(password), administrator=administrator, active=True, created_at=now()
        )
        session.add(row)
        audit(session, who, "user.create", None, name, "administrator" if administrator else "")
        return view(row)


def view(row: UserRow) -> UserView:
    """What is shown of a user."""
    return UserView(row.name, row.administrator, row.active, row.created_at)


def list_users(who: Actor, after: str | None = None, limit: int | None = None, name: str = "") -> Page[UserView]:
    """Users by name, all or a page, `name` being a part of it; for who manages a project or the platform, since members are chosen from them."""
    if not any(who.may(Verb.MANAGE, project) for project in who.projects):
        require(who, Verb.ADMINISTER)
    query = select(UserRow)
    query = query.where(UserRow.name.icontains(name, autoescape=True)) if name else query
    with reading() as session:
        return page_of(read_page(session, query, [UserRow.name], after, limit), view)


def user_row(session: Session, name: str) -> UserRow:
    """The row of user `name`; raises `UserNotFound`."""
    row = session.get(UserRow, name)
    if row is None:
        raise UserNotFound(f"user {name!r}", "there is no user of this name", "see the list under Settings, Users")
    return row


def set_password(who: Actor, name: str, password: str, old_password: str | None = None) -> None:
    """Sets a password and ends the user's other sessions: one's own with the old one, anybody's by the administrator.

    Raises:
        Forbidden: another user's password; Invalid: the old one is wrong; PasswordTooWeak: the new one is.
    """
    if who.name != name:
        require(who, Verb.ADMINISTER)
    check_password(name, password)
    with reading() as session:
        row = user_row(session, name)
        if who.name == name and not password_is_right(row, old_password or ""):
            raise Invalid(f"the old password of {name!r}", "it must be the present one", "type it again")
    hashed = hasher.hash(password)
    with writing() as session:
        user_row(session, name).password_hash = hashed
        for other in session.scalars(
            select(SessionRow).where(SessionRow.user == name, SessionRow.id != who.credential)
        ):
            session.delete(other)
        audit(session, who, "user.password", None, name)


def set_active(who: Actor, name: str, active: bool) -> None:
    """Lets a user in, or keeps them out at once, sessions and tokens too. Raises `Forbidden`, `UserNotFound`."""
    require(who, Verb.ADMINISTER)
    if name == who.name:
        raise Conflict(f"user {name!r}", "nobody locks themselves out", "ask another administrator")
    with writing() as session:
        user_row(session, name).active = active
        audit(session, who, "user.activate" if active else "user.deactivate", None, name)
