"""Restoring a backup into an empty home: everything is read and checked aside, then moved to its place."""

import hashlib
import json
import os
import shutil
import tarfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from pydantic import ValidationError

from app.backup.contents import CHECKSUMS, FILES, FORMAT, MANIFEST, POSTGRESQL, SEALED_KEYS, Manifest
from app.backup.moving import moved, moved_rows
from app.backup.sealing import unseal
from app.migrate import known_revisions, upgrade
from atrium import __version__
from atrium.database import dialect, engine, in_words, writing
from atrium.dialects import PostgreSQL
from atrium.errors import Conflict, Invalid
from atrium.home import get_home
from atrium.identity import Actor, Verb, require
from atrium.storage import telling_of_full_disk
from tenancy.audit import audit

ASIDE = ".restoring"
DUMP = Path("run") / POSTGRESQL  # below what is made aside: a backup holds no `run`
BLOCK_BYTES = 2**20
LARGEST_MANIFEST_BYTES = 256 * 2**20
MOST_NAMED = 5
DAMAGE = (tarfile.TarError, EOFError, zlib.error, ValueError)


class HomeNotEmpty(Conflict):
    """A restore needs a home with nothing in it."""


class BackupUnusable(Invalid):
    """The file is no backup, is damaged, or comes from a newer Atrium."""


@dataclass(frozen=True)
class Restored:
    """A finished restore: when and by which version the backup was made, its files, whether the keys came with it, and where artifacts stayed."""

    created_at: str
    version: str
    files: int
    keys: bool
    objects: str = ""


@dataclass
class _Reading:
    """What was read of an archive so far."""

    source: Path
    aside: Path
    passphrase: str | None
    manifest: Manifest | None = None
    seen: dict[str, str] = field(default_factory=dict)
    expected: dict[str, str] | None = None

    def damaged(self, what: str) -> BackupUnusable:
        return BackupUnusable(
            f"{self.source}: {what}",
            "a whole backup, as atrium backup wrote it",
            "take another backup; nothing was changed",
        )

    def entry(self, entry: tarfile.TarInfo, content: IO[bytes] | None) -> None:
        """Takes one entry in. Raises `BackupUnusable`, `WrongPassphrase`."""
        if self.manifest is None:
            self.manifest = self._manifest(entry, content)
        elif entry.isdir():
            self._place(entry.name).mkdir(parents=True, exist_ok=True)
        elif content is None:
            raise self.damaged(f"entry {entry.name!r} is neither a file nor a folder")
        elif entry.name == SEALED_KEYS:
            self._keys(content.read())
        elif entry.name == POSTGRESQL:
            self._file(entry, content, self.aside / DUMP)
        elif entry.name == CHECKSUMS:
            self.expected = json.loads(content.read(LARGEST_MANIFEST_BYTES))
        else:
            self._file(entry, content, self._place(entry.name))

    def _manifest(self, entry: tarfile.TarInfo, content: IO[bytes] | None) -> Manifest:
        if entry.name != MANIFEST or content is None:
            raise self.damaged("it does not begin as a backup does")
        text = content.read(LARGEST_MANIFEST_BYTES)
        self.seen[MANIFEST] = hashlib.sha256(text).hexdigest()
        found = json.loads(text)
        if found.get("format") != FORMAT or found.get("revision") not in known_revisions():
            raise BackupUnusable(
                f"{self.source} was made by Atrium {found.get('version')}",
                f"one that this version ({__version__}) knows",
                "install that version or a newer one, then restore",
            )
        try:
            made = Manifest.model_validate(found)
        except ValidationError as error:
            raise self.damaged("its first entry is not as it should be") from error
        if made.postgresql != isinstance(dialect(), PostgreSQL):
            kinds = ("a file of the home", "PostgreSQL")
            raise BackupUnusable(
                f"{self.source} holds state of {kinds[made.postgresql]}, and this platform keeps it in {kinds[not made.postgresql]}",
                "both are the same kind",
                "set ATRIUM_DATABASE_URL to an empty database" if made.postgresql else "unset ATRIUM_DATABASE_URL",
            )
        return made

    def _keys(self, sealed: bytes) -> None:
        self.seen[SEALED_KEYS] = hashlib.sha256(sealed).hexdigest()
        if self.passphrase is None:
            return
        folder = self.aside / "keys"
        folder.mkdir(mode=0o700)
        for name, content in json.loads(unseal(self.passphrase, sealed)).items():
            with os.fdopen(
                os.open(folder / Path(name).name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
            ) as file:
                file.write(bytes.fromhex(content))

    def _place(self, name: str) -> Path:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or len(path.parts) < 2 or path.parts[0] != FILES:
            raise self.damaged(f"entry {name!r} leads out of the home")
        return self.aside / Path(*path.parts[1:])

    def _file(self, entry: tarfile.TarInfo, content: IO[bytes], path: Path) -> None:
        checksum = hashlib.sha256()
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, entry.mode & 0o700 | 0o600), "wb") as file:
            while block := content.read(BLOCK_BYTES):
                checksum.update(block)
                file.write(block)
        self.seen[entry.name] = checksum.hexdigest()

    def finish(self) -> Manifest:
        """Compares what was read with the checksums at the end. Raises `BackupUnusable`."""
        if self.manifest is None or self.expected is None:
            raise self.damaged("it is cut off")
        if wrong := sorted(set(self.expected.items()) ^ set(self.seen.items())):
            raise self.damaged(f"entry {wrong[0][0]!r} is not what was written")
        return self.manifest


def restore_backup(who: Actor, source: Path, passphrase: str | None) -> Restored:
    """Fills the empty home with what a backup holds; the next `atrium up` starts from there.

    Args:
        who: the administrator.
        source: a file that `write_backup` made.
        passphrase: opens the keys; None leaves them: new ones are made, tokens and sessions end, secrets have to be set anew.

    Raises:
        Forbidden: not the administrator.
        HomeNotEmpty, NotEmpty; BackupUnusable, DatabaseRefuses; WrongPassphrase: nothing was changed.
        StorageFull: no room; the home is as empty as before.
    """
    require(who, Verb.MANAGE)
    root = get_home().root
    aside = root / ASIDE
    if any(path.name != ASIDE for path in root.iterdir()):
        raise HomeNotEmpty(f"a restore into {root}", "an empty folder", "set ATRIUM_HOME to one, or move this one away")
    shutil.rmtree(aside, ignore_errors=True)  # what a restore left that was cut off
    before = os.umask(0o077)
    try:
        aside.mkdir()
        with telling_of_full_disk(f"the backup {source}"):
            reading = _read(source, aside, passphrase)
            manifest = reading.finish()
            _fetch(manifest, aside)
            moved(aside, Path(manifest.home), root)
            if manifest.postgresql:
                _fill_database(aside, Path(manifest.home), root)
            for path in sorted(
                aside.iterdir(), key=lambda one: one.name == "atrium.db"
            ):  # what makes it a home comes last
                path.rename(root / path.name)
    finally:
        os.umask(before)
        shutil.rmtree(aside, ignore_errors=True)
    upgrade()
    with writing() as session:
        audit(session, who, "platform.restore", None, str(source), f"made {manifest.created_at}")
    return Restored(
        manifest.created_at,
        manifest.version,
        len(reading.seen),
        manifest.keys and passphrase is not None,
        manifest.objects,
    )


def _fill_database(aside: Path, before: Path, after: Path) -> None:
    found = dialect()
    if isinstance(found, PostgreSQL):
        with in_words():
            found.fill_from_copy(aside / DUMP)
            moved_rows(engine(), before, after)
    shutil.rmtree(aside / DUMP.parent)


def _read(source: Path, aside: Path, passphrase: str | None) -> _Reading:
    reading = _Reading(source, aside, passphrase)
    try:
        with tarfile.open(source, "r:gz") as tar:
            for entry in tar:
                reading.entry(entry, tar.extractfile(entry) if entry.isfile() else None)
    except FileNotFoundError as error:
        raise BackupUnusable(f"{source}", "a file that is there", "look at its name") from error
    except DAMAGE as error:
        raise reading.damaged(str(error) or type(error).__name__) from error
    except OSError as error:
        if "gzip" in str(error).lower() or "crc" in str(error).lower():
            raise reading.damaged(str(error)) from error
        raise
    return reading


def _fetch(manifest: Manifest, aside: Path) -> None:
    """Copies the artifacts that the backup only names from where they were."""
    before = Path(manifest.home)
    gone = [name for name, size in manifest.referenced.items()
            if not (before / name).is_file() or (before / name).stat().st_size != size]  # fmt: skip
    if gone:
        more = f" and {len(gone) - MOST_NAMED} more" if len(gone) > MOST_NAMED else ""
        raise BackupUnusable(
            f"artifacts that the backup only names are not in {before} as they were: {', '.join(gone[:MOST_NAMED])}{more}",
            "each where it was, with its size",
            "bring that folder back, or take a backup that holds artifacts",
        )
    for name in manifest.referenced:
        (aside / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(before / name, aside / name)
        (aside / name).chmod(0o600)
