"""Starts one of our web processes on its Unix socket of mode 0600."""

import logging
import os
import socket
from typing import Any

from atrium.home import get_home
from atrium.settings import get_settings

GRACE_SECONDS = 5
KEEP_ALIVE_SECONDS = (
    75  # the front door closes an idle connection long before: who closes while the other sends loses a request
)
BACKLOG = 2048


def listen(name: str) -> socket.socket:
    """A listening Unix socket `name` in the home's run folder, in place of a dead predecessor's."""
    path = get_home().socket(name)
    fresh = path.with_name(f".{name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        bound.bind(str(fresh))
    finally:
        os.umask(before)
    bound.listen(BACKLOG)
    os.replace(fresh, path)
    return bound


def log_to_stderr() -> None:
    """One line a record, with its time, process name and severity, at the level that the settings name."""
    logging.basicConfig(
        level=get_settings().log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for noisy in ("httpx", "httpcore", "uvicorn.access", "alembic.runtime.migration"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def serve(app: Any, name: str, **options: Any) -> None:
    """Runs the ASGI `app` on the Unix socket `name` until it is told to stop; open requests get 5 seconds."""
    import uvicorn  # the worker logs as servers do, and serves nothing

    log_to_stderr()
    settings: dict[str, Any] = {"log_config": None, "access_log": False, "server_header": False, "lifespan": "auto"}
    settings |= {"timeout_keep_alive": KEEP_ALIVE_SECONDS, "timeout_graceful_shutdown": GRACE_SECONDS}
    config = uvicorn.Config(app, **(settings | options))
    uvicorn.Server(config).run(sockets=[listen(name)])
