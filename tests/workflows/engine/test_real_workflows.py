"""Workflows of ours, each about one of Argo's features, on this server, compared node for node with what real Argo v3.7.3 did.

`real/workflows.json` was written by ../shared/conformance/record.py from `real/workflows`, in a namespace that is named `flights` in it.
"""

import json
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from recordings import differences, facts, plain, put_support, submit

from workflows.plan import DRAWN_TYPES, graph_of

REAL = Path(__file__).parent / "real"
RECORDED = json.loads((REAL / "workflows.json").read_text())
KILLED = (
    "timeouts.yaml",
    "timeouts-of-dags-and-retries.yaml",
    "deadline-by-parameter.yaml",
    "deadline-of-a-workflow.yaml",
)
OTHERS = {  # what differs between two runs on real Argo, or must
    "failures-told-at-exit.yaml": ("inputs",),  # the order of workflow.failures
    **dict.fromkeys(
        KILLED, ("exitCode", "artifacts")
    ),  # whether a killed pod's outputs still came changes from run to run
}
ADDRESS = re.compile(r"\b(127|10)(\.\d+){3}\b")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
REFUSED = "invalid spec: "  # the recorder went around Argo's server, whose answer this is then


@pytest.fixture(scope="module")
def submitted(engine_server):
    """All are submitted at once; each test waits for its own."""
    assert put_support(engine_server, REAL / "workflows") == []
    return {name: submit(engine_server, REAL / "workflows", name) for name in RECORDED}


def steady(found: dict) -> dict:
    """What was found without moments, addresses and lengths of random names."""
    return json.loads(MOMENT.sub("MOMENT", ADDRESS.sub("ADDRESS", json.dumps(found))))


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_a_workflow_does_what_it_does_on_argo(engine_server, submitted, name):
    (theirs,), (answer,) = RECORDED[name], submitted[name]
    message = theirs["message"] or ""
    if message.startswith(REFUSED):
        assert answer.status_code == 400, "Argo refuses it"
        assert answer.json()["message"] == message.removeprefix(REFUSED)
        return
    assert answer.status_code == 200, answer.text
    ended = engine_server.ended(answer.json()["metadata"]["name"], seconds=120)
    ours = facts(ended)
    assert differences(steady(ours), plain(steady(theirs), "\0"), OTHERS.get(name, ())) == []
    assert_drawn_whole(ended)


def assert_drawn_whole(workflow: dict) -> None:
    """The portal's graph of it has every step and no circle, and of one that succeeded nothing is to come."""
    graph, nodes = graph_of(workflow), workflow["status"].get("nodes") or {}
    ids = {place.id for place in graph.places}
    folded = sum(sum(place.phases.values()) for place in graph.places if place.phases)
    assert folded or {id for id, one in nodes.items() if one["type"] in DRAWN_TYPES} <= ids
    TopologicalSorter({id: {one for one, other in graph.edges if other == id} for id in ids}).prepare()
    assert graph.to_come == 0 or workflow["status"]["phase"] != "Succeeded"
