"""Experiments and models (MLflow)."""

from model_registry.models import (
    Artifact,
    ExperimentView,
    ModelNotFound,
    ModelNotServable,
    ModelVersionView,
    ModelView,
    ServableModel,
    TrackingRunNotFound,
    TrackingRunView,
)
from model_registry.service import (
    delete_alias,
    describe_version,
    get_model,
    get_model_version,
    get_tracking_run,
    list_artifacts,
    list_experiments,
    list_model_versions,
    list_models,
    list_tracking_runs,
    metric_history,
    read_artifact,
    servable,
    set_alias,
)

__all__ = [
    "Artifact", "ExperimentView", "ModelNotFound", "ModelNotServable", "ModelVersionView", "ModelView", "ServableModel",
    "TrackingRunNotFound", "TrackingRunView", "delete_alias", "describe_version", "get_model", "get_model_version",
    "get_tracking_run", "list_artifacts", "list_experiments", "list_model_versions", "list_models", "list_tracking_runs",
    "metric_history", "read_artifact", "servable", "set_alias",
]  # fmt: skip
