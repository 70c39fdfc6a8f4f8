"""What a person can do with experiments and models."""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from atrium.identity import Actor, Verb, require
from atrium.pages import Page
from model_registry.backends.mlflow import MlflowBackend
from model_registry.models import (
    Artifact,
    ExperimentView,
    ModelNotServable,
    ModelVersionView,
    ModelView,
    ServableModel,
    TrackingRunView,
)

MOST_RUNS = 100


def _backend(who: Actor, verb: Verb, project: str) -> MlflowBackend:
    require(who, verb, project)
    return MlflowBackend(who, project)


def list_experiments(who: Actor, project: str) -> list[ExperimentView]:
    """The project's experiments, the latest changed first. Raises `Forbidden`, `BackEndUnavailable`."""
    return _backend(who, Verb.READ, project).experiments()


def list_tracking_runs(
    who: Actor, project: str, experiment: str | None = None, after: str | None = None, limit: int = 25
) -> Page[TrackingRunView]:
    """Runs of one experiment or of all, newest first, at most 100 a page. Raises `Forbidden`, `BackEndUnavailable`."""
    backend = _backend(who, Verb.READ, project)
    chosen = [experiment] if experiment else [one.id for one in backend.experiments()]
    items, following = backend.runs(chosen, after, min(limit, MOST_RUNS))
    return Page(items, following)


def get_tracking_run(who: Actor, project: str, run_id: str) -> TrackingRunView:
    """One run with metrics, parameters and inputs. Raises `Forbidden`, `TrackingRunNotFound`."""
    return _backend(who, Verb.READ, project).run(run_id)


def metric_history(who: Actor, project: str, run_id: str, metric: str) -> list[tuple[int, float]]:
    """A metric's values by step, at most 1,000. Raises `Forbidden`, `TrackingRunNotFound`."""
    return _backend(who, Verb.READ, project).history(run_id, metric)


def list_artifacts(who: Actor, project: str, run_id: str, path: str = "") -> list[Artifact]:
    """Files and folders that a run kept. Raises `Forbidden`, `TrackingRunNotFound`."""
    return _backend(who, Verb.READ, project).artifacts(run_id, path)


def read_artifact(who: Actor, project: str, run_id: str, path: str) -> bytes:
    """A file that a run kept, at most 256 MiB. Raises `Forbidden`, `TrackingRunNotFound`, `Invalid`."""
    return _backend(who, Verb.READ, project).artifact(run_id, path)


def list_models(who: Actor, project: str) -> list[ModelView]:
    """Registered models by name. Raises `Forbidden`, `BackEndUnavailable`."""
    return _backend(who, Verb.READ, project).models()


def get_model(who: Actor, project: str, model: str) -> ModelView:
    """One registered model. Raises `Forbidden`, `ModelNotFound`."""
    return _backend(who, Verb.READ, project).model(model)


def list_model_versions(who: Actor, project: str, model: str) -> list[ModelVersionView]:
    """A model's versions, newest first. Raises `Forbidden`, `ModelNotFound`."""
    return _backend(who, Verb.READ, project).versions(model)


def get_model_version(who: Actor, project: str, model: str, version: str) -> ModelVersionView:
    """One version by number or alias. Raises `Forbidden`, `ModelNotFound`."""
    return _backend(who, Verb.READ, project).version(model, version)


def set_alias(who: Actor, project: str, model: str, alias: str, version: str) -> None:
    """Moves an alias to a version in one step; MLflow's plugin writes the audit line. Raises `Forbidden`, `ModelNotFound`."""
    _backend(who, Verb.WRITE, project).set_alias(model, alias, version)


def delete_alias(who: Actor, project: str, model: str, alias: str) -> None:
    """Takes an alias away. Raises `Forbidden`, `ModelNotFound`."""
    _backend(who, Verb.WRITE, project).delete_alias(model, alias)


def describe_version(who: Actor, project: str, model: str, version: str) -> Mapping[str, Any]:
    """What the version's MLmodel says: flavours, signature, metadata. Raises `Forbidden`, `ModelNotFound`."""
    text = _backend(who, Verb.READ, project).version_file(model, version, "MLmodel")
    described: Mapping[str, Any] = yaml.safe_load(text)
    return described


def _refuse(model: str, version: str, lacks: str, step: str) -> ModelNotServable:
    return ModelNotServable(f"model {model!r} version {version}", f"a served model needs {lacks}", step)


def servable(who: Actor, project: str, model: str, version: str) -> ServableModel:
    """All that serving needs of a version (number or alias).

    Raises:
        ModelNotFound: no such version; ModelNotServable: no signature, no ONNX flavour, or no input example.
    """
    backend = _backend(who, Verb.READ, project)
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
