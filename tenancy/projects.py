"""Projects and who is what in them."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from atrium.clock import now
from atrium.database import reading, writing
from atrium.errors import Conflict, Invalid, NotFound
from atrium.events import emit
from atrium.identity import Actor, Kind, Role, Verb, require
from atrium.names import check_name
from atrium.pages import Page, page_of, read_page
from tenancy.audit import audit
from tenancy.models import MemberRow, MemberView, ProjectRow, ProjectView, UserRow
from tenancy.users import UserNotFound, user_row

MOST_PARALLEL = 1_000_000
LONGEST_TITLE = 120


class ProjectNotFound(NotFound):
    """No project has this name."""


class ProjectExists(Conflict):
    """A project of this name is there already."""


class LimitInvalid(Invalid):
    """A project's limit is not a number that it may be."""


class TitleInvalid(Invalid):
    """A project's title is empty or too long."""


def roles_of(session: Session, user: UserRow) -> dict[str, Role]:
    """The user's role in each project now; the administrator is admin everywhere."""
    if user.administrator:
        return dict.fromkeys(session.scalars(select(ProjectRow.name)), Role.ADMIN)
    rows = session.execute(select(MemberRow.project, MemberRow.role).where(MemberRow.user == user.name))
    return {project: Role(role) for project, role in rows}


def actor_for(name: str, project: str) -> Actor:
    """Who acts in `project` for a person who is not there, as a schedule does: with the rights that they have there now.

    Raises:
        UserNotFound: there is none, or they may not sign in any more.
    """
    with reading() as session:
        user = user_row(session, name)
        if not user.active:
            raise UserNotFound(f"user {name!r}", "they may not sign in any more", "let somebody else take it over")
        roles = {key: role for key, role in roles_of(session, user).items() if key == project}
    return Actor(name, Kind.RUN, roles)


def project_exists(project: str) -> bool:
    """Whether there is a project of this name."""
    with reading() as session:
        return session.get(ProjectRow, project) is not None


def _project_row(session: Session, project: str) -> ProjectRow:
    row = session.get(ProjectRow, project)
    if row is None:
        raise ProjectNotFound(f"project {project!r}", "there is no project of this name", "see the list of projects")
    return row


def _view(who: Actor, row: ProjectRow) -> ProjectView:
    role = Role.ADMIN if who.administrator else who.roles[row.name]
    return ProjectView(row.name, row.title, role, row.created_by, row.created_at, row.parallelism)


def create_project(who: Actor, name: str, title: str = "") -> ProjectView:
    """Makes a project; its maker becomes its admin. For the administrator.

    Raises:
        Forbidden, NameInvalid, ProjectExists.
    """
    require(who, Verb.ADMINISTER)
    check_name(name, "project")
    with writing() as session:
        if session.get(ProjectRow, name):
            raise ProjectExists(f"project {name!r}", "a name is taken once", "choose another name")
        row = ProjectRow(name=name, title=title or name, created_by=who.name, created_at=now())
        session.add(row)
        session.flush()
        if session.get(UserRow, who.name):
            session.add(MemberRow(project=name, user=who.name, role=Role.ADMIN))
        audit(session, who, "project.create", name, name)
        emit(session, "project.changed", name, name, {"title": row.title})
        return ProjectView(name, row.title, Role.ADMIN, row.created_by, row.created_at)


def list_projects(who: Actor, after: str | None = None, limit: int | None = None) -> Page[ProjectView]:
    """The projects in which `who` is something, by name: all, or a page."""
    query = select(ProjectRow)
    if not who.administrator:
        query = query.where(ProjectRow.name.in_(who.projects))
    with reading() as session:
        return page_of(read_page(session, query, [ProjectRow.name], after, limit), lambda row: _view(who, row))


def get_project(who: Actor, project: str) -> ProjectView:
    """One project. Raises `Forbidden`, `ProjectNotFound`."""
    require(who, Verb.READ, project)
    with reading() as session:
        return _view(who, _project_row(session, project))


def set_parallelism(who: Actor, project: str, limit: int | None) -> None:
    """Sets how many workflows of a project run at once on this machine; 0 is no limit, None the platform's setting. For the administrator.

    Raises:
        Forbidden, ProjectNotFound; LimitInvalid: it is below 0 or over a million.
    """
    require(who, Verb.ADMINISTER)
    if limit is not None and not 0 <= limit <= MOST_PARALLEL:
        raise LimitInvalid(
            f"limit {limit} of project {project!r}",
            f"a whole number from 0 (none) to {MOST_PARALLEL}",
            "choose another one",
        )
    with writing() as session:
        _project_row(session, project).parallelism = limit
        audit(session, who, "project.parallelism", project, project, "the setting" if limit is None else str(limit))


def set_title(who: Actor, project: str, title: str) -> None:
    """Gives a project another title; its name, which addresses hold, stays. Raises `Forbidden`, `ProjectNotFound`, `TitleInvalid`."""
    require(who, Verb.MANAGE, project)
    title = title.strip()
    if not 1 <= len(title) <= LONGEST_TITLE:
        raise TitleInvalid(
            f"a title of {len(title)} characters", f"1 to {LONGEST_TITLE} characters", "write another title"
        )
    with writing() as session:
        _project_row(session, project).title = title
        audit(session, who, "project.title", project, project, title)
        emit(session, "project.changed", project, project, {"title": title})


def members_of_all(who: Actor) -> dict[str, int]:
    """How many members each project has, by project. For the administrator. Raises `Forbidden`."""
    require(who, Verb.ADMINISTER)
    with reading() as session:
        counted = session.execute(select(MemberRow.project, func.count()).group_by(MemberRow.project))
        return {project: count for project, count in counted}


def parallelism_limits() -> dict[str, int]:
    """How many workflows run at once in each project that has a limit of its own."""
    with reading() as session:
        query = select(ProjectRow.name, ProjectRow.parallelism).where(ProjectRow.parallelism.is_not(None))
        return {name: limit for name, limit in session.execute(query) if limit is not None}


def list_members(who: Actor, project: str, after: str | None = None, limit: int | None = None) -> Page[MemberView]:
    """Who is what in a project, by name: all, or a page. Raises `Forbidden`."""
    require(who, Verb.READ, project)
    with reading() as session:
        found = read_page(
            session, select(MemberRow).where(MemberRow.project == project), [MemberRow.user], after, limit
        )
    return page_of(found, lambda row: MemberView(row.user, Role(row.role)))


def add_member(who: Actor, project: str, user: str, role: Role) -> None:
    """Gives a user a role in a project, or another role. Raises `Forbidden`, `ProjectNotFound`, `UserNotFound`."""
    require(who, Verb.MANAGE, project)
    with writing() as session:
        _project_row(session, project)
        user_row(session, user)
        session.merge(MemberRow(project=project, user=user, role=role))
        audit(session, who, "member.set", project, user, role.value)


def remove_member(who: Actor, project: str, user: str) -> None:
    """Takes a user out of a project; their tokens lose it within 2 seconds. Raises `Forbidden`, `NotFound`."""
    require(who, Verb.MANAGE, project)
    with writing() as session:
        row = session.get(MemberRow, (project, user))
        if row is None:
            raise NotFound(f"member {user!r} of project {project!r}", "only a member can be removed", "see the members")
        session.delete(row)
        audit(session, who, "member.remove", project, user)
