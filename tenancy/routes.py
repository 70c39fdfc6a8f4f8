"""Projects, members, tokens and the audit as REST."""

from fastapi import APIRouter
from pydantic import BaseModel, Field, SecretStr

import tenancy
from atrium.identity import Role
from atrium.pages import DEFAULT_ITEMS, Limit, Page
from atrium.web import Who
from tenancy.models import AuditView, MemberView, ProjectView, SecretView, TokenView

router = APIRouter(prefix="/api/v1", tags=["tenancy"])


class NewProject(BaseModel):
    """A project to make."""

    name: str
    title: str = ""


class NewToken(BaseModel):
    """A token to make, for some projects and days."""

    name: str
    projects: list[str] = Field(min_length=1)
    days: float = 90


class TokenMade(BaseModel):
    """A token with its text, which is shown this once."""

    token: TokenView
    text: str


class SecretGiven(BaseModel):
    """A secret's value, which nobody is shown again."""

    value: SecretStr


class TitleGiven(BaseModel):
    """A project's title."""

    title: str


class LimitGiven(BaseModel):
    """How many workflows run at once; 0: no limit, null: the platform's setting."""

    limit: int | None


class RoleGiven(BaseModel):
    """What somebody is to be."""

    role: Role


@router.get("/me")
def me(who: Who) -> dict[str, object]:
    """Who asks, and what they are where."""
    return {"name": who.name, "administrator": who.administrator, "roles": who.roles}


@router.get("/projects")
def list_projects(who: Who, after: str | None = None, limit: Limit = DEFAULT_ITEMS) -> Page[ProjectView]:
    """The projects in which one is something, by name."""
    return tenancy.list_projects(who, after, limit)


@router.post("/projects", status_code=201)
def create_project(who: Who, body: NewProject) -> ProjectView:
    """Makes a project."""
    return tenancy.create_project(who, body.name, body.title)


@router.put("/projects/{project}/title", status_code=204)
def set_title(who: Who, project: str, body: TitleGiven) -> None:
    """Gives a project another title; its name stays."""
    tenancy.set_title(who, project, body.title)


@router.put("/projects/{project}/parallelism", status_code=204)
def set_parallelism(who: Who, project: str, body: LimitGiven) -> None:
    """Sets how many workflows of a project run at once on this machine."""
    tenancy.set_parallelism(who, project, body.limit)


@router.get("/projects/{project}/members")
def list_members(who: Who, project: str, after: str | None = None, limit: Limit = DEFAULT_ITEMS) -> Page[MemberView]:
    """Who is what, by name."""
    return tenancy.list_members(who, project, after, limit)


@router.put("/projects/{project}/members/{user}", status_code=204)
def add_member(who: Who, project: str, user: str, body: RoleGiven) -> None:
    """Gives a role."""
    tenancy.add_member(who, project, user, body.role)


@router.delete("/projects/{project}/members/{user}", status_code=204)
def remove_member(who: Who, project: str, user: str) -> None:
    """Takes somebody out."""
    tenancy.remove_member(who, project, user)


@router.get("/tokens")
def list_tokens(who: Who, after: str | None = None, limit: Limit = DEFAULT_ITEMS) -> Page[TokenView]:
    """One's own tokens, newest first."""
    return tenancy.list_tokens(who, after, limit)


@router.post("/tokens", status_code=201)
def create_token(who: Who, body: NewToken) -> TokenMade:
    """Makes a token; its text is shown this once."""
    token, text = tenancy.create_token(who, body.name, body.projects, body.days)
    return TokenMade(token=token, text=text)


@router.delete("/tokens/{identifier}", status_code=204)
def revoke_token(who: Who, identifier: str) -> None:
    """Ends a token within 2 seconds."""
    tenancy.revoke_token(who, identifier)


@router.get("/projects/{project}/secrets")
def list_secrets(who: Who, project: str, after: str | None = None, limit: Limit = DEFAULT_ITEMS) -> Page[SecretView]:
    """Names of the secrets, who set each and when; never a value."""
    return tenancy.list_secrets(who, project, after, limit)


@router.put("/projects/{project}/secrets/{name}", status_code=204)
def set_secret(who: Who, project: str, name: str, body: SecretGiven) -> None:
    """Sets a secret, in place of an older value."""
    tenancy.set_secret(who, project, name, body.value.get_secret_value())


@router.delete("/projects/{project}/secrets/{name}", status_code=204)
def delete_secret(who: Who, project: str, name: str) -> None:
    """Forgets a secret."""
    tenancy.delete_secret(who, project, name)


@router.get("/projects/{project}/audit")
def list_audit(
    who: Who, project: str, after: str | None = None, limit: Limit = 50, holding: str = ""
) -> Page[AuditView]:
    """Changes in the project, newest first; those alone whose words hold a text."""
    return tenancy.list_audit(who, project, after, limit, holding)


@router.get("/audit")
def list_whole_audit(who: Who, after: str | None = None, limit: Limit = 50, holding: str = "") -> Page[AuditView]:
    """Changes in the whole platform, newest first, for the administrator."""
    return tenancy.list_audit(who, None, after, limit, holding)
