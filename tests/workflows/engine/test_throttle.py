"""How many workflows run at once: on the whole server and in each project, by priority, then age."""

import json
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servers import EngineServer, wait_until
from test_running import container

from workflows.engine.machine import Throttle, World, advance, finish_pod
from workflows.engine.machine.throttle import POSTPONED
from workflows.engine.machine.world import NoConfigMaps
from workflows.engine.state import Workflow

START = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "busybox", "command": ["true"]}}]}


def world_of(limit: int, namespace_limit: int, own: dict[str, int] | None = None) -> World:
    world = World.of(NoConfigMaps())
    world.throttle = Throttle(limit, namespace_limit)
    world.throttle.set_limits(own or {})
    return world


def made(name: str, namespace: str = "flights", second: int = 0, **spec: object) -> Workflow:
    metadata = {
        "name": name,
        "namespace": namespace,
        "uid": name,
        "creationTimestamp": f"2026-01-01T00:00:{second:02}Z",
    }
    return Workflow(json.loads(json.dumps({"metadata": metadata, "spec": {**SPEC, **spec}, "status": {"phase": ""}})))


def end(workflow: Workflow, world: World) -> set[str]:
    """Ends its one pod well; the workflows that are to be looked at for it."""
    (pod,) = workflow.pods("Pending", "Running")
    finish_pod(workflow, pod["id"], "Succeeded", "", {"exitCode": "0"}, START, world)
    return advance(workflow, START, world).wake


def test_a_workflow_over_the_limit_is_pending_with_argos_words_and_runs_when_another_ends():
    world, first, second = world_of(1, 0), made("first"), made("second", "digits")
    assert advance(first, START, world).start
    assert not advance(second, START, world).start
    assert (second.phase, second.status["message"], second.nodes) == ("Pending", POSTPONED, {})
    assert end(first, world) == {"digits/second"}
    assert advance(second, START, world).start
    assert (second.phase, "message" in second.status) == ("Running", False)


@pytest.mark.timeout(60)
def test_a_workflow_that_was_let_in_and_waits_for_a_lock_may_be_changed_meanwhile():
    """Suspended, stopped or terminated it is taken up again, as pending as it was: once this never came to an end."""
    world, mutex = world_of(0, 0), {"synchronization": {"mutexes": [{"name": "one"}]}}
    first, second = made("first", **mutex), made("second", **mutex)
    advance(first, START, world)
    advance(second, START, world)
    assert (second.phase, second.status["message"]) == (
        "Pending",
        "Waiting for flights/Mutex/one lock. Lock status: 0/1",
    )
    second.spec["shutdown"] = "Terminate"
    assert world.throttle.take_up([second]) == set()
    advance(second, START, world)
    assert second.phase == "Failed"


def test_who_waits_goes_by_priority_then_age():
    world = world_of(1, 0)
    names = {"old": (1, 0), "young": (2, 0), "urgent": (3, 5)}
    waiting = {name: made(name, second=second, priority=priority) for name, (second, priority) in names.items()}
    running, order = made("running"), []
    for one in (running, *waiting.values()):
        advance(one, START, world)
    while not running.done:
        woken = end(running, world)
        if woken:
            running = waiting[next(iter(woken)).partition("/")[2]]
            order.append(running.name)
            advance(running, START, world)
    assert order == ["urgent", "old", "young"]


def test_a_full_project_does_not_hold_up_another_and_its_own_limit_goes_before_the_setting():
    world = world_of(0, 1, {"wide": 2, "free": 0})
    many = [made(f"{namespace}{number}", namespace) for namespace in ("flights", "wide", "free") for number in range(3)]
    begun = Counter(one.namespace for one in many if advance(one, START, world).start)
    assert begun == {"flights": 1, "wide": 2, "free": 3}
    assert world.throttle.set_limits({"flights": 2}) == {"flights/flights1"}


def test_a_termination_reaches_a_workflow_that_waits_and_a_restart_keeps_the_order():
    world, running, waiting, urgent = world_of(1, 0), made("a"), made("b"), made("c", priority=9)
    for one in (running, waiting, urgent):
        advance(one, START, world)
    world = world_of(1, 0)
    world.take_up([waiting, urgent, running])
    assert not advance(waiting, START, world).start
    waiting.spec["shutdown"] = "Terminate"
    advance(waiting, START, world)
    assert waiting.phase == "Failed"
    assert end(running, world) == {"flights/c"}


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 3), st.integers(0, 2), st.dictionaries(st.sampled_from("abc"), st.integers(0, 2)),
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2)), min_size=1, max_size=12), st.data(),
)  # fmt: skip
def test_never_more_run_than_any_limit_allows_and_all_end_whatever_crashes(limit, namespace_limit, own, wanted, data):
    world = world_of(limit, namespace_limit, own)
    live = {
        f"{space}/w{number}": made(f"w{number}", space, number, priority=priority)
        for number, (space, priority) in enumerate(wanted)
    }
    kicked, moment = list(live), START
    for _ in range(10 * len(wanted)):
        while kicked:
            one = live[kicked.pop(0)]
            kicked += [name for name in advance(one, moment, world).wake if name in live]
            running = Counter(one.namespace for one in live.values() if one.phase == "Running")
            assert not limit or running.total() <= limit
            for space, count in running.items():
                most = own.get(space, namespace_limit)
                assert not most or count <= most
        live = {name: one for name, one in live.items() if not one.done}
        if not live:
            return
        if data.draw(st.booleans(), "killed"):
            live = {
                name: Workflow(*json.loads(json.dumps([one.document, one.nodes, one.work])))
                for name, one in live.items()
            }
            world = world_of(limit, namespace_limit, own)
            world.take_up(live.values())
            kicked = list(live)
            continue
        chosen = data.draw(st.sampled_from([one for one in live.values() if one.phase == "Running"]), "ends")
        moment += timedelta(seconds=1)
        (pod,) = chosen.pods("Pending", "Running")
        finish_pod(chosen, pod["id"], "Succeeded", "", {}, moment, world)
        kicked = [f"{chosen.namespace}/{chosen.name}"]


@pytest.fixture
def narrow(tmp_path, monkeypatch):
    """A server that runs one workflow a project."""
    monkeypatch.setenv("ATRIUM_NAMESPACE_PARALLELISM", "1")
    server = EngineServer(tmp_path)
    yield server
    server.stop()


def sleeper(**spec: object) -> dict:
    main = container("main", "while true; do sleep 1; done")
    return {"metadata": {"generateName": "s-"}, "spec": {"entrypoint": "main", "templates": [main], **spec}}


def phase(server: EngineServer, name: str) -> str:
    return str(server.get(name)["status"].get("phase"))


def test_a_real_server_holds_back_by_its_setting_and_lets_in_when_one_is_deleted_or_the_limit_grows(narrow):
    lock = {"synchronization": {"mutex": {"name": "m"}}}
    first, second, third = (narrow.submit(sleeper(**lock))["metadata"]["name"] for _ in range(3))
    wait_until(lambda: phase(narrow, first) == "Running", "the first runs")
    listed = wait_until(
        lambda: narrow.http.get(
            "/api/v1/workflows/flights", params={"listOptions.labelSelector": "workflows.argoproj.io/phase=Pending"}
        ).json()["items"],
        "those that wait are found by their label",
    )
    assert {one["status"]["message"] for one in listed} == {POSTPONED}
    narrow.kill()
    narrow.start()
    narrow.http.delete(f"/api/v1/workflows/flights/{first}").raise_for_status()
    wait_until(lambda: phase(narrow, second) == "Running", "the second runs once the first is gone, with its mutex")
    set_limit(narrow, 2)
    told = "Waiting for flights/Mutex/m lock. Lock status: 0/1"
    wait_until(lambda: narrow.get(third)["status"].get("message") == told, "the third may go on as far as its lock")


def set_limit(server: EngineServer, limit: int) -> None:
    """Sets the project's own limit, as the administrator does."""

    source = f"import tenancy; from atrium.identity import platform_actor; tenancy.set_parallelism(platform_actor('t'), 'flights', {limit})"
    subprocess.run([sys.executable, "-c", source], env=server.environment, check=True)
