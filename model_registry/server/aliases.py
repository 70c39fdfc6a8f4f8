"""Aliases move one at a time: of two writers one moves it and the other is told, whoever they are and whatever client they use."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx
from sqlalchemy import delete
from starlette.types import ASGIApp

from atrium.clock import now
from atrium.database import writing
from atrium.identity import Actor
from model_registry.models import AliasMoved, AliasMoveRow
from model_registry.server.routes_table import PREFIX

STALE = timedelta(seconds=30)  # longer than any move; the process that held it has died
WORKSPACE = "x-mlflow-workspace"


@contextmanager
def holding(who: Actor, project: str, model: str, alias: str) -> Iterator[None]:
    """Holds the alias while the block moves it. Raises `AliasMoved` where somebody else holds it."""
    with writing() as session:
        session.execute(delete(AliasMoveRow).where(AliasMoveRow.since < now() - STALE))
        holder = session.get(AliasMoveRow, (project, model, alias))
        if holder:
            raise AliasMoved(
                f"alias {alias!r} of model {model!r}", f"{holder.owner} is moving it at this moment",
                "look where it leads now, then move it again",
            )  # fmt: skip
        session.add(AliasMoveRow(project=project, model=model, alias=alias, owner=who.name, since=now()))
    try:
        yield
    finally:
        with writing() as session:
            session.execute(delete(AliasMoveRow).where(
                AliasMoveRow.project == project, AliasMoveRow.model == model, AliasMoveRow.alias == alias))  # fmt: skip


async def check_expected(inner: ASGIApp, project: str, model: str, alias: str, expected: str) -> None:
    """Passes if the alias leads to version `expected` now ("": to none). Raises `AliasMoved` with where it leads."""
    transport = httpx.ASGITransport(app=inner)
    async with httpx.AsyncClient(transport=transport, base_url="http://mlflow") as client:
        response = await client.get(
            f"{PREFIX}/api/2.0/mlflow/registered-models/alias", params={"name": model, "alias": alias}, headers={WORKSPACE: project}
        )  # fmt: skip
    leads = str(response.json()["model_version"]["version"]) if response.is_success else ""
    if leads != expected:
        raise AliasMoved(
            f"alias {alias!r} of model {model!r}, thought to lead to version {expected or 'none'}",
            f"it leads to version {leads or 'none'} now: somebody moved it meanwhile", "look at that version, then move it again",
        )  # fmt: skip
