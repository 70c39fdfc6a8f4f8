"""What a person sees of experiments and models; what they can change stands in `changes.py`."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from sqlalchemy import select

from atrium.database import reading
from atrium.errors import Invalid
from atrium.identity import Actor, Verb, require
from atrium.pages import DEFAULT_ITEMS, Page, read_page
from model_registry.backends import Experimenting, MlflowBackend
from model_registry.card import lacks, write_card
from model_registry.models import (
    Artifact,
    ExperimentSummaryRow,
    ExperimentView,
    Lifecycle,
    ModelCard,
    ModelNotFound,
    ModelNotServable,
    ModelSummaryRow,
    ModelVersionSummaryRow,
    ModelVersionView,
    ModelView,
    RunComparison,
    ServableModel,
    TrackingRunNotFound,
    TrackingRunSummary,
    TrackingRunSummaryRow,
    TrackingRunView,
)

FEWEST_COMPARED, MOST_COMPARED = 2, 10


def backend_of(who: Actor, verb: Verb, project: str) -> Experimenting:
    """What keeps the project's experiments and models, for `who` if they may `verb` there. Raises `Forbidden`."""
    require(who, verb, project)
    return MlflowBackend(who, project)


def list_experiments(
    who: Actor,
    project: str,
    after: str | None = None,
    limit: int = DEFAULT_ITEMS,
    name: str = "",
    owner: str = "",
    state: Lifecycle = Lifecycle.ACTIVE,
) -> Page[ExperimentView]:
    """Experiments from the summaries, the latest changed first, by one statement; `name` is a part of it. Raises `Forbidden`."""
    require(who, Verb.READ, project)
    row = ExperimentSummaryRow
    query = select(row).where(row.project == project, row.state == state)
    query = query.where(row.name.icontains(name, autoescape=True)) if name else query
    query = query.where(row.owner == owner) if owner else query
    with reading() as session:
        found = read_page(session, query, [row.updated_at, row.id], after, limit, newest_first=True)
    return Page(
        [ExperimentView(r.id, r.name, r.updated_at, Lifecycle(r.state), r.owner) for r in found.items], found.next_key
    )


def get_experiment(who: Actor, project: str, experiment: str) -> ExperimentView:
    """One experiment from the summaries. Raises `Forbidden`, `TrackingRunNotFound`."""
    require(who, Verb.READ, project)
    with reading() as session:
        row = session.get(ExperimentSummaryRow, (project, experiment))
    if row is None:
        raise TrackingRunNotFound(
            f"experiment {experiment!r} of project {project!r}", "there is none of this id", "see the experiments"
        )
    return ExperimentView(row.id, row.name, row.updated_at, Lifecycle(row.state), row.owner)


def list_tracking_runs(
    who: Actor,
    project: str,
    experiment: str | None = None,
    after: str | None = None,
    limit: int = DEFAULT_ITEMS,
    name: str = "",
    status: str = "",
    owner: str = "",
) -> Page[TrackingRunSummary]:
    """Runs of one experiment or of all from the summaries, newest first, by one statement. Raises `Forbidden`."""
    require(who, Verb.READ, project)
    row = TrackingRunSummaryRow
    query = select(row).where(row.project == project)
    query = query.where(row.experiment == experiment) if experiment else query
    query = query.where(row.name.icontains(name, autoescape=True)) if name else query
    query = query.where(row.status == status) if status else query
    query = query.where(row.owner == owner) if owner else query
    with reading() as session:
        found = read_page(session, query, [row.started_at, row.id], after, limit, newest_first=True)
    items = [
        TrackingRunSummary(r.id, r.name, r.experiment, r.status, r.owner, r.started_at, r.ended_at, r.metrics, r.inputs)
        for r in found.items
    ]
    return Page(items, found.next_key)


def tracking_run_names(who: Actor, project: str, run_ids: Sequence[str]) -> dict[str, str]:
    """Names of tracked runs by id, by one statement; deleted ones are left out. Raises `Forbidden`."""
    require(who, Verb.READ, project)
    row = TrackingRunSummaryRow
    query = select(row.id, row.name).where(row.project == project, row.id.in_(list(run_ids)))
    with reading() as session:
        return {run_id: name for run_id, name in session.execute(query)}


def tracking_run_metrics(who: Actor, project: str, run_ids: Sequence[str]) -> dict[str, Mapping[str, float]]:
    """Last metrics (40 at most) of tracked runs by id, by one statement; deleted ones are left out. Raises `Forbidden`."""
    require(who, Verb.READ, project)
    row = TrackingRunSummaryRow
    query = select(row.id, row.metrics).where(row.project == project, row.id.in_(list(run_ids)))
    with reading() as session:
        return {run_id: metrics for run_id, metrics in session.execute(query)}


def get_tracking_run(who: Actor, project: str, run_id: str) -> TrackingRunView:
    """One run with metrics, parameters and inputs. Raises `Forbidden`, `TrackingRunNotFound`."""
    return backend_of(who, Verb.READ, project).run(run_id)


def compare_runs(who: Actor, project: str, run_ids: Sequence[str]) -> RunComparison:
    """Metrics and parameters of 2 to 10 runs beside each other; `differing` names the parameters that are not all equal.

    Raises:
        Forbidden, TrackingRunNotFound, BackEndUnavailable; Invalid: too few or too many runs.
    """
    if not FEWEST_COMPARED <= len(run_ids) <= MOST_COMPARED:
        raise Invalid(
            f"{len(run_ids)} runs", f"{FEWEST_COMPARED} to {MOST_COMPARED} are compared", "choose some of them"
        )
    backend = backend_of(who, Verb.READ, project)
    runs = [backend.run(one) for one in dict.fromkeys(run_ids)]
    metrics = {
        name: [run.metrics.get(name) for run in runs] for name in sorted({n for run in runs for n in run.metrics})
    }
    params = {name: [run.params.get(name) for run in runs] for name in sorted({n for run in runs for n in run.params})}
    return RunComparison(runs, metrics, params, [name for name, values in params.items() if len(set(values)) > 1])


def metric_history(who: Actor, project: str, run_id: str, metric: str) -> list[tuple[int, float]]:
    """A metric's values by step, at most 1,000. Raises `Forbidden`, `TrackingRunNotFound`."""
    return backend_of(who, Verb.READ, project).history(run_id, metric)


def list_artifacts(who: Actor, project: str, run_id: str, path: str = "") -> list[Artifact]:
    """Files and folders that a run kept. Raises `Forbidden`, `TrackingRunNotFound`."""
    return backend_of(who, Verb.READ, project).artifacts(run_id, path)


def read_artifact(who: Actor, project: str, run_id: str, path: str) -> bytes:
    """A file that a run kept, at most 256 MiB. Raises `Forbidden`, `TrackingRunNotFound`, `Invalid`."""
    return backend_of(who, Verb.READ, project).artifact(run_id, path)


def list_models(
    who: Actor, project: str, after: str | None = None, limit: int = DEFAULT_ITEMS, name: str = "", owner: str = ""
) -> Page[ModelView]:
    """Registered models by name from the summaries, by one statement; `name` is a part of it. Raises `Forbidden`."""
    require(who, Verb.READ, project)
    row = ModelSummaryRow
    query = select(row).where(row.project == project)
    query = query.where(row.name.icontains(name, autoescape=True)) if name else query
    query = query.where(row.owner == owner) if owner else query
    with reading() as session:
        found = read_page(session, query, [row.name], after, limit)
    items = [ModelView(r.name, r.description, r.updated_at, r.aliases, r.latest, r.owner) for r in found.items]
    return Page(items, found.next_key)


def get_model(who: Actor, project: str, model: str) -> ModelView:
    """One registered model. Raises `Forbidden`, `ModelNotFound`."""
    return backend_of(who, Verb.READ, project).model(model)


def list_model_versions(
    who: Actor, project: str, model: str, after: str | None = None, limit: int = DEFAULT_ITEMS
) -> Page[ModelVersionView]:
    """A model's versions from the summaries, newest first, by two statements. Raises `Forbidden`, `ModelNotFound`."""
    require(who, Verb.READ, project)
    row = ModelVersionSummaryRow
    query = select(row).where(row.project == project, row.model == model)
    with reading() as session:
        of = session.get(ModelSummaryRow, (project, model))
        if of is None:
            raise ModelNotFound(
                f"model {model!r} of project {project!r}", "there is none of this name", "see the models"
            )
        found = read_page(session, query, [row.version], after, limit, newest_first=True)
    return Page([_version(r, of.aliases) for r in found.items], found.next_key)


def _version(row: ModelVersionSummaryRow, aliases: Mapping[str, str]) -> ModelVersionView:
    number = str(row.version)
    own = sorted(alias for alias, version in aliases.items() if version == number)
    return ModelVersionView(
        row.model, number, row.run_id, row.created_at, row.status, own, row.tags, row.description, row.source, row.owner
    )


def get_model_version(who: Actor, project: str, model: str, version: str) -> ModelVersionView:
    """One version by number or alias. Raises `Forbidden`, `ModelNotFound`."""
    return backend_of(who, Verb.READ, project).version(model, version)


def describe_version(who: Actor, project: str, model: str, version: str) -> Mapping[str, Any]:
    """What the version's MLmodel says: flavours, signature, metadata. Raises `Forbidden`, `ModelNotFound`."""
    text = backend_of(who, Verb.READ, project).version_file(model, version, "MLmodel")
    described: Mapping[str, Any] = yaml.safe_load(text)
    return described


def version_lacks(who: Actor, project: str, model: str, version: str) -> str:
    """What a version lacks to be served (`signature`, `ONNX flavour`, `input example`), or an empty text.

    Raises:
        Forbidden, ModelNotFound, BackEndUnavailable.
    """
    return lacks(describe_version(who, project, model, version))


def model_card(who: Actor, project: str, model: str, version: str) -> ModelCard:
    """The card of a version (number or alias). Raises `Forbidden`, `ModelNotFound`, `BackEndUnavailable`."""
    backend = backend_of(who, Verb.READ, project)
    of, found = backend.model(model), backend.version(model, version)
    described = describe_version(who, project, model, found.version)
    run = _run_of(backend, found)
    metadata = (described.get("metadata") or {}).get("atrium") or {}
    return write_card(of, found, described, metadata, run)


def _run_of(backend: Experimenting, version: ModelVersionView) -> TrackingRunView | None:
    try:
        return backend.run(version.run_id) if version.run_id else None
    except TrackingRunNotFound:
        return None  # it was deleted for good; the version lives on


def _refuse(model: str, version: str, lacks: str, step: str) -> ModelNotServable:
    return ModelNotServable(f"model {model!r} version {version}", f"a served model needs {lacks}", step)


def servable(who: Actor, project: str, model: str, version: str) -> ServableModel:
    """All that serving needs of a version (number or alias).

    Raises:
        ModelNotFound: no such version; ModelNotServable: no signature, no ONNX flavour, or no input example.
    """
    backend = backend_of(who, Verb.READ, project)
    found = backend.version(model, version)
    described = describe_version(who, project, model, found.version)
    signature = described.get("signature")
    if not signature or not signature.get("inputs"):
        raise _refuse(model, found.version, "a signature", "log it with signature=infer_signature(inputs, outputs)")
    flavour = (described.get("flavors") or {}).get("onnx")
    if not flavour:
        raise _refuse(model, found.version, "the ONNX flavour", "convert it and log it with mlflow.onnx.log_model")
    example_info = described.get("saved_input_example_info") or {}
    if not example_info.get("artifact_path"):
        raise _refuse(model, found.version, "an input example", "log it with input_example=...")
    onnx = backend.version_file(model, found.version, str(flavour["data"]))
    example = json.loads(backend.version_file(model, found.version, str(example_info["artifact_path"])))
    columns = {key: json.loads(value) for key, value in signature.items() if isinstance(value, str)}
    metadata = (described.get("metadata") or {}).get("atrium") or {}
    return ServableModel(model, found.version, onnx, columns, example, metadata)
