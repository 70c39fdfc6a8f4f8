"""Tables of users, projects, sessions, tokens, secrets and the audit, and what of them is shown."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from atrium.database import Base, UtcDateTime
from atrium.identity import Role


class Audience(StrEnum):
    """What a signed text is good for (JWT `aud`); one made for another use is refused."""

    API = "api"
    RUN = "run"
    CONTENT = "content"
    SESSION = "session"
    CONTENT_SESSION = "content-session"


class UserRow(Base):
    """Somebody who may sign in."""

    __tablename__ = "users"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    administrator: Mapped[bool]
    active: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ProjectRow(Base):
    """A project: a namespace in every back end."""

    __tablename__ = "projects"

    name: Mapped[str] = mapped_column(String(30), primary_key=True)
    title: Mapped[str] = mapped_column(String(120))
    created_by: Mapped[str] = mapped_column(String(60))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # workflows that run at once; 0: no limit; None: the platform's setting
    parallelism: Mapped[int | None] = mapped_column()


class MemberRow(Base):
    """A person's role in a project."""

    __tablename__ = "members"

    project: Mapped[str] = mapped_column(ForeignKey("projects.name"), primary_key=True)
    user: Mapped[str] = mapped_column(ForeignKey("users.name"), primary_key=True, index=True)
    role: Mapped[Role] = mapped_column(String(10))


class SessionRow(Base):
    """A browser's sign-in; ends when unused for the set hours, or at sign-out."""

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    user: Mapped[str] = mapped_column(ForeignKey("users.name"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ContentCodeRow(Base):
    """A code that takes a sign-in over to one item's host, once."""

    __tablename__ = "content_codes"

    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    session: Mapped[str] = mapped_column(String(40))
    item: Mapped[str] = mapped_column(String(70))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SignInFailureRow(Base):
    """Wrong passwords lately, by name and by address."""

    __tablename__ = "sign_in_failures"

    key: Mapped[str] = mapped_column(String(120), primary_key=True)
    count: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)


class TokenRow(Base):
    """A bearer token that was given out; its text is not kept."""

    __tablename__ = "tokens"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    audience: Mapped[Audience] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(60))
    owner: Mapped[str] = mapped_column(ForeignKey("users.name"), index=True)
    projects: Mapped[list[str]] = mapped_column(JSON)
    administrator: Mapped[bool]
    run: Mapped[str | None] = mapped_column(String(100), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SecretRow(Base):
    """A project's secret for its steps, encrypted with the home's master key."""

    __tablename__ = "secrets"

    project: Mapped[str] = mapped_column(ForeignKey("projects.name"), primary_key=True)
    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    changed_by: Mapped[str] = mapped_column(String(60))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AuditRow(Base):
    """One change that somebody made."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    actor: Mapped[str] = mapped_column(String(60))
    via: Mapped[str] = mapped_column(String(100))
    action: Mapped[str] = mapped_column(String(60))
    project: Mapped[str | None] = mapped_column(String(30), index=True)
    object: Mapped[str] = mapped_column(String(300))
    detail: Mapped[str] = mapped_column(String(1000))


@dataclass(frozen=True)
class ProjectView:
    """A project as one of its members sees it, with the viewer's own role."""

    name: str
    title: str
    role: Role
    created_by: str
    created_at: datetime
    parallelism: int | None = None


@dataclass(frozen=True)
class MemberView:
    """A person's role in a project."""

    user: str
    role: Role


@dataclass(frozen=True)
class UserView:
    """A user as the administrator sees them."""

    name: str
    administrator: bool
    active: bool
    created_at: datetime


@dataclass(frozen=True)
class TokenView:
    """A token without its text."""

    id: str
    name: str
    owner: str
    projects: list[str]
    administrator: bool
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True)
class SecretView:
    """A secret without its value."""

    name: str
    changed_by: str
    changed_at: datetime


@dataclass(frozen=True)
class AuditView:
    """One change that somebody made; `via` tells by what they came in (session, token, run, platform)."""

    id: int
    at: datetime
    actor: str
    via: str
    action: str
    project: str | None
    object: str
    detail: str
