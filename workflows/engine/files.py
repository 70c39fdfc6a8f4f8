"""Artifacts and output files of steps: into a step's folder before it starts, out of it when it has ended."""

import os
import shutil
import tarfile
from pathlib import Path

from workflows.engine.state import Json

LONGEST_RESULT = 256 * 1024


class OutputMissing(ValueError):
    """A step did not write what it promised."""


def inside(root: Path, path: str) -> Path:
    """Where the step's `path` lies on this machine. Raises `OutputMissing` for one that leads out of the step's folder."""
    target = root / path.lstrip("/")
    real, base = Path(os.path.realpath(target)), Path(os.path.realpath(root))
    if not real.is_relative_to(base):
        raise OutputMissing(f"path {path} leads out of the step's own folder")
    return target


def put_artifact(root: Path, store: Path, artifact: Json) -> None:
    """Lays an input artifact where the step expects it: from the store, or from its own text."""
    target = inside(root, artifact["path"])
    target.parent.mkdir(parents=True, exist_ok=True)
    if "raw" in artifact:
        target.write_text(artifact["raw"]["data"])
    else:
        source = store / artifact["s3"]["key"]
        if not source.exists():
            raise OutputMissing(f"artifact {artifact['name']} is not in the store any more: {artifact['s3']['key']}")
        if source.name.endswith(".tgz"):
            _unpack(source, target)
        else:
            shutil.copyfile(source, target)
    if artifact.get("mode"):
        target.chmod(int(artifact["mode"]))


def _unpack(source: Path, target: Path) -> None:
    with tarfile.open(source) as archive:
        names = archive.getnames()
        lone = names[0] if names else ""
        archive.extractall(target.parent, filter="data")
    unpacked = target.parent / lone
    if unpacked != target:
        if target.exists():
            shutil.rmtree(target) if target.is_dir() else target.unlink()
        unpacked.rename(target)


def take_artifact(root: Path, store: Path, key: str, artifact: Json) -> Json | None:
    """Keeps an output artifact in the store under `key`; None for an optional one that is not there.

    Raises:
        OutputMissing: it is not there.
    """
    source = inside(root, artifact["path"])
    if not source.exists():
        if artifact.get("optional"):
            return None
        raise OutputMissing(f"failed to find artifact {artifact['name']} at {artifact['path']}")
    packed = "none" not in (artifact.get("archive") or {})
    if not packed and source.is_dir():
        packed = True
    key = f"{key}/{artifact['name']}.tgz" if packed else f"{key}/{source.name}"
    target = store / key
    target.parent.mkdir(parents=True, exist_ok=True)
    if packed:
        with tarfile.open(target, "w:gz", compresslevel=1) as archive:
            archive.add(source, arcname=source.name)
    else:
        shutil.copyfile(source, target, follow_symlinks=False)
    return {**artifact, "s3": {"key": key}}


def take_parameter(root: Path, parameter: Json) -> Json:
    """An output parameter with the text of its file; a last newline is dropped, as Argo does. Raises `OutputMissing`."""
    source = parameter.get("valueFrom") or {}
    if "path" not in source:
        return parameter
    path = inside(root, source["path"])
    if path.is_file() and path.stat().st_size <= LONGEST_RESULT:
        text = path.read_text(errors="replace")
        return {**parameter, "value": text.removesuffix("\n")}
    if "default" in source:
        return {**parameter, "value": source["default"]}
    raise OutputMissing(f"failed to read output parameter {parameter['name']}: no file {source['path']}")
