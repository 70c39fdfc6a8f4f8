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


def _unpack_member(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Writes one member below `folder`. Raises `OutputMissing` for one that would lie, or lead, elsewhere.

    Python before 3.11.4 has no `filter="data"`, and Debian 12 has 3.11.2.
    """
    place = inside(folder, member.name)
    if member.issym():
        inside(folder, str(Path(member.name).parent / member.linkname))
        if Path(member.linkname).is_absolute():
            raise OutputMissing(f"artifact holds the link {member.name}, which leads out of it")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(member.linkname)
    elif member.isdir():
        place.mkdir(parents=True, exist_ok=True)
    elif member.isfile() and (content := archive.extractfile(member)):
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("wb") as file:
            shutil.copyfileobj(content, file)
        place.chmod(0o600 | (member.mode & 0o777))


def _unpack(source: Path, target: Path) -> None:
    with tarfile.open(source) as archive:
        members = archive.getmembers()
        lone = members[0].name if members else ""
        for member in members:
            _unpack_member(archive, member, target.parent)
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
