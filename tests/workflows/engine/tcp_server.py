"""The workflow server on a TCP port for tests, with the front door's part played by a small wrapper: it names who asks."""

import sys

import uvicorn

from atrium.home import get_home
from atrium.identity import IDENTITY_HEADER, mint_identity
from tenancy import actor_of_token
from workflows.engine.rest import create_app

PREFIX = "/argo"


def door(app):
    """Strips the prefix and turns the bearer token into an identity, as the front door does."""

    async def wrapped(scope, receive, send):
        if scope["type"] == "http":
            headers = [pair for pair in scope["headers"] if pair[0] != IDENTITY_HEADER.encode()]
            token = dict(headers).get(b"authorization", b"").decode().removeprefix("Bearer ")
            headers.append((IDENTITY_HEADER.encode(), mint_identity(actor_of_token(token)).encode()))
            scope = {**scope, "path": scope["path"].removeprefix(PREFIX), "headers": headers}
            scope["raw_path"] = scope["raw_path"].removeprefix(PREFIX.encode())
        await app(scope, receive, send)

    return wrapped


if __name__ == "__main__":
    uvicorn.run(door(create_app(get_home())), port=int(sys.argv[1]), log_config=None, access_log=False)
