"""Backups that cannot be made or restored: each is told of, and leaves everything as it was."""

import gzip
import io
import json
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from small_platform import forget_settings, own_home_in

import tenancy
from app.backup.contents import CHECKSUMS, MANIFEST
from app.backup.restoring import ASIDE, BackupUnusable, HomeNotEmpty, restore_backup
from app.backup.sealing import WrongPassphrase
from app.backup.writing import BackupRefused, write_backup
from app.migrate import KEPT_COPIES, DatabaseNewer, RevisionUnknown, present_revision, step_back, upgrade
from atrium.dialects.sqlite import snapshot
from atrium.errors import Forbidden
from atrium.home import get_home
from atrium.identity import Actor, Kind, platform_actor

ROOT, PASSPHRASE = platform_actor("test"), "four random words here"
Entries = list[tuple[tarfile.TarInfo, bytes]]


@pytest.fixture
def backup(own_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of a home with a user, a project, a secret and an artifact."""
    tenancy.create_user(ROOT, "ada", "correct horse battery")
    tenancy.create_project(ROOT, "flights")
    tenancy.set_secret(ROOT, "flights", "word", "swordfish")
    (get_home().artifacts / "model.onnx").write_bytes(b"weights" * 1000)
    (get_home().data("flights") / "empty").mkdir()
    made = tmp_path_factory.mktemp("backup") / "all.tar.gz"
    assert write_backup(ROOT, made, PASSPHRASE).files > 4
    return made


def restored(folder: Path, backup: Path, passphrase: str | None = PASSPHRASE) -> dict[str, str]:
    """What a restore into `folder` brings back: the project's secrets, in the clear."""
    with own_home_in(folder):
        restore_backup(ROOT, backup, passphrase)
        assert (get_home().artifacts / "model.onnx").read_bytes() == b"weights" * 1000
        assert (get_home().data("flights") / "empty").is_dir()
        assert tenancy.list_audit(ROOT, None).items[0].action == "platform.restore"
        return tenancy.read_secrets("flights")


def test_everything_is_there_in_an_empty_home(backup: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert backup.stat().st_mode & 0o777 == 0o600
    assert b"swordfish" not in gzip.decompress(backup.read_bytes())
    assert restored(tmp_path_factory.mktemp("new"), backup) == {"word": "swordfish"}


def test_a_restore_that_was_cut_off_is_repeated(backup: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("new")
    (folder / ASIDE).mkdir()
    (folder / ASIDE / "half").write_text("of a file")
    assert restored(folder, backup) == {"word": "swordfish"}
    assert not (folder / ASIDE).exists()


def test_a_snapshot_holds_what_was_finished_while_another_writes(own_home: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(own_home / "atrium.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("CREATE TABLE half (x)")
        snapshot(own_home / "atrium.db", tmp_path / "copy.db")
        other.rollback()
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        names = {name for (name,) in copy.execute("SELECT name FROM sqlite_master")}
    assert "users" in names and "half" not in names


def test_without_keys_the_rest_comes_back(backup: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with own_home_in(tmp_path_factory.mktemp("new")):
        assert not restore_backup(ROOT, backup, None).keys
        assert [one.name for one in tenancy.list_secrets(ROOT, "flights").items] == ["word"]
        assert not (get_home().root / "keys" / "master.key").exists()


def test_artifacts_that_are_only_named_are_fetched_or_missed(
    backup: Path, own_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    named = backup.with_name("named.tar.gz")
    write_backup(ROOT, named, PASSPHRASE, copy_artifacts=False)
    assert b"weights" not in gzip.decompress(named.read_bytes())
    assert restored(tmp_path_factory.mktemp("new"), named) == {"word": "swordfish"}
    (own_home / "artifacts" / "model.onnx").write_bytes(b"shorter")
    refuses(tmp_path_factory.mktemp("other"), named, r"artifacts/model\.onnx")


def refuses(folder: Path, backup: Path, words: str, passphrase: str = PASSPHRASE) -> None:
    """A restore into the empty `folder` is refused with these words, and leaves it empty."""
    with own_home_in(folder):
        with pytest.raises((BackupUnusable, WrongPassphrase), match=words):
            restore_backup(ROOT, backup, passphrase)
        assert list(folder.iterdir()) == []


def test_a_wrong_passphrase_opens_nothing(backup: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    refuses(tmp_path_factory.mktemp("new"), backup, "--without-keys", "four other words here")


def test_a_short_passphrase_is_refused(own_home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    target = tmp_path_factory.mktemp("b") / "all.tar.gz"
    with pytest.raises(WrongPassphrase, match="at least 12"):
        write_backup(ROOT, target, "short")
    assert list(target.parent.iterdir()) == []


def _cut(backup: Path) -> None:
    backup.write_bytes(backup.read_bytes()[: backup.stat().st_size // 2])


def _flipped(backup: Path) -> None:
    content = bytearray(backup.read_bytes())
    content[len(content) // 2] ^= 0xFF
    backup.write_bytes(bytes(content))


def _no_archive(backup: Path) -> None:
    backup.write_bytes(b"this is a letter")


def _another_archive(backup: Path) -> None:
    rewritten(backup, lambda entries: entries[3:])


def _without_its_end(backup: Path) -> None:
    rewritten(backup, lambda entries: entries[:-1])


def _one_file_changed(backup: Path) -> None:
    def change(entries: Entries) -> Entries:
        return [
            (entry, b"heights" * 1000 if entry.name.endswith("model.onnx") else content) for entry, content in entries
        ]

    rewritten(backup, change)


def _climbing(backup: Path) -> None:
    def climb(entries: Entries) -> Entries:
        evil = tarfile.TarInfo("home/../../evil")
        evil.size = 1
        return [*entries[:-1], (evil, b"x"), entries[-1]]

    rewritten(backup, climb)


def _a_link(backup: Path) -> None:
    def link(entries: Entries) -> Entries:
        evil = tarfile.TarInfo("home/projects/evil")
        evil.type, evil.linkname = tarfile.SYMTYPE, "/etc"
        return [*entries[:-1], (evil, b""), entries[-1]]

    rewritten(backup, link)


def _of_the_future(backup: Path) -> None:
    def later(entries: Entries) -> Entries:
        manifest = json.loads(entries[0][1]) | {"version": "9.0", "revision": "from_the_future"}
        return [(entries[0][0], json.dumps(manifest).encode()), *entries[1:]]

    rewritten(backup, later)


def rewritten(backup: Path, change: Callable[[Entries], Entries]) -> None:
    with tarfile.open(backup) as tar:
        entries = [(entry, file.read() if (file := tar.extractfile(entry)) else b"") for entry in tar if entry.isfile()]
    with tarfile.open(backup, "w:gz") as tar:
        for entry, content in change(entries):
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_cut, "nothing was changed"), (_flipped, "nothing was changed"), (_no_archive, "nothing was changed"),
        (_another_archive, "does not begin"), (_without_its_end, "cut off"), (_one_file_changed, r"model\.onnx"),
        (_climbing, "leads out"), (_a_link, "neither a file nor a folder"), (_of_the_future, "Atrium 9.0"),
    ],
)  # fmt: skip
def test_a_spoilt_backup_changes_nothing(
    backup: Path, tmp_path_factory: pytest.TempPathFactory, spoil: Callable[[Path], None], words: str
) -> None:
    with tarfile.open(backup) as tar:
        assert tar.getnames()[0] == MANIFEST and tar.getnames()[-1] == CHECKSUMS
    spoil(backup)
    refuses(tmp_path_factory.mktemp("new"), backup, words)


def test_a_home_with_something_in_it_is_left_alone(backup: Path, own_home: Path) -> None:
    with pytest.raises(HomeNotEmpty, match="empty folder"):
        restore_backup(ROOT, backup, PASSPHRASE)
    assert tenancy.read_secrets("flights") == {"word": "swordfish"}


@pytest.mark.parametrize("inside", [True, False])
def test_a_backup_goes_to_a_new_file_outside_of_the_home(backup: Path, own_home: Path, inside: bool) -> None:
    with pytest.raises(BackupRefused, match="outside of the home" if inside else "not there yet"):
        write_backup(ROOT, own_home / "b.tar.gz" if inside else backup, PASSPHRASE)


def test_only_the_administrator_makes_and_restores_one(backup: Path, own_home: Path) -> None:
    ada = Actor("ada", Kind.SESSION)
    for ask in (lambda: write_backup(ada, backup.with_name("b"), None), lambda: restore_backup(ada, backup, None)):
        with pytest.raises(Forbidden):
            ask()


def test_the_database_steps_back_and_forth_with_a_copy_each_time(backup: Path, own_home: Path) -> None:
    newest = present_revision()
    for _ in range(KEPT_COPIES):
        step_back(ROOT, "0001")
        assert present_revision() == "0001"
        upgrade()
        assert present_revision() == newest
    copies = sorted((own_home / "backups").iterdir())
    assert len(copies) == KEPT_COPIES and copies[0].stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(copies[-2])) as copy:
        assert copy.execute("SELECT name FROM users").fetchone() is not None
    assert tenancy.read_secrets("flights") == {"word": "swordfish"}


def test_a_step_to_no_older_revision_is_refused(own_home: Path) -> None:
    for wrong in ("nonsense", present_revision()):
        with pytest.raises(RevisionUnknown, match="0001"):
            step_back(ROOT, wrong)


def test_a_database_of_a_newer_version_is_not_touched(own_home: Path) -> None:
    with closing(sqlite3.connect(own_home / "atrium.db")) as there, there:
        there.execute("UPDATE alembic_version SET version_num = 'from_the_future'")
    forget_settings()
    with pytest.raises(DatabaseNewer, match="from_the_future"):
        upgrade()
