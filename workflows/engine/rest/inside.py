"""This server's REST for its own runs: no socket between, the rights of the run's token now."""

import httpx
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool

from atrium.identity import IDENTITY_HEADER, mint_identity
from tenancy import actor_of_token
from workflows.engine.resources.own import Ask
from workflows.engine.state import Json


def inside(app: Starlette) -> Ask:
    """Asks `app` as the run whose token is given. Raises `NotSignedIn`: the token has ended."""
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://engine")

    async def ask(token: str, method: str, path: str, body: Json | None) -> tuple[int, Json]:
        who = await run_in_threadpool(actor_of_token, token)
        answer = await client.request(method, path, json=body, headers={IDENTITY_HEADER: mint_identity(who)})
        found: Json = answer.json()
        return answer.status_code, found

    return ask
