"""A link that a step swaps in while the server reads or writes leads nowhere: not out of what the step itself could see."""

import ctypes
import os
import tarfile
import threading
import time
import zipfile
from pathlib import Path

import pytest

from workflows.engine.beneath import DEEPEST, Spot, entries, lay, opened
from workflows.engine.files import Artifacts, OutputMissing, take_parameter
from workflows.engine.keeper.processes import opened as keeper_opens

SECRET = "of the server"


@pytest.fixture
def claim(tmp_path):
    """A claim with a folder that is to be an output, and beside it what no step may read."""
    (tmp_path / "claim/out/deep").mkdir(parents=True)
    (tmp_path / "claim/out/deep/file").write_text("own")
    (tmp_path / "hidden/deep").mkdir(parents=True)
    (tmp_path / "hidden/file").write_text(SECRET)
    (tmp_path / "hidden/deep/file").write_text(SECRET)
    return tmp_path / "claim"


AT_CWD, EXCHANGE = -100, 2


@pytest.fixture
def swapped(claim):
    """What another step does meanwhile: one name is a folder, then a link to what is hidden, without an end."""
    stop, link, name = threading.Event(), claim / "link", claim / "swap"
    (name / "deep").mkdir(parents=True)
    (name / "file").write_text("own")
    (name / "deep/file").write_text("own")
    link.symlink_to(claim.parent / "hidden")
    exchange = ctypes.CDLL(None, use_errno=True).renameat2
    pair = (AT_CWD, bytes(link), AT_CWD, bytes(name), EXCHANGE)

    def swap() -> None:
        while not stop.is_set():
            exchange(*pair)

    thread = threading.Thread(target=swap)
    thread.start()
    yield name
    stop.set()
    thread.join()


def texts(archive: Path) -> list[str]:
    """What the files of an artifact hold."""
    if archive.is_dir():
        return [one.read_text() for one in archive.rglob("*") if one.is_file() and not one.is_symlink()]
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as packed:
            return [packed.read(one).decode() for one in packed.namelist()]
    with tarfile.open(archive) as tar:
        return [file.read().decode() for one in tar if one.isfile() and (file := tar.extractfile(one))]


@pytest.mark.parametrize("archive", [{}, {"zip": {}}, {"none": {}}])
def test_an_output_whose_folder_becomes_a_link_while_it_is_packed_holds_nothing_from_elsewhere(
    swapped, claim, tmp_path, archive
):
    store, taken = Artifacts(tmp_path / "store", "flights"), 0
    for _ in range(100):
        for spot in (Spot(claim), Spot(claim, "swap"), Spot(claim, "swap/deep")):
            try:
                kept = store.take({"name": "o", "path": "/o", "archive": archive}, "key", lambda _, spot=spot: spot)
            except (OutputMissing, OSError):
                continue
            taken += 1
            assert SECRET not in texts(store.path(kept["s3"]["key"]))
    assert taken


def test_a_parameter_whose_folder_becomes_a_link_is_not_read_from_elsewhere(swapped, claim):
    found = set()
    for _ in range(1000):
        asked = {"name": "p", "valueFrom": {"path": "/data/swap/file", "default": "none"}}
        found.add(take_parameter(asked, lambda _: Spot(claim, "swap/file"))["value"])
    assert found <= {"own", "none"}


def test_an_input_whose_folder_becomes_a_link_is_not_laid_elsewhere(swapped, claim, tmp_path):
    for number in range(500):
        (tmp_path / "given").write_text(str(number))
        try:
            lay(tmp_path / "given", Spot(claim, "swap/deep/laid"))
        except OSError:
            continue
    assert not (tmp_path / "hidden/deep/laid").exists()


def test_a_part_of_a_claim_that_becomes_a_link_is_not_mounted(swapped, claim):
    """What the keeper opens is what the container gets: bubblewrap is given the descriptor."""
    tries, refused, seen, due = 0, 0, set(), time.monotonic() + 60
    while tries < 2000 or not (seen and refused):  # a busy machine may leave either name in its place for long
        assert time.monotonic() < due, f"{refused} of {tries} refused"
        tries += 1
        try:
            (found,) = keeper_opens([(str(claim), "swap/deep")])
        except OSError:
            refused += 1
            continue
        seen.add(os.stat(f"/proc/self/fd/{found}/file").st_size)
        os.close(found)
    assert seen == {len("own")}


def test_a_tree_is_laid_over_what_is_there(tmp_path):
    given = tmp_path / "given"
    (given / "deep").mkdir(parents=True)
    (given / "deep/run").write_text("new")
    (given / "deep/run").chmod(0o755)
    (given / "link").symlink_to("deep/run")
    (tmp_path / "claim/a/b/deep").mkdir(parents=True)
    (tmp_path / "claim/a/b/deep/run").symlink_to("/etc/passwd")
    (tmp_path / "claim/a/b/deep/other").write_text("stays")
    lay(given, Spot(tmp_path / "claim", "a/b"))
    made = tmp_path / "claim/a/b"
    assert (made / "deep/run").read_text() == (made / "link").read_text() == "new"
    assert os.access(made / "deep/run", os.X_OK) and (made / "deep/other").read_text() == "stays"


@pytest.mark.parametrize("kind", ["none", "circle", "file in the way"])
def test_what_is_not_there_is_told_as_missing(claim, kind):
    (claim / "circle").symlink_to("circle")
    below = {"none": "x/y", "circle": "circle", "file in the way": "out/deep/file/x"}[kind]
    with pytest.raises(FileNotFoundError), opened(Spot(claim, below)):
        pass


def test_pipes_are_passed_over_and_hold_up_nobody(claim):
    os.mkfifo(claim / "out/pipe")
    with opened(Spot(claim, "out")) as found:
        assert [one.path for one in entries(found)] == ["", "deep", "deep/file"]
    with opened(Spot(claim, "out/pipe")) as found, pytest.raises(OSError, match="neither a file nor a folder"):
        list(entries(found))


def test_a_file_with_two_names_is_packed_under_both(claim, tmp_path):
    (claim / "out/twin").hardlink_to(claim / "out/deep/file")
    store = Artifacts(tmp_path / "store", "flights")
    kept = store.take({"name": "o", "path": "/o"}, "key", lambda _: Spot(claim, "out"))
    assert texts(store.path(kept["s3"]["key"])) == ["own", "own"]


def test_folders_without_an_end_are_refused(claim):
    here = claim / "out"
    for _ in range(DEEPEST + 5):
        here = here / "d"
        here.mkdir()
    with opened(Spot(claim, "out")) as found, pytest.raises(OSError, match=f"more than {DEEPEST} folders"):
        list(entries(found))
