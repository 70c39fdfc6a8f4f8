"""The state machine alone, with a simulated clock: random dags, random crashes."""

import json
import random
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.engine.machine import advance, finish_pod
from workflows.engine.state import Workflow, compact_json

START = datetime(2026, 1, 1, tzinfo=UTC)
POD = {"name": "work", "container": {"image": "busybox", "command": ["true"]}}


def workflow(spec: dict) -> Workflow:
    metadata = {"name": "wf", "namespace": "flights", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"}
    return Workflow({"metadata": metadata, "spec": {"entrypoint": "main", **spec}, "status": {}})


def crashed(wf: Workflow) -> Workflow:
    """The workflow as it is after the server was killed: only what was written is left."""
    copy = json.loads(json.dumps([wf.document, wf.nodes, wf.work]))
    return Workflow(*copy)


def test_documents_with_what_the_quick_writer_does_not_know_are_kept_too():
    for value in ({"n": 2**70}, {"text": "\ud800"}, {"ü": [1.5, None, True]}, {3: "three"}):
        assert json.loads(compact_json(value)) == json.loads(json.dumps(value))


@st.composite
def dags(draw):
    count = draw(st.integers(1, 9))
    tasks = []
    for number in range(count):
        needs = draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set()
        tasks.append({"name": f"t{number}", "template": "work", "dependencies": [f"t{need}" for need in sorted(needs)]})
    return tasks


def simulate(wf: Workflow, outcome, seed: int, crashes: bool) -> tuple[Workflow, dict[str, int], list[str]]:
    """Runs to the end in a random order; how often each pod was asked for, and the order in which they ended."""
    dice, moment, waiting, asked, order = random.Random(seed), START, [], {}, []
    for _ in range(2000):
        effects = advance(wf, moment)
        for identifier in effects.start:
            name = wf.nodes[identifier]["displayName"]
            asked[name] = asked.get(name, 0) + 1
            waiting.append(identifier)
        if wf.done:
            return wf, asked, order
        if crashes and dice.random() < 0.3:
            wf = crashed(wf)
        moment += timedelta(seconds=1)
        if waiting:
            identifier = waiting.pop(dice.randrange(len(waiting)))
            name = wf.nodes[identifier]["displayName"]
            order.append(name)
            phase, message = outcome(name)
            finish_pod(wf, identifier, phase, message, {"exitCode": "0" if phase == "Succeeded" else "1"}, moment)
        elif effects.wake_at:
            moment = max(moment, min(effects.wake_at))
    raise AssertionError("the workflow never ended")


@given(dags(), st.integers(0, 10_000), st.booleans())
@settings(max_examples=150, deadline=None)
def test_every_task_runs_once_after_all_that_it_needs_whatever_crashes(tasks, seed, crashes):
    wf = workflow({"templates": [{"name": "main", "dag": {"tasks": tasks}}, POD]})
    wf, asked, order = simulate(wf, lambda _name: ("Succeeded", ""), seed, crashes)
    assert wf.phase == "Succeeded"
    assert asked == {task["name"]: 1 for task in tasks}
    for task in tasks:
        assert all(order.index(need) < order.index(task["name"]) for need in task["dependencies"])


@given(dags(), st.sets(st.integers(0, 8)), st.integers(0, 10_000))
@settings(max_examples=150, deadline=None)
def test_a_failed_task_holds_back_what_needs_it_and_nothing_else(tasks, bad, seed):
    wf = workflow({"templates": [{"name": "main", "dag": {"tasks": tasks}}, POD]})
    fails = {f"t{number}" for number in bad}
    wf, asked, _ = simulate(wf, lambda name: ("Failed", "no") if name in fails else ("Succeeded", ""), seed, True)
    held: set[str] = set()
    for task in tasks:
        if any(need in held or need in fails for need in task["dependencies"]):
            held.add(task["name"])
    assert set(asked) == {task["name"] for task in tasks} - held
    assert wf.phase == ("Failed" if fails & set(asked) else "Succeeded")
    phases = {node["displayName"]: node["phase"] for node in wf.nodes.values()}
    assert all(phases[name] == "Omitted" for name in held)


@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_a_retry_goes_on_until_success_or_its_limit(failures, limit, seed):
    pod = {**POD, "retryStrategy": {"limit": str(limit)}}
    tries: list[str] = []

    def outcome(name: str) -> tuple[str, str]:
        tries.append(name)
        return ("Failed", "no") if len(tries) <= failures else ("Succeeded", "")

    wf = workflow({"templates": [{"name": "main", "steps": [[{"name": "a", "template": "work"}]]}, pod]})
    wf, _, _ = simulate(wf, outcome, seed, True)
    assert wf.phase == ("Succeeded" if failures <= limit else "Failed")
    assert tries == [f"a({number})" for number in range(min(failures, limit) + 1)]


@given(st.integers(1, 5), st.integers(1, 12), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_no_more_pods_than_the_workflow_allows_run_at_once(limit, items, seed):
    step = {"name": "a", "template": "work", "withItems": list(range(items))}
    wf = workflow({"parallelism": limit, "templates": [{"name": "main", "steps": [[step]]}, POD]})
    dice, moment, most = random.Random(seed), START, 0
    while not wf.done:
        advance(wf, moment)
        active = list(wf.pods("Pending", "Running"))
        most = max(most, len(active))
        if active:
            finish_pod(wf, dice.choice(active)["id"], "Succeeded", "", {}, moment)
    assert most == min(limit, items)


def test_a_wait_ends_by_the_clock_and_the_exit_handler_sees_the_status():
    echo = {"name": "bye", "container": {"image": "busybox", "command": ["echo", "{{workflow.status}}"]}}
    wf = workflow({"onExit": "bye", "templates": [{"name": "main", "suspend": {"duration": "1h"}}, echo]})
    effects = advance(wf, START)
    assert effects.wake_at == [START + timedelta(hours=1)]
    assert advance(wf, START + timedelta(minutes=59)).start == []
    (bye,) = advance(wf, START + timedelta(hours=1)).start
    assert wf.work[bye]["container"]["command"] == ["echo", "Succeeded"]


def test_a_workflow_has_no_status_in_its_first_move_and_runs_in_later_ones():
    def step(name, status):
        return [{"name": name, "template": "work", "when": f"'{{{{workflow.status}}}}' == '{status}'"}]

    steps = [step("first", ""), step("later", "Running"), step("never", "")]
    wf = workflow({"templates": [{"name": "main", "steps": steps}, POD]})
    _, asked, _ = simulate(wf, lambda _name: ("Succeeded", ""), 1, False)
    assert asked == {"first": 1, "later": 1}


def test_a_lock_passes_over_who_waits_in_a_template_that_failed_fast():
    locked = {**POD, "name": "locked", "synchronization": {"mutex": {"name": "one"}}}
    tasks = [{"name": name, "template": "locked"} for name in ("a", "b", "c")]
    fast = {"name": "fast", "failFast": True, "dag": {"tasks": tasks, "failFast": False}}
    both = [{"name": name, "template": "fast"} for name in ("x", "y")]
    main = {"name": "main", "dag": {"tasks": both, "failFast": False}}
    wf = workflow({"templates": [main, fast, locked, POD]})
    wf, asked, _ = simulate(wf, lambda _name: ("Failed", "no"), 1, False)
    assert wf.status["phase"] == "Failed"
    assert sum(asked.values()) == 2, "one of each template, whose others never had the lock"
