"""A project's Feast repository: `feature_store.yaml` in its data folder, the same inside a step and outside."""

from pathlib import Path
from typing import TYPE_CHECKING

from feature_store.confined import require_inside
from feature_store.online_store import configuration

if TYPE_CHECKING:
    from feast import RepoConfig

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


def feast_project(project: str) -> str:
    """Name of a project in Feast, which knows no dashes."""
    return project.replace("-", "_")


def features_folder(data: Path) -> Path:
    """Folder of the repository in a project's data folder."""
    return data / "features"


def write_repository(project: str, data: Path) -> Path:
    """Writes `feature_store.yaml` where it is missing; returns the repository's folder."""
    folder = features_folder(data)
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "feature_store.yaml"
    text = TEMPLATE.format(project=feast_project(project), folder=folder)
    if not settings.exists() or settings.read_text() != text:
        settings.write_text(text)
    return folder


def shared_configuration(project: str, data: Path) -> "RepoConfig":
    """The repository as a process of the platform opens it: by the platform's own settings, since a step may have changed the file.

    Raises:
        OutsideProject: the online store's file leads out of the project's data folder.
    """
    from feast import RepoConfig

    folder = features_folder(data)
    online = folder / "online.db"
    require_inside([folder, *(online.with_name(online.name + tail) for tail in ("", "-wal", "-shm", "-journal"))], data)
    return RepoConfig(
        project=feast_project(project),
        provider="local",
        registry={
            "path": str(folder / "registry.db"),
            "cache_ttl_seconds": 5,
            "registry_store_type": "feature_store.checked_registry.CheckedRegistryStore",
        },
        offline_store={"type": "feature_store.offline_store.AsofOfflineStore", "within": data},
        online_store=configuration(online),
        entity_key_serialization_version=3,
        auth={"type": "no_auth"},
    )
