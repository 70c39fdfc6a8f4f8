"""MLflow's artifacts in our object store, by the library that reads datasets too (MLflow's own way needs another one)."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlflow.entities import FileInfo
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, TEMPORARILY_UNAVAILABLE
from mlflow.store.artifact.artifact_repo import ArtifactRepository, verify_artifact_path
from mlflow.utils.uri import validate_path_is_safe
from pyarrow.fs import FileSelector, FileType

from atrium.errors import SettingInvalid, Unavailable
from atrium.objects import ObjectStore, object_store

PIECE_BYTES = 8 * 1024 * 1024


def _store() -> ObjectStore:
    found = object_store()
    if found is None:
        raise SettingInvalid("ATRIUM_OBJECT_STORE_URL is empty", "the address of a bucket", "set it")
    return found


@contextmanager
def _as_mlflow_says(doing: str) -> Iterator[None]:
    try:
        with _store().in_words(doing):
            yield
    except FileNotFoundError as error:
        raise MlflowException(f"No such artifact: {error}", RESOURCE_DOES_NOT_EXIST) from error
    except Unavailable as error:
        raise MlflowException(str(error), TEMPORARILY_UNAVAILABLE) from error


class ObjectArtifacts(ArtifactRepository):
    """Artifacts below one address `s3://bucket/…`, whose bucket is the one that the settings name."""

    def _place(self, path: str | None = None) -> str:
        inside = str(validate_path_is_safe(path)) if path else ""  # type: ignore[no-untyped-call]
        return "/".join(part for part in (self.artifact_uri.removeprefix("s3://").strip("/"), inside) if part)

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        """Keeps a file under its own name below `artifact_path`; it is there whole or not at all."""
        verify_artifact_path(artifact_path)  # type: ignore[no-untyped-call]
        target = f"{self._place(artifact_path)}/{Path(local_file).name}"
        with (
            _as_mlflow_says("writing"),
            open(local_file, "rb") as file,
            _store().files.open_output_stream(target) as out,
        ):
            shutil.copyfileobj(file, out, PIECE_BYTES)

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        """Keeps every file of a folder below `artifact_path`."""
        for folder, _folders, names in os.walk(local_dir):
            inside = Path(folder).relative_to(local_dir).as_posix()
            below = "/".join(part for part in (artifact_path or "", inside) if part not in ("", "."))
            for name in names:
                self.log_artifact(os.path.join(folder, name), below or None)

    def list_artifacts(self, path: str | None = None) -> list[FileInfo]:
        """Files and folders directly below `path`, by name; nothing for a file, or for what is not there."""
        root, place = self._place(), self._place(path)
        with _as_mlflow_says("listing"):
            found = _store().files.get_file_info(FileSelector(place, allow_not_found=True))
        items = [
            FileInfo(one.path.removeprefix(f"{root}/"), one.type == FileType.Directory, None if one.type == FileType.Directory else one.size)
            for one in found if one.path.strip("/") != place
        ]  # fmt: skip
        return sorted(items, key=lambda item: str(item.path))

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        with (
            _as_mlflow_says("reading"),
            _store().files.open_input_stream(self._place(remote_file_path)) as file,
            open(local_path, "wb") as out,
        ):
            shutil.copyfileobj(file, out, PIECE_BYTES)

    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        """Deletes a file, or everything below a folder; what is gone already is no error."""
        place, files = self._place(artifact_path), _store().files
        with _as_mlflow_says("deleting"):
            kind = files.get_file_info(place).type
            if kind == FileType.File:
                files.delete_file(place)
            elif kind == FileType.Directory:
                files.delete_dir(place)
