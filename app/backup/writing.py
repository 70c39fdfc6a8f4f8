"""Writing a backup, while the platform runs or not."""

import hashlib
import io
import json
import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from app.backup.contents import (
    ARTIFACTS,
    CHECKSUMS,
    FILES,
    FORMAT,
    MANIFEST,
    POSTGRESQL,
    SEALED_KEYS,
    Manifest,
    files_of,
    is_database,
)
from app.backup.sealing import seal
from app.migrate import present_revision
from atrium import __version__
from atrium.clock import now
from atrium.database import dialect, writing
from atrium.dialects import PostgreSQL
from atrium.dialects.sqlite import snapshot
from atrium.errors import Invalid
from atrium.home import Home, get_home
from atrium.identity import Actor, Verb, require
from atrium.settings import get_settings
from atrium.storage import StorageFull, is_full
from tenancy.audit import audit

IN_MEMORY_BYTES, BLOCK_BYTES = 16 * 2**20, 2**20
COMPRESSION = 1  # most of it is compressed already


class BackupRefused(Invalid):
    """A backup cannot be made so."""


@dataclass(frozen=True)
class Written:
    """A finished backup: files and bytes in it, before compression."""

    path: Path
    files: int
    bytes: int


class _Archive:
    """A tar file that keeps a checksum of each entry."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.checksums: dict[str, str] = {}
        self.bytes = 0

    def add(self, name: str, content: bytes) -> None:
        """Adds an entry with these bytes."""
        self._put(name, io.BytesIO(content), len(content), hashlib.sha256(content).hexdigest())

    def add_folder(self, name: str) -> None:
        """Adds an empty folder."""
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode = tarfile.DIRTYPE, 0o700
        self._tar.addfile(entry)

    def add_file(self, name: str, path: Path) -> None:
        """Adds a file as it is now, also one that grows meanwhile; one that has gone is left out."""
        with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as held:
            checksum = hashlib.sha256()
            try:
                with path.open("rb") as file:
                    mode = os.fstat(file.fileno()).st_mode & 0o700
                    while block := file.read(BLOCK_BYTES):
                        checksum.update(block)
                        held.write(block)
            except FileNotFoundError:
                return
            size = held.tell()
            held.seek(0)
            self._put(name, held, size, checksum.hexdigest(), mode)

    def _put(self, name: str, content: IO[bytes], size: int, checksum: str, mode: int = 0o600) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = size, mode
        self._tar.addfile(entry, content)
        self.checksums[name] = checksum
        self.bytes += size


def write_backup(who: Actor, target: Path, passphrase: str | None, copy_artifacts: bool = True) -> Written:
    """Writes everything that the platform keeps to `target` (tar, gzip, mode 0600), without stopping it.

    Args:
        who: the administrator.
        target: a file that is not there yet.
        passphrase: seals the keys; None leaves them out, and with them what they encrypt.
        copy_artifacts: False names artifacts with their sizes only; they are looked for in this home's folder at the restore.

    Raises:
        Forbidden: not the administrator.
        BackupRefused: the file is there, or the state is in PostgreSQL and there is no pg_dump; DatabaseRefuses: that fails.
        WrongPassphrase: it has fewer than 12 characters.
        StorageFull: no room for it; nothing is left behind.
    """
    require(who, Verb.MANAGE)
    home = get_home()
    _check(target, home)
    keys = seal(passphrase, _keys(home)) if passphrase is not None else None
    with writing() as session:
        audit(session, who, "platform.backup", None, str(target), "with keys" if keys else "without keys")
    descriptor, made = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with _room_for(target), os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=COMPRESSION) as tar:
                archive = _Archive(tar)
                _write(archive, home, keys, copy_artifacts, target.parent)
            file.flush()
            os.fsync(file.fileno())
        os.link(made, target)
    except FileExistsError as error:
        raise _there(target) from error
    finally:
        os.unlink(made)
    return Written(target, len(archive.checksums), archive.bytes)


@contextmanager
def _room_for(target: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        if is_full(error) or "disk is full" in str(error):
            raise StorageFull(
                f"a backup to {target}",
                "room on that disk for the whole backup and a copy of the largest database",
                "name a file on another disk; nothing was left behind",
            ) from error
        raise


def _there(target: Path) -> BackupRefused:
    return BackupRefused(f"backup to {target}", "a file that is not there yet", "name another file")


def _check(target: Path, home: Home) -> None:
    if target.exists():
        raise _there(target)
    if not target.parent.is_dir():
        raise BackupRefused(f"backup to {target}", "a file in a folder that exists", f"make {target.parent} first")
    if target.is_relative_to(home.root):
        raise BackupRefused(
            f"backup to {target}", f"a file outside of the home {home.root}", "name a folder on another disk"
        )


def _dump(folder: Path) -> Path:
    """A copy of the database. Raises `BackupRefused`, `DatabaseRefuses`."""
    made = dialect().keep_copy(folder, "state")
    if made is None:
        told = "state in PostgreSQL is copied by its own pg_dump"
        raise BackupRefused("a backup without pg_dump on this machine", told, "apt-get install postgresql-client")
    return made


def _keys(home: Home) -> bytes:
    found = {
        path.name: path.read_bytes().hex() for path in sorted(home.keys.iterdir()) if not path.name.startswith(".")
    }
    return json.dumps(found).encode()


def _referenced(home: Home) -> dict[str, int]:
    found = {}
    for folder in ARTIFACTS:
        for path in files_of(home.root / folder):
            if (home.root / folder / path).is_file():
                found[f"{folder}/{path}"] = (home.root / folder / path).stat().st_size
    return found


def _write(archive: _Archive, home: Home, keys: bytes | None, copy_artifacts: bool, room: Path) -> None:
    manifest = Manifest(
        format=FORMAT,
        version=__version__,
        revision=present_revision(),
        created_at=now().isoformat(),
        home=str(home.root),
        keys=keys is not None,
        referenced={} if copy_artifacts else _referenced(home),
        postgresql=isinstance(dialect(), PostgreSQL),
        objects=get_settings().object_store_url,
    )
    archive.add(MANIFEST, manifest.model_dump_json().encode())
    if keys is not None:
        archive.add(SEALED_KEYS, keys)
    with tempfile.TemporaryDirectory(dir=room, prefix=".atrium-backup.") as folder:
        if manifest.postgresql:
            archive.add_file(POSTGRESQL, _dump(Path(folder)))
        for path in files_of(home.root, () if copy_artifacts else ARTIFACTS):
            source, name = home.root / path, f"{FILES}/{path}"
            if source.is_dir():
                archive.add_folder(name)
            elif is_database(source):
                copied = Path(folder) / "copy.db"
                snapshot(source, copied)
                archive.add_file(name, copied)
                copied.unlink()
            else:
                archive.add_file(name, source)
    archive.add(CHECKSUMS, json.dumps(archive.checksums).encode())
