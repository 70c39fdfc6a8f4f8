"""What a person can do with services."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from atrium.clock import now
from atrium.database import reading, writing
from atrium.events import emit
from atrium.identity import Actor, Verb, require
from atrium.lineage import Node, NodeKind, forget_node
from atrium.names import check_name, model_name
from atrium.pages import Page, page_of, read_page
from atrium.settings import get_settings
from model_registry import get_model_version, servable
from serving.backends import TritonLocal
from serving.models import (
    FigureRow,
    Figures,
    ServiceBrief,
    ServiceNotFound,
    ServiceNotLive,
    ServiceRow,
    ServiceState,
    ServiceView,
)
from serving.rows import Row, from_tensors, may_be_missing, to_tensors
from tenancy import audit

POLL_SECONDS = 0.1


def view(row: ServiceRow) -> ServiceView:
    """What is shown of a service."""
    address = f"{get_settings().public_url}/v2/models/{model_name(row.project, row.name)}"
    return ServiceView(
        row.project, row.name, row.model, row.wanted_version, row.live_version, ServiceState(row.state), row.message, address,
        row.metadata_, row.signature, row.example, row.changed_by, row.changed_at, row.checked_at,
    )  # fmt: skip


def find(session: Session, project: str, name: str) -> ServiceRow:
    """The row of a service; raises `ServiceNotFound`."""
    row = session.scalar(select(ServiceRow).where(ServiceRow.project == project, ServiceRow.name == name))
    if row is None:
        raise ServiceNotFound(
            f"service {name!r} of project {project!r}", "there is none of this name", "see the services"
        )
    return row


def deploy(who: Actor, project: str, name: str, model: str, version: str, wait_seconds: float = 0) -> ServiceView:
    """Wants `version` (number or alias) of `model` served as `name`; waits at most `wait_seconds` until it is live.

    It becomes live when the platform itself got a good answer from it; until then the version before serves on.

    Raises:
        Forbidden, NameInvalid, ModelNotFound; ModelNotServable: without signature, ONNX flavour or input example.
    """
    require(who, Verb.DEPLOY, project)
    check_name(name, "service")
    checked = servable(who, project, model, version)
    with writing() as session:
        row = session.scalar(select(ServiceRow).where(ServiceRow.project == project, ServiceRow.name == name))
        if row is None:
            row = ServiceRow(project=project, name=name, generation=0, live_version=None, checked_at=None)
            session.add(row)
        row.model, row.wanted_version, row.generation = model, version, row.generation + 1
        row.state, row.message = ServiceState.WAITING, ""
        row.metadata_, row.signature, row.example = (
            dict(checked.metadata),
            dict(checked.signature),
            dict(checked.example),
        )
        row.changed_by, row.changed_at = who.name, now()
        audit(session, who, "service.deploy", project, name, f"{model} {version}")
        emit(session, "service.changed", project, name, {"state": row.state})
    return _wait(project, name, wait_seconds)


def _wait(project: str, name: str, wait_seconds: float) -> ServiceView:
    due = time.monotonic() + wait_seconds
    while True:
        with reading() as session:
            found = view(find(session, project, name))
        if found.state in (ServiceState.LIVE, ServiceState.FAILED) or time.monotonic() >= due:
            return found
        time.sleep(POLL_SECONDS)


def undeploy(who: Actor, project: str, name: str) -> None:
    """Takes a service out of service and forgets it. Raises `Forbidden`, `ServiceNotFound`."""
    require(who, Verb.DEPLOY, project)
    with writing() as session:
        session.delete(find(session, project, name))
        forget_node(session, project, Node(NodeKind.SERVICE, name))
        audit(session, who, "service.undeploy", project, name)
        emit(session, "service.changed", project, name, {"state": "gone"})
    TritonLocal().remove(model_name(project, name))


def list_services(
    who: Actor,
    project: str,
    after: str | None = None,
    limit: int | None = None,
    name: str = "",
    state: ServiceState | None = None,
) -> Page[ServiceView]:
    """The project's services by name, all or a page; `name` is a part of it. Raises `Forbidden`."""
    require(who, Verb.READ, project)
    query = select(ServiceRow).where(ServiceRow.project == project)
    query = query.where(ServiceRow.name.icontains(name, autoescape=True)) if name else query
    query = query.where(ServiceRow.state == state) if state else query
    with reading() as session:
        return page_of(read_page(session, query, [ServiceRow.name], after, limit), view)


def service_states(who: Actor) -> list[ServiceBrief]:
    """Every project's services with their states, by one narrow query; for the platform. Raises `Forbidden`."""
    require(who, Verb.ADMINISTER)
    columns = (ServiceRow.project, ServiceRow.name, ServiceRow.state, ServiceRow.live_version)
    with reading() as session:
        rows = session.execute(select(*columns).order_by(ServiceRow.project, ServiceRow.name)).all()
    return [ServiceBrief(project, name, ServiceState(state), live) for project, name, state, live in rows]


def get_service(who: Actor, project: str, name: str) -> ServiceView:
    """One service. Raises `Forbidden`, `ServiceNotFound`."""
    require(who, Verb.READ, project)
    with reading() as session:
        return view(find(session, project, name))


def try_service(who: Actor, project: str, name: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The live model's answers, one a row.

    Raises:
        Forbidden, ServiceNotFound, ServiceNotLive; RowsRefused: names the column, what it takes, the next step.
    """
    require(who, Verb.USE, project)
    with reading() as session:
        row = find(session, project, name)
    if row.live_version is None:
        raise ServiceNotLive(f"service {name!r} is {row.state}", "a live service answers", "see why on its page")
    return from_tensors(
        TritonLocal().infer(model_name(project, name), to_tensors(row.signature, rows, may_be_missing(row.metadata_)))
    )


def resolved_version(who: Actor, project: str, model: str, version: str) -> str:
    """The number that a version or alias means now. Raises `ModelNotFound`."""
    return version if version.isdigit() else get_model_version(who, project, model, version).version


def _sum(session: Session, project: str, service: str | None, since: datetime) -> Figures:
    query = select(
        func.sum(FigureRow.succeeded), func.sum(FigureRow.refused), func.sum(FigureRow.failed), func.sum(FigureRow.rows),
        func.sum(FigureRow.total_microseconds),
    ).where(FigureRow.project == project, FigureRow.minute >= since)  # fmt: skip
    if service:
        query = query.where(FigureRow.service == service)
    good, refused, failed, rows, total = session.execute(query).one()
    mean = float(total) / float(good) / 1000 if good else None
    return Figures(int(good or 0), int(refused or 0), int(failed or 0), int(rows or 0), mean)


def service_figures(who: Actor, project: str, service: str | None = None, hours: float = 24) -> Figures:
    """Requests to a service, or to all of the project, in the last hours. Raises `Forbidden`."""
    require(who, Verb.READ, project)
    with reading() as session:
        return _sum(session, project, service, now() - timedelta(hours=hours))


def requests_today(who: Actor, project: str) -> Figures:
    """Requests to the project's services since midnight UTC. Raises `Forbidden`."""
    require(who, Verb.READ, project)
    with reading() as session:
        return _sum(session, project, None, now().replace(hour=0, minute=0, second=0, microsecond=0))


def figures_by_minute(who: Actor, project: str, service: str, minutes: int = 60) -> list[tuple[datetime, int, int]]:
    """Requests a minute, answered and not (refused or failed), oldest first, at most a day. Raises `Forbidden`."""
    require(who, Verb.READ, project)
    since = now() - timedelta(minutes=min(minutes, 1440))
    query = select(FigureRow).where(
        FigureRow.project == project, FigureRow.service == service, FigureRow.minute >= since
    )
    with reading() as session:
        rows = session.scalars(query.order_by(FigureRow.minute))
        return [(row.minute, row.succeeded, row.refused + row.failed) for row in rows]
