"""Replicas have the same keys: taken once from a folder, never mixed."""

from pathlib import Path

import pytest
from small_platform import forget_settings

from atrium.errors import SettingInvalid
from atrium.home import get_home
from atrium.keys import MAKERS, key, make_keys, seal, unseal


@pytest.fixture
def shared(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of keys that the home is told to take."""
    folder = tmp_path / "shared"
    folder.mkdir()
    for name in MAKERS:
        (folder / name).write_bytes(name.encode().ljust(32))
    monkeypatch.setenv("ATRIUM_KEYS_FROM", str(folder))
    forget_settings()
    return folder


def test_a_home_takes_the_keys_that_replicas_share(shared: Path) -> None:
    make_keys()
    make_keys()
    assert [key(name) for name in MAKERS] == [(shared / name).read_bytes() for name in MAKERS]
    assert {path.stat().st_mode & 0o777 for path in get_home().keys.iterdir()} == {0o600}
    assert unseal(seal(b"word", "it"), "it") == b"word"


def test_a_home_with_other_keys_is_refused_and_keeps_them(shared: Path) -> None:
    own = key("master.key")
    with pytest.raises(SettingInvalid, match=r"key master\.key in .* is another than this home's"):
        make_keys()
    assert key("master.key") == own


def test_a_key_that_is_missing_is_named(shared: Path) -> None:
    (shared / "signing.pem").unlink()
    with pytest.raises(SettingInvalid, match=r"ATRIUM_KEYS_FROM .*signing\.pem") as told:
        make_keys()
    assert "identity.key, master.key, signing.pem" in told.value.allowed


def test_a_home_that_is_told_of_none_makes_its_own_at_once(own_home: Path) -> None:
    make_keys()
    made = {name: key(name) for name in MAKERS}
    make_keys()
    assert made == {name: key(name) for name in MAKERS} and len(set(made.values())) == len(MAKERS)
