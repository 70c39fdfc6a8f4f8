"""The graph of a run: what has begun, what is to come, and how much of it is drawn."""

from typing import Any

import yaml

from workflows.plan import MOST_BESIDE, MOST_COUNTED, RunGraph, graph_of, steps_done, steps_of

DIAMOND = """
entrypoint: main
onExit: tell
templates:
- name: main
  dag:
    tasks:
    - {name: load, template: nap}
    - {name: fit, template: inner, depends: load}
    - {name: test, template: nap, depends: load.Succeeded}
    - {name: each, template: nap, depends: fit && test, withItems: [1, 2, 3]}
- name: inner
  steps: [[{name: prepare, template: nap}], [{name: train, template: nap}, {name: plot, template: nap}]]
- name: nap
  container: {image: x}
- name: tell
  container: {image: x}
"""


def workflow(spec: str, phase: str = "", **nodes: dict[str, Any]) -> dict[str, Any]:
    """A workflow `run` as REST gives it; each node by its id."""
    status = {"phase": phase, "nodes": {id: {"id": id, "name": id, "children": [], **one} for id, one in nodes.items()}}
    return {"metadata": {"name": "run"}, "spec": yaml.safe_load(spec), "status": status}


def pod(name: str, phase: str, around: str = "run") -> dict[str, Any]:
    return {"type": "Pod", "displayName": name, "phase": phase, "boundaryID": around}


def named(graph: RunGraph) -> set[tuple[str, str]]:
    """The edges by the places' names."""
    names = {place.id: place.name for place in graph.places}
    return {(names[one], names[other]) for one, other in graph.edges}


WHOLE = {
    ("load", "prepare"), ("load", "test"), ("prepare", "train"), ("prepare", "plot"), ("train", "each"), ("plot", "each"),
    ("test", "each"), ("each", "onExit"),
}  # fmt: skip


def test_a_run_that_has_not_begun_is_drawn_whole() -> None:
    graph = graph_of(workflow(DIAMOND))
    assert named(graph) == WHOLE
    assert not any(place.node for place in graph.places)
    assert (graph.to_come, graph.exact) == (9, True)


def test_steps_that_began_take_their_places_in_the_plan() -> None:
    root = {"type": "DAG", "displayName": "run", "phase": "Running"}
    graph = graph_of(workflow(DIAMOND, "Running", run=root, a=pod("load", "Succeeded"), b=pod("test", "Running")))
    assert named(graph) == WHOLE
    assert {place.id for place in graph.places if place.node} == {"a", "b"}
    assert graph.to_come == 7


def test_what_a_failed_run_did_not_reach_is_told_to_be_ended() -> None:
    root = {"type": "DAG", "displayName": "run", "phase": "Failed"}
    graph = graph_of(workflow(DIAMOND, "Failed", run=root, a=pod("load", "Failed")))
    assert {place.ended for place in graph.places if not place.node} == {True}


def test_a_template_that_calls_itself_ends_the_plan() -> None:
    again = """
entrypoint: flip
templates:
- {name: flip, steps: [[{name: coin, template: nap}], [{name: again, template: flip, when: "{{steps.coin.outputs.result}} == tails"}]]}
- {name: nap, container: {image: x}}
"""
    graph = graph_of(workflow(again))
    assert named(graph) == {("coin", "again")}
    assert not graph.exact


def test_many_uses_of_one_step_are_folded_and_the_chosen_and_the_failed_are_not() -> None:
    spec = """
entrypoint: main
templates:
- {name: main, dag: {tasks: [{name: each, template: nap, withSequence: {count: "2000"}}]}}
- {name: nap, container: {image: x}}
"""
    uses = {f"n{at}": pod(f"each({at}:{at})", "Failed" if at == 900 else "Succeeded") for at in range(1500)}
    root, group = (
        {"type": "DAG", "displayName": "run", "phase": "Running"},
        pod("each", "Running") | {"type": "TaskGroup"},
    )
    graph = graph_of(workflow(spec, "Running", run=root, group=group, **uses), "n1400")
    nodes = {place.id for place in graph.places if place.node}
    assert {"n900", "n1400"} <= nodes
    assert len(nodes) < MOST_BESIDE
    assert [sum(place.phases.values()) for place in graph.places if place.phases] == [1500 - len(nodes)]
    assert [place.uses for place in graph.places if not place.node and not place.phases] == [500]
    assert graph.to_come == 500


def test_the_tries_of_a_step_follow_each_other() -> None:
    spec = "{entrypoint: main, templates: [{name: main, retryStrategy: {limit: 9}, container: {image: x}}]}"
    tries = {f"n{at}": pod(f"run({at})", "Failed", "") for at in (2, 0, 1)}
    graph = graph_of(workflow(spec, "Failed", run={"type": "Retry", "displayName": "run", "phase": "Failed"}, **tries))
    assert graph.edges == [("n0", "n1"), ("n1", "n2")]


def test_lists_and_the_runs_page_count_the_plan_alike() -> None:
    inside = {"type": "DAG", "displayName": "run", "phase": "Running", "templateName": "main"}
    run = workflow(DIAMOND, "Running", run=inside, a=pod("load", "Succeeded"))
    run["status"]["progress"] = "1/1"
    assert steps_of(run) == steps_done("1/1", graph_of(run)) == "1/9"
    run["status"]["nodes"] |= {f"b{n}": pod(f"b{n}", "Running") for n in range(MOST_COUNTED)}
    assert steps_of(run) == "1/1"
    assert steps_done("", graph_of(run)) == ""
    assert steps_done("1/2", RunGraph(to_come=3, exact=False)) == "1/5+"
