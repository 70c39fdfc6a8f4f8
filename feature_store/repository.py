"""A project's Feast repository: `feature_store.yaml` in its data folder, the same inside a step and outside."""

from pathlib import Path

TEMPLATE = """\
project: {project}
provider: local
registry:
  path: {folder}/registry.db
  cache_ttl_seconds: 5
offline_store:
  type: feature_store.offline_store.AsofOfflineStore
online_store:
  type: sqlite
  path: {folder}/online.db
entity_key_serialization_version: 3
auth:
  type: no_auth
"""


def features_folder(data: Path) -> Path:
    """Folder of the repository in a project's data folder."""
    return data / "features"


def write_repository(project: str, data: Path) -> Path:
    """Writes `feature_store.yaml` where it is missing; returns the repository's folder."""
    folder = features_folder(data)
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "feature_store.yaml"
    text = TEMPLATE.format(project=project.replace("-", "_"), folder=folder)
    if not settings.exists() or settings.read_text() != text:
        settings.write_text(text)
    return folder
