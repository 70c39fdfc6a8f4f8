"""Setting up a machine: without a network, cut off, on a machine that lacks something."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from checkouts import copy_checkout, without_network
from small_platform import free_port

from app.setup import machine

BOOTSTRAP = "app/setup/bootstrap.py"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_checkout(tmp_path_factory.mktemp("clone"))


def set_up(clone: Path, environment: dict[str, str], seconds: float = 500) -> subprocess.CompletedProcess[str]:
    free = {"ATRIUM_PORT": str(free_port())} | environment
    return subprocess.run(
        [sys.executable, BOOTSTRAP], cwd=clone, env=free, capture_output=True, text=True, timeout=seconds
    )


def test_without_network_and_cache_the_first_missing_piece_is_named(clone: Path, tmp_path: Path) -> None:
    cold = without_network(XDG_CACHE_HOME=str(tmp_path), UV_CACHE_DIR=str(tmp_path / "uv"))
    made = set_up(clone, cold)
    assert made.returncode == 1
    assert re.search(r"uv==\S+ is missing", made.stderr)
    assert "next:    connect, or set PIP_INDEX_URL" in made.stderr


def test_without_network_every_package_that_is_not_cached_is_named(clone: Path, tmp_path: Path) -> None:
    made = set_up(clone, without_network(UV_CACHE_DIR=str(tmp_path / "uv")))
    assert made.returncode == 1
    assert re.search(r"7 packages of builders.lock are missing: hatchling==\S+, packaging==", made.stderr), made.stderr
    assert "next:    connect" in made.stderr


def _kill_when(clone: Path, environment: dict[str, str], moment: Callable[[], bool]) -> None:
    """Starts the set-up and ends it, as a power cut would, once the moment has come."""
    process = subprocess.Popen(
        [sys.executable, BOOTSTRAP], cwd=clone, env=environment, stdout=subprocess.PIPE, start_new_session=True
    )
    due = time.monotonic() + 200
    while not moment():
        assert process.poll() is None and time.monotonic() < due, "the set-up ended before it could be killed"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _installed(folder: Path) -> set[str]:
    code = "from importlib.metadata import distributions as d; print(*{f'{o.name}=={o.version}'.lower().replace('_', '-').replace('.', '-') for o in d()})"
    return set(
        subprocess.run([folder / "bin/python", "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )


def _locked(lock: Path) -> set[str]:
    found = re.findall(r"^([\w.-]+==[^\s;\\]+)", lock.read_text(), re.MULTILINE)
    return {one.lower().replace("_", "-").replace(".", "-") for one in found}


@pytest.mark.timeout(900)
def test_a_set_up_killed_at_any_moment_ends_well_the_next_time_and_needs_no_network(clone: Path) -> None:
    warm = without_network(ATRIUM_PORT=str(free_port()))
    venv, triton = clone / ".venv", clone / ".venv-triton"
    moments = (
        lambda: (clone / ".tools" / "pyvenv.cfg").exists(),
        lambda: (venv / "pyvenv.cfg").exists(),
        lambda: len(list(venv.glob("lib/python3.11/site-packages/*"))) > 60,
        lambda: (triton / "atrium.changing").exists(),
        lambda: (venv / "checkout.stamp").exists() or (triton / "atrium.stamp").exists(),
    )
    for moment in moments:
        _kill_when(clone, warm, moment)
    made = set_up(clone, warm)
    assert made.returncode == 0, made.stdout + made.stderr
    assert _locked(clone / "requirements.lock") <= _installed(venv)
    assert _locked(clone / "serving" / "triton" / "requirements.lock") <= _installed(triton)
    said = subprocess.run([venv / "bin" / "atrium", "--help"], capture_output=True, text=True, timeout=60)
    assert "doctor" in said.stdout
    assert set_up(clone, warm).stdout == ""  # nothing is left to do


def test_a_second_set_up_waits_for_the_first(clone: Path) -> None:
    import fcntl

    with (clone / ".setup.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = subprocess.Popen(
            [sys.executable, "-u", BOOTSTRAP], cwd=clone, env=without_network(), stdout=subprocess.PIPE, text=True
        )
        assert waiting.stdout is not None
        assert "another set-up of this checkout runs" in waiting.stdout.readline()
        waiting.kill()
        waiting.communicate()


@pytest.mark.parametrize(("name", "offset"), [("ATRIUM_PORT", 0), ("ATRIUM_CONTENT_PORT", 1)])
def test_a_taken_port_is_told_before_any_download_with_who_holds_it(
    clone: Path, tmp_path: Path, name: str, offset: int
) -> None:
    port = free_port()
    ours = without_network(ATRIUM_PORT=str(port), ATRIUM_HOME=str(tmp_path / "home"))
    with socket.socket() as other:
        other.bind(("127.0.0.1", port + offset))
        other.listen()
        made = set_up(clone, ours)
    assert made.returncode == 1
    assert f"port {port + offset} ({name}) is held by process {os.getpid()} (" in made.stderr
    assert f"set {name}=" in made.stderr
    assert made.stdout == ""


def test_settings_are_read_from_the_file_too(clone: Path, tmp_path: Path) -> None:
    port = free_port()
    (clone / ".env").write_text(f"ATRIUM_PORT={port}\nATRIUM_HOME={tmp_path / 'home'}\n")
    try:
        with socket.socket() as other:
            other.bind(("127.0.0.1", port))
            other.listen()
            environment = without_network()
            made = subprocess.run(
                [sys.executable, BOOTSTRAP], cwd=clone, env=environment, capture_output=True, text=True
            )
    finally:
        (clone / ".env").unlink()
    assert f"port {port} (ATRIUM_PORT) is held by" in made.stderr


@pytest.mark.parametrize("text", ["http", "0", "70000", "-1"])
def test_a_port_that_is_none_is_named_with_what_is_allowed(clone: Path, tmp_path: Path, text: str) -> None:
    made = set_up(clone, without_network(ATRIUM_PORT=text, ATRIUM_HOME=str(tmp_path / "home")))
    assert f"setting ATRIUM_PORT is '{text}'\n  allowed: a number from 1 to 65534" in made.stderr


def _told(capsys: pytest.CaptureFixture[str], check: Callable[[], None]) -> str:
    with pytest.raises(SystemExit) as ended:
        check()
    return str(ended.value.code)


@pytest.mark.parametrize(
    ("what", "answer", "told"),
    [("platform.system", "Darwin", "this machine is Darwin"), ("platform.machine", "aarch64", "allowed: Linux on x86_64"),
     ("machine.free_gib", 0.2, r"0.2 GiB are free for .*\n  allowed: at least 5.0 GiB\n  next:    free some room"),
     ("machine.available_memory_gib", 0.7, r"0.7 GiB of memory are available\n  allowed: at least 2.0 GiB\n  next:    end other programs")],
)  # fmt: skip
def test_a_machine_that_cannot_run_it_is_told_first(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    what: str,
    answer: object,
    told: str,
) -> None:
    """The machine's own answer is the one thing that a test cannot have for real."""
    monkeypatch.setenv("ATRIUM_HOME", str(tmp_path))
    owner, name = what.split(".")
    monkeypatch.setattr(machine.platform if owner == "platform" else machine, name, lambda *_: answer)
    assert re.search(told, _told(capsys, lambda: machine.check_machine(installed=False)))


def test_a_plain_user_gets_one_line_to_copy_before_any_download(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """This machine has the libraries and root, so both answers are made here."""
    monkeypatch.setattr(machine, "library_found", lambda _name: False)
    monkeypatch.setattr(machine.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(machine.shutil, "which", lambda name: f"/usr/bin/{name}")
    missing = machine.missing_packages()
    said = _told(capsys, lambda: machine.install_packages(missing))
    assert "next:    sudo apt-get install -y --no-install-recommends libgomp1 libpython3.11" in said
    assert "nothing was downloaded yet" in said


def test_a_machine_without_debians_tools_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine.shutil, "which", lambda _name: None)
    said = _told(capsys, lambda: machine.install_packages(["libgomp1"]))
    assert "this machine lacks libgomp1" in said and "this system's package manager" in said


def test_a_machine_with_another_python_needs_no_libpython_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "library_found", lambda _name: False)
    monkeypatch.setattr(machine, "system_python", lambda: None)
    assert machine.missing_packages() == ["libgomp1"]
