"""Starts that are cut off, supervisors that are killed, several instances: what the next `atrium up` makes of it."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from instances import component_pids, down, instance, printed_password, sign_in, supervisor_pid, until
from support import ATRIUM, PASSWORD, Platform

pytestmark = [pytest.mark.platform, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def cut_off(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Platform, str]]:
    """An instance whose start was killed at several moments before one came to its end; and all that these starts had printed."""
    made = instance(tmp_path_factory.mktemp("cut") / "home", ATRIUM_ADMIN_PASSWORD="")
    try:
        said = "".join(_kill_up_after(made, seconds) for seconds in (0.6, 1.2, 1.8, 2.6, 4.0, 7.0))
        yield made, said + made.atrium("up", "--no-examples")
    finally:
        down(made)


def _kill_up_after(platform: Platform, seconds: float) -> str:
    """Starts `atrium up`, kills it after a while as a power cut would (its supervisor lives on); what it had printed."""
    process = subprocess.Popen(
        [str(ATRIUM), "up", "--no-examples"],
        env=platform.environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    time.sleep(seconds)  # any moment is a good one: the point is that it is arbitrary
    os.killpg(process.pid, signal.SIGKILL)
    return process.communicate()[0]


def test_a_start_killed_at_several_moments_ends_well_the_next_time(cut_off: tuple[Platform, str]) -> None:
    platform, said = cut_off
    password = printed_password(said)
    assert password and sign_in(platform, password) == 303
    assert {one["state"] for one in json.loads(platform.atrium("status", "--json"))} == {"up"}
    assert "nothing was changed" in platform.atrium("up", "--no-examples")


def test_a_killed_supervisor_leaves_nothing_that_hinders_the_next_start(cut_off: tuple[Platform, str]) -> None:
    platform, _ = cut_off
    before = component_pids(platform)
    os.kill(supervisor_pid(platform), signal.SIGKILL)
    until(lambda: not psutil.pid_exists(supervisor_pid(platform)), "the supervisor's end")
    status = subprocess.run([str(ATRIUM), "status"], env=platform.environment, capture_output=True, text=True)
    assert status.returncode == 1 and "down" in status.stdout
    assert "processes that a killed supervisor left behind" in platform.atrium("up", "--no-examples")
    assert not set(before.values()) & set(component_pids(platform).values())
    assert not [pid for pid in before.values() if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]


def test_two_homes_and_two_ports_are_two_instances_also_with_spaces_and_long_paths(
    cut_off: tuple[Platform, str], tmp_path: Path
) -> None:
    one, said = cut_off
    first = str(printed_password(said))
    other = instance(tmp_path / "a home with spaces and ümlauts" / ("long" * 40) / "home")
    try:
        _started_while_a_second_start_is_told_to_wait(other)
        assert (sign_in(one, first), sign_in(one, PASSWORD)) == (303, 401)
        assert (sign_in(other, PASSWORD), sign_in(other, first)) == (303, 401)
        assert not set(component_pids(one).values()) & set(component_pids(other).values())
        other.atrium("down")
        assert {found["state"] for found in json.loads(one.atrium("status", "--json"))} == {"up"}
        del other.environment["ATRIUM_ADMIN_PASSWORD"]
        other.atrium("up", "--no-examples")
        assert sign_in(other, PASSWORD) == 303
    finally:
        down(other)


def _started_while_a_second_start_is_told_to_wait(platform: Platform) -> None:
    words = [str(ATRIUM), "up", "--no-examples"]
    first = subprocess.Popen(words, env=platform.environment, stdout=subprocess.PIPE, text=True)
    until((platform.home / "supervisord.conf").exists, "the first start")
    second = subprocess.run(words, env=platform.environment, capture_output=True, text=True)
    assert second.returncode == 1 and "one atrium up or down at a time" in second.stderr
    assert "Address" in first.communicate()[0]
