"""Keeps the summaries true: by the events of MLflow's plugin, and by looking through MLflow for what no event told."""

import logging
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import TypeVar

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

import tenancy
from atrium.clock import now
from atrium.database import Base, reading, writing
from atrium.errors import NotFound
from atrium.events import Event, mark_seen, unseen
from atrium.identity import Actor, platform_actor
from atrium.jobs import Job
from model_registry.backends import Experimenting, MlflowBackend
from model_registry.models import (
    ExperimentSummaryRow,
    Lifecycle,
    ModelSummaryRow,
    ModelVersionSummaryRow,
    TrackingRunSummaryRow,
)
from model_registry.summaries import forget, store_experiment, store_model, store_run, store_version

T = TypeVar("T")
log = logging.getLogger(__name__)
CONSUMER = "mlflow-summaries"
EXPERIMENT, RUN, MODEL, STARTED = (
    "mlflow.experiment.changed",
    "mlflow.run.changed",
    "mlflow.model.changed",
    "mlflow.started",
)
KINDS = (EXPERIMENT, RUN, MODEL, STARTED)
ROWS_A_WRITE = 200
EXPERIMENTS_A_SEARCH = 50
MEND_SECONDS = 3600.0
WHO = platform_actor("summaries")
Write = Callable[[Session], object]
Key = tuple[type[Base], tuple[object, ...]]


def _later(function: Callable[..., None], *given: object, **named: object) -> Write:
    """`function` with all but its session."""
    return lambda session: function(session, *given, **named)


def _groups(items: Iterable[T], size: int) -> Iterator[list[T]]:
    left = iter(items)
    while group := list(islice(left, size)):
        yield group


def _owner(event: Event) -> str | None:
    return str(event.payload["by"]) if event.payload.get("made") else None


def look_at(backend: Experimenting, event: Event) -> list[Write]:
    """What an event changes in the summaries, after asking MLflow how things stand now. Raises `BackEndUnavailable`."""
    looks = {EXPERIMENT: _look_at_experiment, RUN: _look_at_run, MODEL: _look_at_model}
    return looks[event.kind](backend, event)


def _look_at_experiment(backend: Experimenting, event: Event) -> list[Write]:
    project = event.project
    try:
        found = backend.experiment(event.object)
    except NotFound:
        return [_later(forget, ExperimentSummaryRow, project, id=event.object),
                _later(forget, TrackingRunSummaryRow, project, experiment=event.object)]  # fmt: skip
    writes = [_later(store_experiment, project, found, _owner(event))]
    if found.state is Lifecycle.DELETED:
        writes.append(_later(forget, TrackingRunSummaryRow, project, experiment=found.id))
    elif event.payload.get("action") == "restore":
        writes += [_later(store_run, project, run) for run in backend.runs([found.id])]
    return writes


def _look_at_run(backend: Experimenting, event: Event) -> list[Write]:
    try:
        found = backend.run(event.object)
    except NotFound:
        return [_later(forget, TrackingRunSummaryRow, event.project, id=event.object)]
    return [_later(store_run, event.project, found, _owner(event))]


def _look_at_model(backend: Experimenting, event: Event) -> list[Write]:
    version = str(event.payload.get("version") or "")
    made_model = None if version else _owner(event)
    names = dict.fromkeys([event.object, str(event.payload.get("new_name") or event.object)])
    writes: list[Write] = []
    for name in names:
        writes += _look_at_one_model(backend, name, made_model, everything=len(names) > 1)
    if version.isdigit() and len(writes) == 1:  # the model is there
        writes.append(_look_at_version(backend, event, version))
    return writes


def _look_at_one_model(backend: Experimenting, name: str, owner: str | None, everything: bool) -> list[Write]:
    project = backend.project
    try:
        found = backend.model(name)
    except NotFound:
        return [_later(forget, ModelSummaryRow, project, name=name),
                _later(forget, ModelVersionSummaryRow, project, model=name)]  # fmt: skip
    versions = backend.versions(name) if everything else ()
    return [_later(store_model, project, found, owner), *(_later(store_version, project, one) for one in versions)]


def _look_at_version(backend: Experimenting, event: Event, version: str) -> Write:
    try:
        found = backend.version(event.object, version)
    except NotFound:
        return _later(forget, ModelVersionSummaryRow, event.project, model=event.object, version=int(version))
    return _later(store_version, event.project, found, _owner(event))


def _merged(events: Iterable[Event]) -> list[Event]:
    """One event an object and version, with the sign that it was made kept."""
    found: dict[tuple[str, ...], Event] = {}
    for one in events:
        key = (
            one.kind,
            one.project,
            one.object,
            str(one.payload.get("version") or ""),
            str(one.payload.get("new_name") or ""),
        )
        before = found.get(key)
        if before is None or not before.payload.get("made"):
            found[key] = one
    return list(found.values())


def summarize() -> None:
    """Takes in what happened in MLflow since the last time. Raises `BackEndUnavailable`; nothing is lost then."""
    while events := unseen(CONSUMER, KINDS):
        if any(one.kind == STARTED for one in events):
            mend_all()
        writes = [
            w for one in _merged(events) if one.kind != STARTED for w in look_at(MlflowBackend(WHO, one.project), one)
        ]
        _write([*writes, _later(mark_seen, CONSUMER, events[-1].id)])


def refresh(who: Actor, project: str, kind: str, name: str, **payload: object) -> None:
    """Brings one object's summary up at once, for somebody who just changed it and looks at the list next."""
    event = Event(0, now(), kind, project, name, payload)
    _write(look_at(MlflowBackend(who, project), event))


def _write(writes: Iterable[Write]) -> None:
    for group in _groups(writes, ROWS_A_WRITE):
        with writing() as session:
            for write in group:
                write(session)


def _known(project: str) -> list[Key]:
    kinds: list[type[Base]] = [ExperimentSummaryRow, TrackingRunSummaryRow, ModelSummaryRow, ModelVersionSummaryRow]
    found: list[Key] = []
    with reading() as session:
        for kind in kinds:
            columns = list(inspect(kind).primary_key)
            rows = session.execute(select(*columns).where(columns[0] == project))
            found += [(kind, tuple(row)) for row in rows]
    return found


def mend(backend: Experimenting) -> None:
    """Looks through everything that MLflow holds of a project, and takes away the rows of what it holds no more."""
    project, before = backend.project, _known(backend.project)
    seen: set[Key] = set()
    _write(_all_writes(backend, seen))
    gone = [entry for entry in before if entry not in seen]
    _write(_later(_take_away, *entry) for entry in gone)
    if gone:
        log.info("%s: %d summaries of what is no more were taken away", project, len(gone))


def _take_away(session: Session, kind: type[Base], key: tuple[object, ...]) -> None:
    if row := session.get(kind, key):
        session.delete(row)


def _all_writes(backend: Experimenting, seen: set[Key]) -> Iterator[Write]:
    project = backend.project
    active = []
    for experiment in backend.experiments():
        seen.add((ExperimentSummaryRow, (project, experiment.id)))
        active += [experiment.id] if experiment.state is Lifecycle.ACTIVE else []
        yield _later(store_experiment, project, experiment)
    for run in chain.from_iterable(backend.runs(group) for group in _groups(active, EXPERIMENTS_A_SEARCH)):
        if not run.deleted:
            seen.add((TrackingRunSummaryRow, (project, run.id)))
            yield _later(store_run, project, run)
    for model in backend.models():
        seen.add((ModelSummaryRow, (project, model.name)))
        yield _later(store_model, project, model)
    for version in backend.versions():
        seen.add((ModelVersionSummaryRow, (project, version.model, int(version.version))))
        yield _later(store_version, project, version)


def mend_all() -> None:
    """`mend` for every project. Raises `BackEndUnavailable`."""
    for project in tenancy.list_projects(WHO):
        mend(MlflowBackend(WHO, project.name))


def jobs() -> list[Job]:
    """The worker's part."""
    return [Job("mlflow.summaries", 0.3, summarize), Job("mlflow.mend", MEND_SECONDS, mend_all)]
