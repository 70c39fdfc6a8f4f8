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
from instances import component_pids, down, instance, printed_password, running, sign_in, supervisor_pid, until
from support import ATRIUM, Platform

pytestmark = [pytest.mark.platform, pytest.mark.timeout(600)]


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Platform]:
    made = instance(tmp_path / "home", ATRIUM_ADMIN_PASSWORD="")
    yield made
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


def test_a_start_killed_at_several_moments_ends_well_the_next_time(fresh: Platform) -> None:
    said = "".join(_kill_up_after(fresh, seconds) for seconds in (0.6, 1.2, 1.8, 2.6, 4.0, 7.0))
    said += fresh.atrium("up", "--no-examples")
    password = printed_password(said)
    assert password and sign_in(fresh, password) == 303
    assert {one["state"] for one in json.loads(fresh.atrium("status", "--json"))} == {"up"}
    assert "nothing was changed" in fresh.atrium("up", "--no-examples")


def test_a_second_start_at_the_same_time_is_told_to_wait(fresh: Platform) -> None:
    first = subprocess.Popen(
        [str(ATRIUM), "up", "--no-examples"], env=fresh.environment, stdout=subprocess.PIPE, text=True
    )
    until((fresh.home / "supervisord.conf").exists, "the first start")
    second = subprocess.run([str(ATRIUM), "up", "--no-examples"], env=fresh.environment, capture_output=True, text=True)
    assert second.returncode == 1 and "one atrium up or down at a time" in second.stderr
    assert "Address" in first.communicate()[0]


def test_a_killed_supervisor_leaves_nothing_that_hinders_the_next_start(fresh: Platform) -> None:
    fresh.atrium("up", "--no-examples")
    before = component_pids(fresh)
    os.kill(supervisor_pid(fresh), signal.SIGKILL)
    until(lambda: not psutil.pid_exists(supervisor_pid(fresh)), "the supervisor's end")
    status = subprocess.run([str(ATRIUM), "status"], env=fresh.environment, capture_output=True, text=True)
    assert status.returncode == 1 and "down" in status.stdout
    assert "processes that a killed supervisor left behind" in fresh.atrium("up", "--no-examples")
    assert not set(before.values()) & set(component_pids(fresh).values())
    assert not [pid for pid in before.values() if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]


def test_two_homes_and_two_ports_are_two_instances_also_with_spaces_and_long_paths(tmp_path: Path) -> None:
    long = tmp_path / "a home with spaces and ümlauts" / ("long" * 40) / "home"
    with running(tmp_path / "one", ATRIUM_ADMIN_PASSWORD="the first password") as one:
        with running(long, ATRIUM_ADMIN_PASSWORD="the second password") as other:
            assert (sign_in(one, "the first password"), sign_in(one, "the second password")) == (303, 401)
            assert (sign_in(other, "the second password"), sign_in(other, "the first password")) == (303, 401)
            assert not set(component_pids(one).values()) & set(component_pids(other).values())
        assert {found["state"] for found in json.loads(one.atrium("status", "--json"))} == {"up"}
    with running(long, ATRIUM_ADMIN_PASSWORD="") as again:
        assert sign_in(again, "the second password") == 303
