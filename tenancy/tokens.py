"""Bearer tokens: people's for every interface, runs' for their steps, demos' for their models."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from atrium.clock import now
from atrium.database import reading, writing
from atrium.errors import Forbidden, Invalid, NotFound, NotSignedIn
from atrium.home import get_home
from atrium.identity import Actor, Kind, Role, Verb, require
from atrium.pages import Page, page_of, read_page
from tenancy.audit import audit
from tenancy.models import Audience, ProjectRow, TokenRow, TokenView, UserRow
from tenancy.projects import roles_of
from tenancy.revocations import run_token_beginning
from tenancy.sessions import session_actor
from tenancy.signing import sign, verify
from tenancy.users import user_row

LONGEST_DAYS = 366
RUN_DAYS = 8
CONTENT_DAYS = 366
LONGEST_NAME = 60
LONGEST_ITEM = LONGEST_NAME - 9  # behind it stands which replica's it is
ID_BYTES = 16
METRICS = "the platform's Prometheus"
KINDS = {Audience.API: Kind.TOKEN, Audience.RUN: Kind.RUN, Audience.CONTENT: Kind.CONTENT}


def _view(row: TokenRow) -> TokenView:
    return TokenView(
        row.id, row.name, row.owner, row.projects, row.administrator, row.created_at, row.expires_at, row.revoked_at
    )


def _issue(session: Session, audience: Audience, name: str, owner: str, projects: list[str], days: float,
           administrator: bool = False, run: str | None = None) -> tuple[TokenView, str]:  # fmt: skip
    lifetime = timedelta(days=days)
    beginning = f"{run_token_beginning(now())}." if audience is Audience.RUN else ""
    row = TokenRow(
        id=f"{beginning}{secrets.token_urlsafe(ID_BYTES)}", audience=audience, name=name, owner=owner, projects=projects,
        administrator=administrator, run=run, created_at=now(), expires_at=now() + lifetime, revoked_at=None,
    )  # fmt: skip
    session.add(row)
    text = sign(audience, owner, row.id, lifetime.total_seconds(), {"projects": projects})
    return _view(row), text


def create_token(
    who: Actor, name: str, projects: list[str], days: float = 90, administrator: bool = False
) -> tuple[TokenView, str]:
    """A token of one's own for some of one's projects, and its text, which is shown once.

    `administrator` makes one that administers the platform and names no projects.

    Raises:
        Forbidden: a project that is not one's own, or who asks came with a token; Invalid: no project, a wrong name, or not 0 < days <= 366.
    """
    if not (0 < days <= LONGEST_DAYS) or not 1 <= len(name) <= LONGEST_NAME or bool(projects) == administrator:
        raise Invalid(
            f"a token {name!r} for {projects or 'no project'} and {days} days",
            f"it has a name of 1 to {LONGEST_NAME} characters, projects, and lives {LONGEST_DAYS} days at most",
            "give it a name, and choose projects: only an administrator's token names none",
        )
    _check_maker(who)
    for project in projects:
        require(who, Verb.READ, project)
    if administrator:
        require(who, Verb.ADMINISTER)
    with writing() as session:
        user_row(session, who.name)
        known = set(session.scalars(select(ProjectRow.name).where(ProjectRow.name.in_(projects))))
        if missing := sorted(set(projects) - known):
            raise NotFound(f"project {missing[0]!r}", "a token names projects that exist", "see the list of projects")
        view, text = _issue(session, Audience.API, name, who.name, sorted(set(projects)), days, administrator)
        _audit_token(session, who, "token.create", name, projects)
    return view, text


def _audit_token(session: Session, who: Actor, action: str, name: str, projects: Sequence[str]) -> None:
    """A line in each project that the token is for; one of the platform's where it is for none."""
    where: list[str | None] = [*sorted(set(projects))] or [None]
    for project in where:
        audit(session, who, action, project, name, ", ".join(projects) if len(projects) > 1 else "")


def _check_maker(who: Actor) -> None:
    """A token makes no token: one that leaks then ends with its own end, and nothing that it made goes on."""
    if who.kind not in (Kind.SESSION, Kind.PLATFORM):
        raise Forbidden(
            "a token made by means of a token", "people make tokens where they are signed in",
            "create one under Settings, Tokens, or on the machine by atrium token create",
        )  # fmt: skip


def list_tokens(who: Actor, after: str | None = None, limit: int | None = None) -> Page[TokenView]:
    """One's own tokens for interfaces that have not expired, newest first: all, or a page."""
    query = select(TokenRow).where(
        TokenRow.owner == who.name, TokenRow.audience == Audience.API, TokenRow.expires_at > now()
    )
    with reading() as session:
        return page_of(
            read_page(session, query, [TokenRow.created_at, TokenRow.id], after, limit, newest_first=True), _view
        )


def revoke_token(who: Actor, identifier: str) -> None:
    """Ends a token of one's own (the administrator: anybody's) within 2 seconds everywhere. Raises `Forbidden`, `NotFound`."""
    if who.kind in (Kind.RUN, Kind.CONTENT):
        raise Forbidden(
            f"the end of a token, asked by the token of a {'run' if who.kind is Kind.RUN else 'demo'}",
            "people end tokens, signed in or by a token of their own", "see Settings, Tokens",
        )  # fmt: skip
    with writing() as session:
        row = session.get(TokenRow, identifier)
        if row is None or not (row.owner == who.name or who.may(Verb.ADMINISTER)):
            raise NotFound(f"token {identifier!r}", "it must be one of yours", "see Settings, Tokens")
        row.revoked_at = row.revoked_at or now()
        _audit_token(session, who, "token.revoke", row.name, row.projects)


def issue_metrics_token() -> str:
    """The text of the token by which the platform's own Prometheus reads /metrics; the one that this replica had before ends.

    It is the first administrator's, because only one may read them. Raises `NotFound` where there is none yet.
    """
    with writing() as session:
        query = select(UserRow.name).where(UserRow.administrator, UserRow.active).order_by(UserRow.created_at)
        owner = session.scalar(query.limit(1))
        if owner is None:
            raise NotFound("the administrator's token for metrics", "there must be an administrator", "run make up")
        name = f"{METRICS}@{get_home().replica}"
        mine = (TokenRow.name.in_([name, METRICS]), TokenRow.administrator, TokenRow.revoked_at.is_(None))
        for row in session.scalars(select(TokenRow).where(*mine)):
            row.revoked_at = now()
        return _issue(session, Audience.API, name, owner, [], LONGEST_DAYS, administrator=True)[1]


def issue_run_token(owner: str, project: str, run: str) -> str:
    """The text of a token for the steps of `run`: its starter's rights in `project`, until the run ends or 8 days."""
    with writing() as session:
        user_row(session, owner)
        return _issue(session, Audience.RUN, f"run {run}"[:LONGEST_NAME], owner, [project], RUN_DAYS, run=run)[1]


class RunTokenNotFound(NotFound):
    """A run has no token: nobody whom the platform knows started it, or it has ended."""


def token_of_run(project: str, run: str) -> str:
    """The text of the newest token that was issued for `run` and has not ended. Raises `RunTokenNotFound`."""
    mine = (
        TokenRow.audience == Audience.RUN,
        TokenRow.run == run,
        TokenRow.revoked_at.is_(None),
        TokenRow.expires_at > now(),
    )
    with reading() as session:
        rows = session.scalars(select(TokenRow).where(*mine).order_by(TokenRow.created_at.desc()))
        row = next((one for one in rows if one.projects == [project]), None)
    if row is None:
        told = "it runs, and somebody whom the platform knows started it through the platform"
        raise RunTokenNotFound(f"the token of run {run!r} of project {project!r}", told, "start it again from here")
    return sign(Audience.RUN, row.owner, row.id, (row.expires_at - now()).total_seconds(), {"projects": row.projects})


def run_had_token(project: str, run: str) -> bool:
    """Whether a token was ever issued for `run`, one that has ended too."""
    with reading() as session:
        rows = session.scalars(select(TokenRow).where(TokenRow.audience == Audience.RUN, TokenRow.run == run))
        return any(one.projects == [project] for one in rows)


def end_tokens_of_ended(project: str, ended: Mapping[str, datetime]) -> None:
    """Ends the tokens of runs that ended at those moments; one that was issued later, for a retry, goes on."""
    mine = (TokenRow.audience == Audience.RUN, TokenRow.run.in_(list(ended)), TokenRow.revoked_at.is_(None))
    with reading() as session:
        if session.scalar(select(TokenRow.id).where(*mine).limit(1)) is None:
            return
    with writing() as session:
        for row in session.scalars(select(TokenRow).where(*mine)):
            if row.projects == [project] and row.run and row.created_at <= ended[row.run]:
                row.revoked_at = now()


def end_run_tokens(project: str, run: str) -> None:
    """Ends the tokens of a run that is over."""
    with writing() as session:
        for row in session.scalars(select(TokenRow).where(TokenRow.run == run, TokenRow.revoked_at.is_(None))):
            if row.projects == [project]:
                row.revoked_at = now()


def issue_content_token(owner: str, project: str, item: str) -> str:
    """The text of a token with which `item` (a demo) asks its project's models; nothing else takes it.

    It takes the place of the one that this replica had for the item: each replica has its own.
    """
    name = f"{item[:LONGEST_ITEM]}@{get_home().replica}"
    with writing() as session:
        user_row(session, owner)
        _end_content_tokens(session, project, TokenRow.name == name)
        return _issue(session, Audience.CONTENT, name, owner, [project], CONTENT_DAYS)[1]


def end_content_tokens(project: str, item: str) -> None:
    """Ends the tokens of a demo that was taken down, at every replica."""
    with writing() as session:
        _end_content_tokens(session, project, TokenRow.name.startswith(f"{item[:LONGEST_ITEM]}@", autoescape=True))


def _end_content_tokens(session: Session, project: str, named: ColumnElement[bool]) -> None:
    mine = (named, TokenRow.audience == Audience.CONTENT, TokenRow.revoked_at.is_(None))
    for row in session.scalars(select(TokenRow).where(*mine)):
        if row.projects == [project]:
            row.revoked_at = now()


def _token_actor(session: Session, identifier: str) -> Actor:
    row = session.get(TokenRow, identifier)
    user = session.get(UserRow, row.owner) if row else None
    if row is None or user is None or not user.active or row.revoked_at or row.expires_at < now():
        raise NotSignedIn(
            "a token that has ended", "it was revoked or has expired", "create one under Settings, Tokens"
        )
    roles: dict[str, Role] = {
        project: role for project, role in roles_of(session, user).items() if project in row.projects
    }
    if row.audience == Audience.CONTENT:
        roles = dict.fromkeys(roles, Role.VIEWER)
    administrator = row.administrator and user.administrator
    return Actor(user.name, KINDS[Audience(row.audience)], roles, administrator, row.id, row.run)


def actor_of_token(text: str, audiences: tuple[Audience, ...] = (Audience.API, Audience.RUN)) -> Actor:
    """Whose token this is, with their present roles in the token's projects. Raises `NotSignedIn`."""
    claims = verify(text, audiences)
    with reading() as session:
        return _token_actor(session, str(claims["jti"]))


def refresh(who: Actor) -> Actor:
    """`who` with their rights as they are now; for pages that stay open. Raises `NotSignedIn` when it has ended."""
    if who.kind is Kind.PLATFORM:
        return who
    with reading() as session:
        if who.kind is Kind.SESSION:
            return session_actor(session, who.credential)
        return _token_actor(session, who.credential)
