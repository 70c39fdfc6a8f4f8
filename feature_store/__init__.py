"""Datasets (Delta Lake) and features (Feast)."""

from feature_store.datasets import get_dataset, list_datasets, preview, profile, query
from feature_store.features import entity_values, materialize, point_in_time_sample, read_online, registry
from feature_store.models import (
    Answer,
    DatasetNotFound,
    DatasetState,
    DatasetView,
    FeaturesMissing,
    FeaturesRefused,
    FeaturesSilent,
    OnlineValue,
    QueryInvalid,
    TableInvalid,
    VersionView,
)
from feature_store.moving import move_repository
from feature_store.online_store import check_online_store
from feature_store.writes import dataset_dependents, dataset_written, delete_dataset, import_file, name_of_file, restore

__all__ = [
    "Answer", "DatasetNotFound", "DatasetState", "DatasetView", "FeaturesMissing", "FeaturesRefused", "FeaturesSilent", "OnlineValue", "QueryInvalid",
    "TableInvalid", "VersionView", "check_online_store", "dataset_dependents", "dataset_written", "delete_dataset", "entity_values", "get_dataset",
    "import_file", "list_datasets", "materialize", "move_repository", "name_of_file", "point_in_time_sample", "preview", "profile", "query",
    "read_online", "registry", "restore",
]  # fmt: skip
