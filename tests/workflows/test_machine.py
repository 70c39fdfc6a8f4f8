"""The state machine under a simulated clock: whatever crashes in between, the same tree comes out."""

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.engine.machine import advance, finish_pod
from workflows.engine.state import Json, Workflow

START = datetime(2024, 1, 1, tzinfo=UTC)


def workflow(edges: dict[int, list[int]], parallelism: int | None = None) -> Workflow:
    tasks = [
        {
            "name": f"t{n}",
            "template": "step",
            **({"depends": " && ".join(f"t{one}" for one in before)} if before else {}),
        }
        for n, before in edges.items()
    ]
    templates = [
        {"name": "main", "dag": {"tasks": tasks}},
        {"name": "step", "container": {"image": "busybox", "command": ["true"]}},
    ]
    spec: Json = {"entrypoint": "main", "templates": templates} | ({"parallelism": parallelism} if parallelism else {})
    metadata = {"name": "wf", "namespace": "flights", "uid": "u", "creationTimestamp": "2024-01-01T00:00:00Z"}
    return Workflow({"metadata": metadata, "spec": spec, "status": {}})


def copied(one: Workflow) -> Workflow:
    return Workflow(*(json.loads(json.dumps(part)) for part in (one.document, one.nodes, one.work)))


DAGS = st.integers(1, 8).flatmap(
    lambda size: st.fixed_dictionaries(
        {n: st.lists(st.integers(0, n - 1), unique=True, max_size=3) if n else st.just([]) for n in range(size)}
    )
)


def run(made: Workflow, failing: set[int], crash_every: int) -> tuple[Workflow, int]:
    """Runs to the end; every few moves the server is as if it had crashed and read its state again. Gives the most at once."""
    moment, most = START, 0
    for move in range(500):
        if crash_every and move % crash_every == 0:
            made = copied(made)
        advance(made, moment)
        if made.done:
            return made, most
        active = sorted(made.pods("Pending", "Running"), key=lambda node: node["name"])
        most = max(most, len(active))
        assert active, "nothing runs and nothing has ended"
        node = active[0]
        bad = int(node["name"].rsplit("t", 1)[1]) in failing
        moment += timedelta(seconds=1)
        finish_pod(
            made,
            node["id"],
            "Failed" if bad else "Succeeded",
            "Error (exit code 1)" if bad else "",
            {"exitCode": str(int(bad))},
            moment,
        )
    raise AssertionError("it does not end")


def tree(made: Workflow) -> dict[str, tuple[str, str]]:
    return {node["name"]: (node["type"], node["phase"]) for node in made.nodes.values()} | {"": (made.phase, "")}


@settings(max_examples=60, deadline=None)
@given(edges=DAGS, failing=st.sets(st.integers(0, 7), max_size=2), crash_every=st.integers(1, 4))
def test_a_crash_anywhere_gives_the_same_final_tree(
    edges: dict[int, list[int]], failing: set[int], crash_every: int
) -> None:
    calm, _ = run(workflow(edges), failing, 0)
    stormy, _ = run(workflow(edges), failing, crash_every)
    assert tree(calm) == tree(stormy)
    assert calm.phase == (
        "Failed"
        if any(n in failing for n in edges if f"wf.t{n}" in tree(calm) and tree(calm)[f"wf.t{n}"][1] == "Failed")
        else "Succeeded"
    )


@settings(max_examples=40, deadline=None)
@given(edges=DAGS, limit=st.integers(1, 3))
def test_never_more_run_than_parallelism_allows(edges: dict[int, list[int]], limit: int) -> None:
    made, most = run(workflow(edges, limit), set(), 0)
    assert most <= limit
    assert made.phase == "Succeeded"
    assert len(made.nodes) == len(edges) + 1
