"""Schedules of pipelines against a real workflow server on its socket, each step in a process of its own home."""

import os
import signal
import subprocess
import sys

import pytest
from servers import CHECKOUT, SETUP, wait_until
from support import CHECKOUT as ROOT

MANIFEST = """
kind: Workflow
spec:
  entrypoint: main
  arguments: {parameters: [{name: text, value: hello}]}
  templates: [{name: main, container: {image: busybox, command: [sh, -c, "sleep %s"]}}]
"""
PRELUDE = """
import sys
from datetime import timedelta
from unittest import mock
from atrium.clock import now
from atrium.identity import platform_actor, Actor, Kind, Role
from sqlalchemy import select
from atrium.database import reading, writing
import tenancy, workflows
from workflows import slots
from workflows.backends.argo import ArgoBackend
from workflows.models import ScheduleRow
ada = Actor("ada", Kind.SESSION, {"flights": Role.ADMIN})
back = ArgoBackend(platform_actor("test"), "flights")
def ago(pipeline, seconds):
    with writing() as session:
        session.get(ScheduleRow, ("flights", pipeline)).looked_at = now() - timedelta(seconds=seconds)
def told(pipeline):
    return [(one.state.value, one.reason) for one in workflows.list_slots(ada, "flights", pipeline).items]
def runs():
    return sorted(one["metadata"]["name"] for one in back.call("GET", "workflows/flights")["items"] or [])
"""


class Platform:
    """A home with its workflow server; `ask` runs a script in it and returns what it prints."""

    def __init__(self, home) -> None:
        self.home = home
        self.environment = {**os.environ, "ATRIUM_HOME": str(home), "PYTHONPATH": str(CHECKOUT)}
        self.ask(SETUP, "import workflows.models\n")
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-m", "workflows.engine"], env=self.environment, cwd=ROOT)
        probe = "back.call('GET', 'version'); print('up')"
        wait_until(lambda: "up" in self.ask(probe, check=False), "the workflow server answers", 60)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def ask(self, script: str, prelude: str = PRELUDE, check: bool = True) -> str:
        done = subprocess.run(
            [sys.executable, "-c", prelude + script], env=self.environment, capture_output=True, text=True
        )
        assert not check or done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    made = Platform(tmp_path_factory.mktemp("schedules"))
    yield made
    made.stop()


def save(platform, name: str, seconds: float, crontab: str = "* * * * *", **more) -> None:
    platform.ask(
        f"workflows.save_pipeline(ada, 'flights', {name!r}, {MANIFEST % seconds!r})\n"
        f"workflows.set_schedule(ada, 'flights', {name!r}, {crontab!r}, **{more!r})"
    )


def test_a_slot_runs_once_though_it_is_looked_at_by_two_and_the_note_of_it_is_lost(platform):
    save(platform, "once", 0, overlap="Allow")
    printed = platform.ask(
        "ago('once', 70)\nslots.write_slots('flights', 'once')\nslot = workflows.list_slots(ada, 'flights', 'once').items[0]\n"
        "slots.start_slot('flights', 'once', slot.moment)\n"
        "slots._note('flights', 'once', slot.moment, 'Due', '')\nslots.run_schedules()\nslots.run_schedules()\n"
        "print({one.run: one.state.value for one in workflows.list_slots(ada, 'flights', 'once').items}[slot.run], runs().count(slot.run))"
    )
    assert printed.strip() == "Started 1"


def test_of_slots_that_nobody_could_start_the_newest_is_caught_up_and_the_others_are_noted(platform):
    save(platform, "late", 0)
    printed = platform.ask("ago('late', 200)\nslots.run_schedules()\nprint(told('late'))")
    assert printed.count("Started") == 1
    assert printed.count("a later slot was due before this one could start") >= 2
    save(platform, "never-late", 0, catch_up_minutes=0, crontab="0 * * * *")
    printed = platform.ask("ago('never-late', 7200)\nslots.run_schedules()\nprint(told('never-late'))")
    assert "Missed" in printed


def test_a_slot_tells_how_its_run_ended(platform):
    manifest = (MANIFEST % 0).replace("sleep 0", "exit 3")
    save(platform, "broken", 0)
    platform.ask(
        f"workflows.save_pipeline(ada, 'flights', 'broken', {manifest!r})\nago('broken', 70)\nslots.run_schedules()"
    )
    look = (
        "from workflows.worker import summarize_runs\nsummarize_runs()\n"
        "print([(one.state.value, one.run_state, one.run_message) for one in workflows.list_slots(ada, 'flights', 'broken').items])"
    )
    ended = "('Started', 'Failed', 'main: Error (exit code 3)')"
    wait_until(lambda: ended in platform.ask(look), "the run's end", 60)


def test_an_earlier_run_that_goes_on_forbids_the_next(platform):
    save(platform, "long", 60)
    printed = platform.ask(
        "ago('long', 120)\nslots.run_schedules()\nwith mock.patch('workflows.slots.now', lambda: now() + timedelta(seconds=61)):\n"
        "    slots.run_schedules()\nprint(told('long')[0])"
    )
    assert "Skipped" in printed
    assert "goes on, and the schedule forbids two" in printed


def test_a_slot_waits_for_a_server_that_is_away_and_starts_when_it_is_back(platform):
    save(platform, "away", 0)
    platform.stop()
    printed = platform.ask("ago('away', 70)\nslots.run_schedules()\nprint(told('away')[0][0])")
    assert printed.strip() == "Due"
    platform.start()
    assert "('Started', '')" in platform.ask("slots.run_schedules()\nprint(told('away'))")  # a minute may end meanwhile


def test_a_suspended_schedule_starts_nothing_and_one_of_a_person_who_left_fails_with_the_reason(platform):
    save(platform, "asleep", 0)
    platform.ask(
        "workflows.suspend_schedule(ada, 'flights', 'asleep')\nago('asleep', 120)\nslots.run_schedules()\nassert told('asleep') == []"
    )
    save(platform, "orphan", 0)
    printed = platform.ask(
        "tenancy.set_active(platform_actor('x'), 'ada', False)\nago('orphan', 70)\nslots.run_schedules()\n"
        "tenancy.set_active(platform_actor('x'), 'ada', True)\nprint(told('orphan')[0])"
    )
    assert "Failed" in printed
    assert "may not sign in any more" in printed


def test_an_unsound_schedule_is_refused_with_what_is_allowed(platform):
    unsound = {
        "'* * *'": "expected exactly 5 fields", "'0 0 31 2 *'": "it names a time within five years",
        "'@daily', timezone='Mars/Base'": "unknown time zone Mars/Base", "'@daily', overlap='Maybe'": "Allow, Forbid, Replace",
        "'@daily', parameters={'nothing': '1'}": "the pipeline's parameters are text",
    }  # fmt: skip
    script = f"from atrium.errors import AtriumError\nworkflows.save_pipeline(ada, 'flights', 'bad-times', {MANIFEST % 0!r})\n"
    for arguments in unsound:
        script += f"try:\n    workflows.set_schedule(ada, 'flights', 'bad-times', {arguments})\nexcept AtriumError as error:\n    print(error)\n"
    printed = platform.ask(script).splitlines()
    assert [said in line for said, line in zip(unsound.values(), printed, strict=True)] == [True] * len(unsound)
