"""Brings what is served to what is wanted, and publishes only what the platform itself got a good answer from."""

import json
import logging
import math
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any

import httpx
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

import tenancy
from atrium.clock import now
from atrium.database import reading, writing
from atrium.errors import AtriumError, Unavailable
from atrium.events import emit
from atrium.home import get_home
from atrium.identity import platform_actor
from atrium.jobs import Job
from atrium.lineage import Node, NodeKind, connect
from atrium.names import model_name
from atrium.rpc import BackEndUnavailable
from atrium.settings import get_settings
from model_registry import ServableModel, servable
from serving.backends import TritonLocal
from serving.backends.protocol import Counters, ModelServer, Probe
from serving.models import CounterRow, FigureRow, ServiceRow, ServiceState
from serving.not_answered import NotAnswered, not_answered
from serving.repository import ModelFiles, fitted, tensors_of, with_classes
from serving.rows import columns_of, example_rows, to_tensors
from serving.service import resolved_version

log = logging.getLogger(__name__)
WHO = platform_actor("serving")
FIGURES_KEPT = timedelta(days=32)
CHECK_SECONDS = 10.0
POLL_SECONDS = 0.2


RETRY_SECONDS = 10.0
AWAY_SECONDS = 1.0
ALIAS_SECONDS = 3.0
LIVE_SECONDS = 1.5
ITEM = "platform-check"


class SampleFailed(AtriumError):
    """The platform's own question got no good answer."""


class DoorAway(Unavailable):
    """The front door does not answer."""


class Memory:
    """What the worker may forget: tokens for its own questions, aliases as last resolved, when to try again."""

    def __init__(self) -> None:
        self.tokens: dict[tuple[str, str], str] = {}
        self.aliases: dict[int, tuple[int, float, str]] = {}
        self.again_at: dict[int, tuple[int, float]] = {}
        self.asked: dict[
            str, list[int]
        ] = {}  # rows of each of the platform's own questions, which nobody's figures hold

    def token(self, owner: str, project: str, fresh: bool = False) -> str:
        """The token by which a project's services are asked as `owner`; `fresh`, or another owner, ends the one before."""
        key = (owner, project)
        if fresh or key not in self.tokens:
            self.tokens = {other: text for other, text in self.tokens.items() if other[1] != project}
            self.tokens[key] = tenancy.issue_content_token(owner, project, ITEM)
        return self.tokens[key]

    def version(self, row: ServiceRow) -> str:
        """The number that the service wants; an alias is resolved every 3 seconds, and stays while MLflow is away."""
        if row.wanted_version.isdigit():
            return row.wanted_version
        generation, until, version = self.aliases.get(row.id, (-1, 0.0, ""))
        if generation != row.generation or time.monotonic() > until:
            try:
                version = resolved_version(WHO, row.project, row.model, row.wanted_version)
            except Unavailable:
                if generation != row.generation:
                    raise
            self.aliases[row.id] = (row.generation, time.monotonic() + ALIAS_SECONDS, version)
        return version

    def waits(self, row: ServiceRow) -> bool:
        """Whether this wish failed, or was found fulfilled, so recently that it is left alone."""
        generation, due = self.again_at.get(row.id, (-1, 0.0))
        return generation == row.generation and time.monotonic() < due

    def found_live(self, row: ServiceRow) -> None:
        """Looks again in a moment, for an alias may move and the model server begin anew."""
        self.again_at[row.id] = (row.generation, time.monotonic() + LIVE_SECONDS)

    def failed(self, row: ServiceRow, error: AtriumError) -> None:
        """Tries again in a second where something was away, else in ten."""
        seconds = AWAY_SECONDS if isinstance(error, Unavailable) else RETRY_SECONDS
        self.again_at[row.id] = (row.generation, time.monotonic() + seconds)


def _files(model: ServableModel) -> ModelFiles:
    takes, outputs = tensors_of(model.onnx)
    inputs, joined = fitted(columns_of(model.signature), takes)
    return ModelFiles(model.onnx, inputs, outputs, model.metadata.get("inputs") or {}, joined)


def check_answer(outputs: Sequence[Mapping[str, Any]], rows: int) -> None:
    """Passes an answer whose every output holds finite values for each row. Raises `SampleFailed`."""
    for output in outputs:
        data = output.get("data") or []
        finite = all(math.isfinite(one) for one in data if isinstance(one, float))
        if len(data) < rows or not finite:
            raise SampleFailed(f"output {output.get('name')!r} for {rows} rows of the input example",
                               f"it holds {len(data)} values, or some that are not finite", "look at the model")  # fmt: skip
    if not outputs:
        raise SampleFailed("the input example", "the model answered no output", "look at the model")


def ask_through_the_door(row: ServiceRow, rows: list[dict[str, Any]], memory: Memory) -> None:
    """Asks the service as a client would, with the input example; waits up to 10 seconds for its rights to hold.

    Raises:
        SampleFailed: with what came back.
    """
    body = json.dumps({"inputs": to_tensors(row.signature, rows)})
    url = f"{get_settings().local_url}/v2/models/{model_name(row.project, row.name)}/infer"
    until, fresh = time.monotonic() + CHECK_SECONDS, False
    with httpx.Client(timeout=CHECK_SECONDS, trust_env=False) as client:
        while True:
            headers = {"Authorization": f"Bearer {memory.token(row.changed_by, row.project, fresh)}"}
            try:
                answer = client.post(url, content=body, headers=headers)
            except httpx.TransportError as error:
                raise DoorAway(
                    f"the sample through {url}", f"the front door did not answer: {error}", "run atrium doctor"
                ) from error
            if answer.status_code not in (401, 403) or time.monotonic() > until:
                break
            fresh = answer.status_code == 401
            time.sleep(POLL_SECONDS)
    if not answer.is_success:
        raise SampleFailed(
            f"the sample through {url}", f"answered {answer.status_code} {answer.text[:300]}", "see the model"
        )
    memory.asked.setdefault(model_name(row.project, row.name), []).append(len(rows))
    check_answer(answer.json()["outputs"], len(rows))


def _note(row_id: int, generation: int, state: ServiceState, message: str, version: str | None) -> None:
    with writing() as session:
        row = session.get(ServiceRow, row_id)
        if row is None or row.generation != generation:
            return
        changed = (row.state, row.live_version, row.message) != (state, version or row.live_version, message[:1000])
        row.state, row.message, row.checked_at = state, message[:1000], now()
        row.live_version = version or row.live_version
        if version:
            made_of = Node(NodeKind.MODEL_VERSION, row.model, version)
            connect(session, row.project, [made_of], Node(NodeKind.SERVICE, row.name), "service/deploy", instead=True)
        if changed:
            emit(
                session,
                "service.changed",
                row.project,
                row.name,
                {"state": state, "version": version, "message": message[:300]},
            )


def _probe(server: ModelServer, model: ServableModel) -> Probe:
    rows = example_rows(model.example)

    def probe(name: str) -> None:
        check_answer(server.infer(name, to_tensors(model.signature, rows))["outputs"], len(rows))

    return probe


def _take(row: ServiceRow, model: ServableModel) -> None:
    """What pages and demos read of a service is what its live version says."""
    told = {
        "metadata_": with_classes(model.metadata, model.onnx),
        "signature": dict(model.signature),
        "example": dict(model.example),
    }
    for name, value in told.items():
        setattr(row, name, value)
    with writing() as session:
        kept = session.get(ServiceRow, row.id)
        if kept is not None and kept.generation == row.generation:
            for name, value in told.items():
                setattr(kept, name, value)


def _follows(row: ServiceRow) -> bool:
    """Whether another replica serves what the row tells while this one starts: then it is not this one's to say otherwise."""
    return bool(get_settings().replicas) and row.state == ServiceState.LIVE and not get_home().loaded.exists()


def bring_up(row: ServiceRow, server: ModelServer, memory: Memory) -> None:
    """Serves what one service wants; a failing version leaves the one before in service and says why."""
    name = model_name(row.project, row.name)
    try:
        version = memory.version(row)
        live = server.live_version(name)
        if live is None and row.live_version and server.restore(name):
            live = server.live_version(name)
        if live == int(version) and row.state == ServiceState.LIVE and row.live_version == version:
            memory.found_live(row)
            return
        if not _follows(row):
            _note(row.id, row.generation, ServiceState.LOADING, "", None)
        if live != int(version):
            model = servable(WHO, row.project, row.model, version)
            server.put(name, int(version), _files(model), _probe(server, model))
            _take(row, model)
        ask_through_the_door(row, example_rows(row.example), memory)
    except AtriumError as error:
        log.warning("service %s: %s", name, error)
        memory.failed(row, error)
        if _follows(row):
            return
        away = isinstance(error, BackEndUnavailable)
        still = f" Version {row.live_version} still serves." if row.live_version and not away else ""
        _note(row.id, row.generation, ServiceState.FAILED, f"{error}{still}", None)
        return
    _note(row.id, row.generation, ServiceState.LIVE, "", version)


@lru_cache
def memory() -> Memory:
    """The worker's memory."""
    return Memory()


def reconcile() -> None:
    """Every service once."""
    with reading() as session:
        rows = session.scalars(select(ServiceRow)).all()
    server = TritonLocal()
    for row in rows:
        if not memory().waits(row):
            bring_up(row, server, memory())
    if not get_home().loaded.exists():
        _tell_loaded([model_name(row.project, row.name) for row in rows if row.live_version], server)


def _tell_loaded(live: Sequence[str], server: ModelServer) -> None:
    """Lets a replica that starts be asked, once it serves what is live (the gate's `/healthz/ready`)."""
    try:
        loaded = all(server.live_version(name) is not None for name in live)
    except BackEndUnavailable:
        return  # looks again in a moment
    if loaded:
        get_home().loaded.touch()


def _gain(before: CounterRow | None, seen: Counters) -> Counters:
    if before is None or before.succeeded > seen.succeeded:
        return seen  # the model server began anew
    return Counters(
        seen.succeeded - before.succeeded, seen.rows - before.rows, seen.total_nanoseconds - before.total_nanoseconds
    )


def _more(before: CounterRow | None, seen: NotAnswered) -> NotAnswered:
    if before is None or before.refused > seen.refused or before.failed > seen.failed:
        return seen  # the front door began anew
    return NotAnswered(seen.refused - before.refused, seen.failed - before.failed)


def _of_others(gain: Counters, own: list[int]) -> Counters:
    """A gain without the platform's own questions, each of which took as long as the mean."""
    succeeded = max(0, gain.succeeded - len(own))
    share = succeeded / gain.succeeded if gain.succeeded else 0.0
    return Counters(succeeded, max(0, gain.rows - sum(own)), round(gain.total_nanoseconds * share))


def _add(session: Session, project: str, service: str, seen: Counters, bad: NotAnswered) -> None:
    """Adds what one service's counters gained to the present minute."""
    name, replica, minute = model_name(project, service), get_home().replica, now().replace(second=0, microsecond=0)
    before = session.get(CounterRow, (name, replica))
    gain, more = _of_others(_gain(before, seen), memory().asked.pop(name, [])), _more(before, bad)
    session.merge(CounterRow(model=name, replica=replica, read_at=minute, succeeded=seen.succeeded, refused=bad.refused,
                             failed=bad.failed, rows=seen.rows, total_nanoseconds=seen.total_nanoseconds))  # fmt: skip
    if not (gain.succeeded or more.refused or more.failed):
        return
    row = session.get(FigureRow, (project, service, minute)) or FigureRow(
        project=project, service=service, minute=minute, succeeded=0, refused=0, failed=0, rows=0, total_microseconds=0
    )
    row.succeeded += gain.succeeded
    row.refused += more.refused
    row.failed += more.failed
    row.rows += gain.rows
    row.total_microseconds += gain.total_nanoseconds // 1000
    session.add(row)


def sample_figures() -> None:
    """Adds what services answered, refused and failed since the last look; forgets what is older than 32 days."""
    server = TritonLocal()
    with reading() as session:
        names = [
            (row.project, row.name)
            for row in session.scalars(select(ServiceRow).where(ServiceRow.live_version.is_not(None)))
        ]
    try:
        bad = not_answered()
        seen = {pair: found for pair in names if (found := server.counters(model_name(*pair)))}
    except BackEndUnavailable:
        return  # each service's state tells it; its counters begin anew
    with writing() as session:
        for pair, counters in seen.items():
            _add(session, *pair, counters, bad.get(model_name(*pair), NotAnswered()))
        session.execute(delete(FigureRow).where(FigureRow.minute < now() - FIGURES_KEPT))
        session.execute(delete(CounterRow).where(CounterRow.read_at < now() - FIGURES_KEPT))


def jobs() -> list[Job]:
    """The worker's part."""
    return [Job("serving.reconcile", 0.5, reconcile), Job("serving.figures", 5.0, sample_figures)]
