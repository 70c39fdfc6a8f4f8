"""Who asks, what they may do, and how one of our processes tells another."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from atrium.errors import Forbidden, NotSignedIn
from atrium.keys import key

IDENTITY_HEADER = "x-atrium-identity"
IDENTITY_SECONDS = 300


class Role(StrEnum):
    """What a person is in a project."""

    VIEWER = "viewer"
    ENGINEER = "engineer"
    ADMIN = "admin"


class Verb(StrEnum):
    """What is asked of an object."""

    READ = "read"
    USE = "use"
    WRITE = "write"
    DEPLOY = "deploy"
    MANAGE = "manage"
    ADMINISTER = "administer"


RIGHTS: Mapping[Role, frozenset[Verb]] = MappingProxyType(
    {
        Role.VIEWER: frozenset({Verb.READ, Verb.USE}),
        Role.ENGINEER: frozenset({Verb.READ, Verb.USE, Verb.WRITE, Verb.DEPLOY}),
        Role.ADMIN: frozenset({Verb.READ, Verb.USE, Verb.WRITE, Verb.DEPLOY, Verb.MANAGE}),
    }
)


class Kind(StrEnum):
    """By what an actor came in."""

    SESSION = "session"
    TOKEN = "token"  # noqa: S105  a word, not a secret
    RUN = "run"
    CONTENT = "content"
    PLATFORM = "platform"


@dataclass(frozen=True)
class Actor:
    """Somebody who asks: `roles` by project, `credential` the session's or token's id, `run` for a run's token.

    A platform administrator holds the role admin in every project and alone may administer the platform.
    """

    name: str
    kind: Kind
    roles: Mapping[str, Role] = field(default_factory=dict)
    administrator: bool = False
    credential: str = ""
    run: str | None = None

    def may(self, verb: Verb, project: str | None = None) -> bool:
        """Whether the rights table allows `verb` in `project` (None: on the platform)."""
        if self.administrator:
            return True
        if project is None or verb is Verb.ADMINISTER:
            return False
        role = self.roles.get(project)
        if self.kind in (Kind.RUN, Kind.CONTENT) and verb is Verb.MANAGE:
            return False
        return role is not None and verb in RIGHTS[role]

    @property
    def projects(self) -> list[str]:
        """Names of the projects in which the actor holds a role, sorted."""
        return sorted(self.roles)


def require(who: Actor, verb: Verb, project: str | None = None) -> None:
    """Passes if `who` may `verb` in `project` (None: on the platform).

    Raises:
        Forbidden: names the person, the right, the roles that hold it.
    """
    if who.may(verb, project):
        return
    where = f"in project {project!r}" if project else "on the platform"
    holders = [role.value for role in Role if project and verb in RIGHTS[role]] or ["administrator of the platform"]
    raise Forbidden(
        f"{who.name!r} asked to {verb.value} {where}",
        f"this takes the role {' or '.join(holders)} there",
        "ask an admin of the project for the role" if project else "ask the administrator",
    )


def platform_actor(name: str) -> Actor:
    """The actor as which one of our own processes acts, with every right."""
    return Actor(name=name, kind=Kind.PLATFORM, administrator=True)


@lru_cache
def _identity_key() -> OctKey:
    return OctKey.import_key(key("identity.key"))


def mint_identity(who: Actor) -> str:
    """`who` as a signed text (JWT, HS256) that our processes show each other; holds for 300 seconds."""
    claims: dict[str, object] = {
        "sub": who.name,
        "kind": who.kind.value,
        "roles": {project: role.value for project, role in who.roles.items()},
        "adm": who.administrator,
        "cred": who.credential,
        "run": who.run,
        "exp": int(time.time()) + IDENTITY_SECONDS,
    }
    return jwt.encode({"alg": "HS256"}, claims, _identity_key(), algorithms=["HS256"])


def read_identity(value: str | None, expired_too: bool = False) -> Actor:
    """The actor in an identity header. `expired_too` is for long-lived connections that refresh rights themselves.

    Raises:
        NotSignedIn: there is none, or its signature or age is wrong.
    """
    refused = NotSignedIn("a request without a valid identity", "services answer only through the front door",
                          "ask through the front door with a session or a token")  # fmt: skip
    if not value:
        raise refused
    try:
        claims = jwt.decode(value, _identity_key(), algorithms=["HS256"]).claims
        if not expired_too and float(claims["exp"]) < time.time():
            raise refused
        roles = {str(project): Role(role) for project, role in claims["roles"].items()}
        return Actor(claims["sub"], Kind(claims["kind"]), roles, bool(claims["adm"]), claims["cred"], claims["run"])
    except (JoseError, ValueError, KeyError, TypeError):
        raise refused from None
