"""Asking another component: over its Unix socket, or at the address that the settings give its seam."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from ssl import SSLContext, create_default_context

import httpx

from atrium.errors import Unavailable
from atrium.home import get_home
from atrium.identity import IDENTITY_HEADER, Actor, mint_identity
from atrium.settings import get_settings

SEAMS = {"mlflow": "mlflow_url", "triton-http": "triton_url"}


class BackEndUnavailable(Unavailable):
    """A component does not answer; `component` is its name."""

    def __init__(self, component: str, problem: str) -> None:
        super().__init__(
            f"component {component!r} did not answer ({problem})",
            "every component must run",
            f".venv/bin/atrium doctor tells why; logs are in {get_home().logs}/{component}.log",
        )
        self.component = component


def address(seam: str) -> str:
    """The address that the settings give a seam, without a slash at the end; empty for the embedded default."""
    return str(getattr(get_settings(), SEAMS[seam])).rstrip("/") if seam in SEAMS else ""


def _signed(who: Actor) -> Callable[[httpx.Request], None]:
    def sign(request: httpx.Request) -> None:
        request.headers[IDENTITY_HEADER] = mint_identity(who)

    return sign


@lru_cache
def _authorities() -> SSLContext:
    return create_default_context()  # read once: it takes longer than most answers


def client(seam: str, who: Actor, timeout_seconds: float = 10.0) -> httpx.Client:
    """A client that asks the component `seam` (gate, api, argo, mlflow, feast, demos, triton-http …) as `who`."""
    outside = address(seam)
    socket = None if outside else str(get_home().socket(seam))
    transport = httpx.HTTPTransport(verify=_authorities() if outside else False, uds=socket)  # a Unix socket has no TLS
    return httpx.Client(
        base_url=outside or f"http://{seam}",
        transport=transport,
        timeout=timeout_seconds,
        event_hooks={"request": [_signed(who)]},
        trust_env=False,
    )


@contextmanager
def reaching(seam: str) -> Iterator[None]:
    """Turns a failed connection inside the block into `BackEndUnavailable`, which tells the component."""
    try:
        yield
    except httpx.TransportError as error:
        problem = str(error) or type(error).__name__
        raise BackEndUnavailable(seam, problem) from error
