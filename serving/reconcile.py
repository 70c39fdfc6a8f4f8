"""Brings what is served to what is wanted, and publishes only what the platform itself got a good answer from."""

import logging
from datetime import timedelta

import httpx
from sqlalchemy import delete, select

import tenancy
from atrium.clock import now
from atrium.database import reading, writing
from atrium.errors import AtriumError
from atrium.events import emit
from atrium.identity import platform_actor
from atrium.jobs import Job
from atrium.names import model_name
from atrium.settings import get_settings
from model_registry import ServableModel, servable
from serving.backends import TritonLocal
from serving.backends.protocol import Counters
from serving.local_door import trusted
from serving.models import CounterRow, FigureRow, ServiceRow, ServiceState
from serving.repository import ModelFiles, tensors_of
from serving.rows import example_rows, to_tensors
from serving.service import resolved_version

log = logging.getLogger(__name__)
WHO = platform_actor("serving")
FIGURES_KEPT = timedelta(days=32)
CHECK_SECONDS = 10.0


class SampleFailed(AtriumError):
    """The platform's own question through the front door got no good answer."""


def _files(model: ServableModel) -> ModelFiles:
    inputs, outputs = tensors_of(model.onnx)
    return ModelFiles(model.onnx, inputs, outputs, model.metadata.get("inputs") or {})


def ask_through_the_door(project: str, name: str, owner: str, signature: object, example: object) -> None:
    """Asks the service as a client would, with the input example. Raises `SampleFailed` with what came back."""
    rows = example_rows(example)  # type: ignore[arg-type]  # as MLflow saved it
    body = {"inputs": to_tensors(signature, rows)}  # type: ignore[arg-type]
    token = tenancy.issue_content_token(owner, project, "platform-check")
    url = f"{get_settings().local_url}/v2/models/{model_name(project, name)}/infer"
    try:
        answer = httpx.post(
            url, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=CHECK_SECONDS, verify=trusted()
        )
    except httpx.TransportError as error:
        raise SampleFailed(
            f"the sample through {url}", f"the front door did not answer: {error}", "run atrium doctor"
        ) from error
    finally:
        tenancy.end_content_tokens(project, "platform-check")
    if not answer.is_success or len(answer.json()["outputs"][0]["data"]) < len(rows):
        raise SampleFailed(
            f"the sample through {url}", f"answered {answer.status_code} {answer.text[:300]}", "see the model"
        )


def _note(row_id: int, generation: int, state: ServiceState, message: str, version: str | None) -> None:
    with writing() as session:
        row = session.get(ServiceRow, row_id)
        if row is None or row.generation != generation:
            return
        changed = (row.state, row.live_version, row.message) != (state, version or row.live_version, message[:1000])
        row.state, row.message, row.checked_at = state, message[:1000], now()
        row.live_version = version or row.live_version
        if changed:
            emit(
                session,
                "service.changed",
                row.project,
                row.name,
                {"state": state, "version": version, "message": message[:300]},
            )


def bring_up(row: ServiceRow) -> None:
    """Serves what one service wants; a failing version leaves the one before in service and says why."""
    server, name = TritonLocal(), model_name(row.project, row.name)
    try:
        version = resolved_version(WHO, row.project, row.model, row.wanted_version)
        if server.live_version(name) == int(version) and row.state == ServiceState.LIVE and row.live_version == version:
            return
        _note(row.id, row.generation, ServiceState.LOADING, "", None)
        if server.live_version(name) != int(version):
            model = servable(WHO, row.project, row.model, version)
            server.put(name, int(version), _files(model))
        ask_through_the_door(row.project, row.name, row.changed_by, row.signature, row.example)
    except AtriumError as error:
        log.warning("service %s: %s", name, error)
        _note(row.id, row.generation, ServiceState.FAILED, str(error), None)
        return
    _note(row.id, row.generation, ServiceState.LIVE, "", version)


def reconcile() -> None:
    """Every service once."""
    with reading() as session:
        rows = session.scalars(select(ServiceRow)).all()
    for row in rows:
        retry_at = (row.checked_at or row.changed_at) + timedelta(seconds=CHECK_SECONDS)
        if row.state != ServiceState.FAILED or now() >= retry_at:
            bring_up(row)


def _gain(before: CounterRow | None, seen: Counters) -> Counters:
    if before is None or before.succeeded + before.failed > seen.succeeded + seen.failed:
        return seen  # the model server began anew
    return Counters(
        seen.succeeded - before.succeeded, max(0, seen.failed - before.failed), seen.rows - before.rows,
        seen.total_nanoseconds - before.total_nanoseconds,
    )  # fmt: skip


def sample_figures() -> None:
    """Adds what services answered since the last look to the present minute; forgets what is older than 32 days."""
    server, minute = TritonLocal(), now().replace(second=0, microsecond=0)
    with reading() as session:
        names = [
            (row.project, row.name)
            for row in session.scalars(select(ServiceRow).where(ServiceRow.live_version.is_not(None)))
        ]
    seen = {pair: found for pair in names if (found := server.counters(model_name(*pair)))}
    with writing() as session:
        for (project, service), counters in seen.items():
            name = model_name(project, service)
            gain = _gain(session.get(CounterRow, name), counters)
            session.merge(CounterRow(model=name, succeeded=counters.succeeded, failed=counters.failed, rows=counters.rows,
                                     total_nanoseconds=counters.total_nanoseconds))  # fmt: skip
            if gain.succeeded or gain.failed:
                key = {"project": project, "service": service, "minute": minute}
                row = session.get(FigureRow, (project, service, minute)) or FigureRow(
                    **key, succeeded=0, failed=0, rows=0, total_microseconds=0
                )
                row.succeeded += gain.succeeded
                row.failed += gain.failed
                row.rows += gain.rows
                row.total_microseconds += gain.total_nanoseconds // 1000
                session.add(row)
        session.execute(delete(FigureRow).where(FigureRow.minute < now() - FIGURES_KEPT))


def jobs() -> list[Job]:
    """The worker's part."""
    return [Job("serving.reconcile", 0.5, reconcile), Job("serving.figures", 5.0, sample_figures)]
