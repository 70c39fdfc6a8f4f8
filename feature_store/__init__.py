"""Datasets (Delta Lake) and features (Feast)."""

from feature_store.datasets import get_dataset, import_csv, list_datasets, preview, profile, query, restore
from feature_store.features import FeaturesMissing, materialize, read_online, registry
from feature_store.models import Answer, DatasetNotFound, DatasetView, QueryInvalid, TableInvalid, VersionView

__all__ = [
    "Answer", "DatasetNotFound", "DatasetView", "FeaturesMissing", "QueryInvalid", "TableInvalid", "VersionView",
    "get_dataset", "import_csv", "list_datasets", "materialize", "preview", "profile", "query", "read_online", "registry",
    "restore",
]  # fmt: skip
