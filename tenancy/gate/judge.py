"""The gate's judgement of one request: who it is, or why not."""

import hashlib
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request

import tenancy
from atrium.errors import Forbidden, NotSignedIn
from atrium.identity import Actor
from atrium.settings import get_settings
from tenancy.signing import signer

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class ForeignOrigin(Forbidden):
    """A page of another origin tried to act with a browser's session."""


@dataclass(frozen=True)
class Judged:
    """Who asks, and a fresh cookie if theirs should be replaced."""

    who: Actor
    cookie: str | None = None


def _platform() -> str:
    """Tells this platform from others on the host, because cookies know no ports; its replicas have the same keys and address."""
    return hashlib.sha256(f"{signer()} {get_settings().public_url}".encode()).hexdigest()[:8]


def cookie_name() -> str:
    """Name of the session cookie; it carries the platform."""
    return f"atrium_{_platform()}"


def content_cookie_name() -> str:
    """Name of an item's own cookie on the content port."""
    return f"atrium_content_{_platform()}"


def bearer(request: Request) -> str | None:
    """The token in the Authorization header, or None."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" and text.strip() else None


def check_origin(request: Request, always: bool = False) -> None:
    """Passes a read, or a write or websocket that a page of this very origin sent. Raises `ForeignOrigin`."""
    handshake = request.headers.get("upgrade", "").lower() == "websocket"
    if request.method in SAFE_METHODS and not handshake and not always:
        return
    origin = urlsplit(request.headers.get("origin", ""))
    expected = request.headers.get("host", "")
    if origin.netloc and origin.netloc == expected and origin.scheme == get_settings().scheme:
        return
    raise ForeignOrigin(
        f"a change asked by a page of {request.headers.get('origin') or 'no origin'}",
        f"with a session only pages of {expected} may ask for changes",
        "use the portal, or a token in the Authorization header",
    )


def judge(request: Request) -> Judged:
    """Who sends this request: by bearer token, else by session cookie.

    Raises:
        NotSignedIn: neither, or ended; ForeignOrigin: a session used from elsewhere.
    """
    if text := bearer(request):
        return Judged(tenancy.actor_of_token(text))
    cookie = request.cookies.get(cookie_name())
    if not cookie:
        raise NotSignedIn(
            "a request without session or token", "sign in, or send a token", "open /auth/login, or create a token"
        )
    who = tenancy.actor_of_session(cookie)
    check_origin(request)
    return Judged(who, tenancy.renewed_session(cookie))


def content_item(request: Request) -> str:
    """The item (`demo--project`) that a request on the content port names by its host; empty if it names none."""
    first = request.headers.get("host", "").split(":")[0].split(".")[0]
    return first if "--" in first else ""
