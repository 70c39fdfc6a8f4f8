"""The bench's own parts: what it reads of `make up`, how it judges, what it gives peers."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from support import CHECKOUT

from bench.figures import Figure, write_json
from bench.instance import end_processes
from bench.peers.environments import LOCKS
from bench.peers.given.resident import resident_mib
from bench.peers.rows import GIVEN, HELD, KEPT, PEERS
from bench.setup import INSTALLED, STAGE, copy_checkout
from bench.steps import KINDS, WORKS, bare_seconds, hopeless, isolation


def test_a_missed_or_unmeasured_figure_is_not_kept() -> None:
    assert Figure("a", 2.0, "s", 2.0).kept
    assert not Figure("a", 2.1, "s", 2.0).kept
    assert not Figure("a", None, "s", 2.0).kept
    assert Figure("a peer's", 99.0, "s").kept


def test_the_json_says_the_ratio(tmp_path: Path) -> None:
    write_json([Figure("a", 1.0, "s", 2.0)], tmp_path / "x.json", machine="m")
    assert '"ratio": 0.5' in (tmp_path / "x.json").read_text()


def test_the_stages_that_make_up_prints_are_understood() -> None:
    printed = "  uv … 1.5 s\n  the platform's packages … 24.8 s\n  installed 2.01 GiB in 54 s\n"
    assert STAGE.findall(printed) == [("uv", "1.5"), ("the platform's packages", "24.8")]
    assert INSTALLED.search(printed)
    source = (CHECKOUT / "app" / "setup" / "bootstrap.py").read_text()
    assert re.search(r"installed \{.*\} GiB in \{.*\} s", source)


def test_a_fresh_checkout_holds_no_environment(tmp_path: Path) -> None:
    copy_checkout(CHECKOUT, tmp_path)
    assert (tmp_path / "Makefile").exists()
    assert not [name for name in (".venv", ".venv-triton", ".tools", ".git") if (tmp_path / name).exists()]


@pytest.mark.parametrize("peer", PEERS)
def test_each_peer_is_pinned_and_has_its_work(peer: str) -> None:
    pinned = (LOCKS / f"{peer}.in").read_text().splitlines()[0]
    lock = (LOCKS / f"{peer}.lock").read_text()
    assert f"{pinned} \\\n    --hash=sha256:" in lock
    scripts = [GIVEN / f"{peer}.py", *([GIVEN / f"{peer}_server.py"] if peer in HELD else [])]
    subprocess.run(["python3", "-m", "py_compile", *scripts], check=True)


def test_a_servers_memory_is_that_of_all_its_processes() -> None:
    child = "kept = bytearray(range(256)) * (80 << 12); print(1, flush=True); input()"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    server = subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with server as begun:
        assert begun.stdin is not None and begun.stdout is not None and begun.stdout.readline() == b"1\n"
        assert 80 < resident_mib(server.pid) < 300
        assert resident_mib(server.pid, os.getpid()) > resident_mib(server.pid)


def test_a_thousand_steps_are_tried_where_two_hundred_say_that_they_can_end() -> None:
    assert hopeless({"fan": 30.0}) == ""
    assert "about 200 s" in hopeless({"fan": 40.0})
    assert "did not finish 200" in hopeless({})


@pytest.mark.parametrize("kind", KINDS)
def test_the_bare_loop_runs_every_kind_of_step_in_isolation(kind: str) -> None:
    assert isolation() == "bubblewrap"
    assert 0 < bare_seconds(WORKS[0], kind) < 120


def test_processes_that_name_a_folder_are_ended_with_their_families(tmp_path: Path) -> None:
    by_argument = subprocess.Popen(["sh", "-c", "sleep 600; true", str(tmp_path)])
    by_environment = subprocess.Popen(["sleep", "600"], env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)})
    other = subprocess.Popen(["sleep", "600"])
    try:
        end_processes(tmp_path)
        assert (by_argument.wait(30), by_environment.wait(30)) == (-9, -9)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


LEAVING = "setsid env -i sh -c 'echo $$ >left.new; mv left.new left; exec sleep 600' & while [ ! -e left ]; do sleep 0.01; done; "


def _left(folder: Path) -> int:
    """Pid of the process that the command left in a session of its own, without words of where it is from."""
    due = time.monotonic() + 60
    while not (folder / "left").exists():
        assert time.monotonic() < due, "the command leaves a process within a minute"
        time.sleep(0.02)
    return int((folder / "left").read_text())


@pytest.mark.parametrize("asked", [None, signal.SIGTERM, signal.SIGINT])
def test_what_a_peer_leaves_ends_with_it_whether_it_ends_or_is_ended(
    tmp_path: Path, asked: signal.Signals | None
) -> None:
    script = LEAVING + ("sleep 600" if asked else "exit 3")
    with subprocess.Popen(
        [sys.executable, "-I", KEPT, "sh", "-c", script], cwd=tmp_path, start_new_session=True
    ) as kept:
        left = _left(tmp_path)
        if asked:
            assert psutil.pid_exists(left)
            kept.send_signal(asked)
        assert kept.wait(60) == (128 + asked if asked else 3)
    assert not psutil.pid_exists(left)


def test_what_a_peer_started_ends_with_a_bench_that_is_killed(tmp_path: Path) -> None:
    source = f"import subprocess, sys; subprocess.run([sys.executable, '-I', {str(KEPT)!r}, 'sh', '-c', {LEAVING + 'sleep 600'!r}])"
    with subprocess.Popen([sys.executable, "-c", source], cwd=tmp_path) as bench:
        left = _left(tmp_path)
        bench.kill()
    due = time.monotonic() + 60
    while psutil.pid_exists(left):
        assert time.monotonic() < due, "the process that was left ends within a minute"
        time.sleep(0.02)
