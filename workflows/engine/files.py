"""Artifacts and output files of steps: into a step's folders before it starts, out of them when it has ended."""

import gzip
import os
import shutil
import stat
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from workflows.engine.beneath import Entry, Spot, entries, lay, opened
from workflows.engine.state import Json
from workflows.engine.volumes import VolumeInvalid, inside

LONGEST_PARAMETER = 1 << 20
FIRST_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
OUTPUTS = "/var/run/argo/outputs"  # as Argo's executor names it in its errors
Locate = Callable[[str], Spot]


class OutputMissing(ValueError):
    """A step did not write what it promised."""


class ArtifactMissing(ValueError):
    """An input artifact is not to be had."""


class Artifacts:
    """The artifacts of one project in the home's store; its keys cannot lead to another project's."""

    def __init__(self, store: Path, project: str) -> None:
        self.store, self.project = store, project

    def path(self, key: str) -> Path:
        """Where the artifact of a key lies; keys count from the project's own folder, which they may name.

        Raises:
            VolumeInvalid: it would lie elsewhere.
        """
        root = self.store / self.project
        return inside(root, key.removeprefix(f"{self.project}/"))

    def listed(self, prefix: str) -> list[str]:
        """Keys of the files below a prefix."""
        root = self.store / self.project
        found = (one for one in root.rglob("*") if one.is_file() and not one.is_symlink())
        keys = sorted(f"{self.project}/{one.relative_to(root)}" for one in found)
        return [
            key for key in keys if key.startswith(prefix) or key.removeprefix(f"{self.project}/").startswith(prefix)
        ]

    # --- in -----------------------------------------------------------------------------------------------------------

    def put(self, artifact: Json, locate: Locate, fetched: Path | None = None) -> None:
        """Lays an input artifact where the step expects it: its own text, what was `fetched` for it, or the store's file.

        Raises:
            ArtifactMissing: there is none, and it is not optional; VolumeInvalid: it leads out of the step's folders.
        """
        spot = locate(artifact["path"])
        if not spot.shared:
            self._put(artifact, spot.path, fetched)
            return
        with tempfile.TemporaryDirectory(dir=self._aside()) as folder:
            made = Path(folder, "artifact")
            self._put(artifact, made, fetched)
            if os.path.lexists(made):
                lay(made, spot)

    def _aside(self) -> Path:
        """A folder of the server's own, which no step sees."""
        folder = self.store.parent / "aside"
        folder.mkdir(exist_ok=True)
        return folder

    def _put(self, artifact: Json, target: Path, fetched: Path | None) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        if "raw" in artifact:
            target.write_text(artifact["raw"]["data"])
        else:
            source = fetched or self._source(artifact)
            if source is None or (fetched and not os.path.lexists(fetched)):  # an optional one that is not there
                return
            if source.is_symlink():
                raise VolumeInvalid(f"artifact {artifact['name']} is a link, which may lead out of the step's folders")
            _place(source, target, artifact.get("archive") or {})
        if artifact.get("mode") is not None:
            _set_mode(target, int(artifact["mode"]), bool(artifact.get("recurseMode")))

    def _source(self, artifact: Json) -> Path | None:
        key = str(artifact["s3"]["key"]).rstrip("/")
        if sub := artifact.get("subPath"):
            key = f"{key}/{sub}"
        path = self.path(key)
        if path.exists():
            return path
        if key.endswith(".log"):  # of a container that printed nothing
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            return path
        if artifact.get("optional"):
            return None
        raise ArtifactMissing(f"artifact {artifact['name']} failed to load: The specified key does not exist.")

    # --- out ----------------------------------------------------------------------------------------------------------

    def take(self, artifact: Json, key: str, locate: Locate) -> Json | None:
        """Keeps an output artifact under its own key, or one below `key`; None for an optional one that is not there.

        Raises:
            OutputMissing: it is not there.
        """
        spot = locate(artifact["path"])
        try:
            with opened(spot) as found:
                return self._take(artifact, key, found)
        except FileNotFoundError as error:
            if artifact.get("optional"):
                return None
            path = artifact["path"].rstrip("/")
            raise OutputMissing(f"open {OUTPUTS}/artifacts{path}.tgz: no such file or directory") from error

    def _take(self, artifact: Json, key: str, source: int) -> Json:
        archive = artifact.get("archive") or {}
        base = Path(artifact["path"].rstrip("/")).name  # of the path as it is written, also where it is a link
        name = base if "none" in archive else artifact["name"]
        ending = "" if "none" in archive else ".zip" if "zip" in archive else ".tgz"
        own = (artifact.get("s3") or {}).get("key")
        made = str(own) if own else f"{key}/{name}{ending}"
        target = self.path(made)
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove(target)
        if ending == ".tgz":
            level = (archive.get("tar") or {}).get("compressionLevel")
            _pack(source, target, base, 1 if level is None else int(level))
        elif ending == ".zip":
            _zip(source, target, base)
        else:
            _copy(source, target)
        return {**artifact, "s3": {**(artifact.get("s3") or {}), "key": made}}

    def keep(self, source: Path, key: str) -> None:
        """Keeps a file of the server's own, a log, by a second name of the same file."""
        target = self.path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.hardlink_to(source)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _set_mode(target: Path, mode: int, deep: bool) -> None:
    for one in [target, *(target.rglob("*") if deep and target.is_dir() else ())]:
        if not one.is_symlink():
            one.chmod(mode)


def _pack(source: int, target: Path, name: str, level: int) -> None:
    with tarfile.open(target, "w:gz", compresslevel=level) as archive:
        for one in entries(source):
            archive.addfile(_member(one, f"{name}/{one.path}".rstrip("/")), one.file)


def _member(entry: Entry, name: str) -> tarfile.TarInfo:
    about, member = entry.about, tarfile.TarInfo(name)
    member.mode, member.mtime = stat.S_IMODE(about.st_mode), about.st_mtime
    member.uid, member.gid = about.st_uid, about.st_gid
    if entry.link is not None:
        member.type, member.linkname = tarfile.SYMTYPE, entry.link
    elif entry.file is None:
        member.type = tarfile.DIRTYPE
    else:
        member.size = about.st_size
    return member


def _zip(source: int, target: Path, name: str) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in entries(source):
            if one.file is None:
                continue
            date = max(FIRST_ZIP_DATE, time.localtime(one.about.st_mtime)[:6])
            member = zipfile.ZipInfo(f"{name}/{one.path}".rstrip("/"), date)
            member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, (one.about.st_mode & 0xFFFF) << 16
            with archive.open(member, "w", force_zip64=one.about.st_size > zipfile.ZIP64_LIMIT) as packed:
                shutil.copyfileobj(one.file, packed)


def _copy(source: int, target: Path) -> None:
    """Copies a file or folder as it is, links as links."""
    for one in entries(source):
        place = target / one.path
        if one.link is not None:
            place.symlink_to(one.link)
        elif one.file is None:
            place.mkdir()
        else:
            with place.open("wb") as kept:
                shutil.copyfileobj(one.file, kept)
            if one.path:  # of a lone file only the content is kept, as in an S3
                place.chmod(0o600 | stat.S_IMODE(one.about.st_mode))


def _place(source: Path, target: Path, archive: Json) -> None:
    """Brings a file or folder of the store to where the step expects it, unpacked where it is an archive."""
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    elif "zip" in archive:
        with zipfile.ZipFile(source) as packed:
            _unpack(target, lambda folder: _unzip(packed, folder))
    elif "none" not in archive and ("tar" in archive or _is_tar(source)):
        with tarfile.open(source) as packed_tar:
            _unpack(target, lambda folder: _untar(packed_tar, folder))
    else:
        _remove(target)
        shutil.copyfile(source, target)


def _is_tar(path: Path) -> bool:
    try:
        with gzip.open(path) as file:
            return len(tarfile.TarInfo.frombuf(file.read(512), "utf-8", "surrogateescape").name) > 0
    except (OSError, EOFError, tarfile.HeaderError):
        return False


def _unpack(target: Path, into: Callable[[Path], object]) -> None:
    """Unpacks beside the target; a lone file or folder becomes the target itself, as Argo does."""
    folder = target.with_name(target.name + ".tmpdir")
    folder.mkdir()
    into(folder)
    inner = list(folder.iterdir())
    _remove(target)
    if len(inner) == 1:
        inner[0].rename(target)
        folder.rmdir()
    else:
        folder.rename(target)


def _unzip(packed: zipfile.ZipFile, folder: Path) -> None:
    for one in packed.infolist():
        place = inside(folder, one.filename)
        if one.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            with packed.open(one) as content, place.open("wb") as file:
                shutil.copyfileobj(content, file)


def _untar(archive: tarfile.TarFile, folder: Path) -> None:
    for member in archive:
        _untar_member(archive, member, folder)


def _untar_member(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Writes one member below `folder`. Raises `VolumeInvalid` for one that would lie elsewhere, and a relative link that leads elsewhere.

    An absolute link stays as it is, as on Argo: it leads to what the step itself has there. (Python before 3.11.4 has no `filter="data"`,
    and Debian 12 has 3.11.2.)
    """
    place = inside(folder, member.name)
    if member.issym():
        if not Path(member.linkname).is_absolute():
            _check_link(folder, member)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(member.linkname)
    elif member.isdir():
        place.mkdir(parents=True, exist_ok=True)
    elif member.isfile() and (content := archive.extractfile(member)):
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("wb") as file:
            shutil.copyfileobj(content, file)
        place.chmod(0o600 | (member.mode & 0o777))


def _check_link(folder: Path, member: tarfile.TarInfo) -> None:
    """Raises `VolumeInvalid` for a link that leads out of `folder`."""
    target = os.path.normpath(folder / Path(member.name).parent / member.linkname)
    if not target.startswith(f"{folder}/"):
        raise VolumeInvalid(f"illegal symlink target: {member.name} -> {member.linkname}")
    inside(folder, str(Path(member.name).parent / member.linkname))


def take_parameter(parameter: Json, locate: Locate) -> Json:
    """An output parameter with the text of its file; a last newline is dropped, as Argo does. Raises `OutputMissing`."""
    source = parameter.get("valueFrom") or {}
    if "path" not in source:
        return parameter
    told = f"open {OUTPUTS}/parameters{source['path']}: no such file or directory"
    try:
        with opened(locate(source["path"])) as found, os.fdopen(found, "rb", closefd=False) as file:
            about = os.fstat(found)
            if not stat.S_ISREG(about.st_mode):
                told = f"read {OUTPUTS}/parameters{source['path']}: is a directory"
            elif about.st_size <= LONGEST_PARAMETER:
                text = file.read(LONGEST_PARAMETER).decode(errors="replace")
                return {**parameter, "value": text.removesuffix("\n")}
            else:
                told = (
                    f"etcdserver: request is too large: output parameter {parameter['name']} has {about.st_size} bytes, at most "
                    f"{LONGEST_PARAMETER} are kept: pass it as an artifact"
                )
    except FileNotFoundError:
        pass
    if "default" in source:
        return {**parameter, "value": str(source["default"])}
    raise OutputMissing(told)
