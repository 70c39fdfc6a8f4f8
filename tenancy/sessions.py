"""Signing in with a browser: sessions, and their way to the content port's hosts."""

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from atrium.clock import now
from atrium.database import reading, writing
from atrium.errors import NotSignedIn, TooManyRequests
from atrium.identity import Actor, Kind
from atrium.settings import get_settings
from tenancy.audit import audit
from tenancy.models import Audience, ContentCodeRow, SessionRow, SignInFailureRow, UserRow
from tenancy.projects import roles_of
from tenancy.signing import sign, verify
from tenancy.users import password_is_right

FREE_TRIES = 4
FREE_TRIES_OF_AN_ADDRESS = 20  # many people may share one
LONGEST_WAIT_SECONDS = 300
FAILURES_FORGOTTEN = timedelta(minutes=30)
RENEWED_AFTER_SECONDS = 600
CODE_SECONDS = 30


class WrongPassword(NotSignedIn):
    """The name or the password is wrong; which of them is not told."""


class SignInSlowedDown(TooManyRequests):
    """Too many wrong passwords: the next try must wait."""


def _signed_out() -> NotSignedIn:
    return NotSignedIn("a session that has ended", "sessions end at sign-out and when unused", "sign in again")


def _lifetime() -> timedelta:
    return timedelta(hours=get_settings().session_hours)


def _wait_seconds(row: SignInFailureRow | None) -> float:
    if row is None:
        return 0
    free = FREE_TRIES_OF_AN_ADDRESS if row.key.startswith("address:") else FREE_TRIES
    if row.count < free or now() - row.last_at > FAILURES_FORGOTTEN:
        return 0
    wait = min(2.0 ** (row.count - free), LONGEST_WAIT_SECONDS)
    return wait - (now() - row.last_at).total_seconds()


def _count_try(keys: list[str]) -> None:
    """Counts a try as a wrong one before its password is looked at, so that tries sent at once are slowed down too."""
    with writing() as session:
        rows = [session.get(SignInFailureRow, key) for key in keys]
        wait = max(_wait_seconds(row) for row in rows)
        if wait > 0:
            raise SignInSlowedDown(
                "one more try to sign in",
                f"after {FREE_TRIES} wrong passwords for a name, or {FREE_TRIES_OF_AN_ADDRESS} from an address, each try waits",
                f"try again in {int(wait) + 1} seconds, or ask the administrator for a new password",
            )
        for key, row in zip(keys, rows, strict=True):
            forgotten = row is None or now() - row.last_at > FAILURES_FORGOTTEN
            count = 1 if row is None or forgotten else row.count + 1
            session.merge(SignInFailureRow(key=key, count=count, last_at=now()))


def sign_in(name: str, password: str, address: str) -> str:
    """A new session's signed text for the cookie. `address` is the client's, by which wrong passwords are counted too.

    Raises:
        WrongPassword: name or password; SignInSlowedDown: after 4 wrong ones for a name, or 20
        from an address, the wait doubles with each, up to 300 seconds.
    """
    keys = [f"name:{name[:60]}", f"address:{address[:60]}"]
    _count_try(keys)
    with reading() as session:
        user = session.get(UserRow, name)
    if not password_is_right(user, password):
        raise WrongPassword("this name with this password", "they must belong together", "check both and try again")
    row = SessionRow(id=secrets.token_urlsafe(24), user=name, created_at=now(), expires_at=now() + _lifetime())
    with writing() as session:
        session.add(row)
        session.execute(delete(SignInFailureRow).where(SignInFailureRow.key.in_(keys)))
        session.execute(delete(SessionRow).where(SessionRow.expires_at < now()))
        audit(session, Actor(name, Kind.SESSION, credential=row.id), "session.open", None, name, f"from {address[:60]}")
    return _cookie(row)


def _cookie(row: SessionRow) -> str:
    return sign(Audience.SESSION, row.user, row.id, _lifetime().total_seconds(), {})


def session_actor(session: Session, identifier: str, kind: Kind = Kind.SESSION) -> Actor:
    """The actor of a session that is live, with their roles now. Raises `NotSignedIn`."""
    row = session.get(SessionRow, identifier)
    user = session.get(UserRow, row.user) if row else None
    if row is None or user is None or not user.active or row.expires_at < now():
        raise _signed_out()
    return Actor(user.name, kind, roles_of(session, user), user.administrator, row.id)


def actor_of_session(cookie: str) -> Actor:
    """Who holds this session cookie, with their roles now. Raises `NotSignedIn`."""
    claims = verify(cookie, [Audience.SESSION])
    with reading() as session:
        return session_actor(session, str(claims["jti"]))


def renewed_session(cookie: str) -> str | None:
    """A fresh cookie for a session in use whose cookie is older than 10 minutes, else None. Raises `NotSignedIn`."""
    claims = verify(cookie, [Audience.SESSION])
    if now().timestamp() - float(str(claims["iat"])) < RENEWED_AFTER_SECONDS:
        return None
    with writing() as session:
        row = session.get(SessionRow, str(claims["jti"]))
        if row is None:
            raise _signed_out()
        row.expires_at = now() + _lifetime()
        return _cookie(row)


def sign_out(who: Actor) -> None:
    """Ends the session by which `who` came in; open pages notice at their next rerun."""
    with writing() as session:
        session.execute(delete(SessionRow).where(SessionRow.id == who.credential))
        audit(session, who, "session.close", None, who.name)


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def content_code(who: Actor, item: str) -> str:
    """A code, good once within 30 seconds, that takes the session of `who` to the host of `item` (`demo--project`)."""
    code = secrets.token_urlsafe(24)
    with writing() as session:
        session.execute(delete(ContentCodeRow).where(ContentCodeRow.expires_at < now()))
        expires_at = now() + timedelta(seconds=CODE_SECONDS)
        session.add(ContentCodeRow(code_hash=_digest(code), session=who.credential, item=item, expires_at=expires_at))
    return code


def redeem_content_code(code: str, item: str) -> str:
    """The content cookie's signed text for `item`, in exchange for its code. Raises `NotSignedIn`."""
    with writing() as session:
        row = session.get(ContentCodeRow, _digest(code))
        if row is None or row.item != item or row.expires_at < now():
            raise _signed_out()
        session.delete(row)
        who = session_actor(session, row.session)
    return sign(Audience.CONTENT_SESSION, who.name, who.credential, _lifetime().total_seconds(), {"item": item})


def actor_of_content_session(cookie: str, item: str) -> Actor:
    """Who holds this content cookie, for this `item` only; ends with the session it came from. Raises `NotSignedIn`."""
    claims = verify(cookie, [Audience.CONTENT_SESSION])
    if claims.get("item") != item:
        raise _signed_out()
    with reading() as session:
        return session_actor(session, str(claims["jti"]), Kind.CONTENT)
