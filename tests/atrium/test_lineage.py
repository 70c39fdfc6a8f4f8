"""Lineage: edges are written once, followed both ways by one statement, and told as OpenLineage events."""

import itertools
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_platform import forget_settings
from sqlalchemy import event

from atrium.database import engine, writing
from atrium.lineage import LineageRefused, Node, NodeKind, connect, forget_node, forward, trace

ON_BOTH_DATABASES = True
K = NodeKind
CHAIN = [Node(K.SOURCE, "s"), Node(K.DATASET, "d", "3"), Node(K.FEATURE_VIEW, "f"), Node(K.DATASET, "t", "1"), Node(K.RUN, "r"),
         Node(K.MODEL_VERSION, "m", "7"), Node(K.SERVICE, "m"), Node(K.DEMO, "m")]  # fmt: skip


def link(*pairs: tuple[Node, Node], project: str = "flights") -> None:
    with writing() as session:
        for source, target in pairs:
            connect(session, project, [source], target, "test")


def test_the_whole_chain_is_followed_both_ways_by_one_statement(own_home: Path) -> None:
    link(*itertools.pairwise(CHAIN))
    sent: list[str] = []
    event.listen(engine(), "before_cursor_execute", lambda *given: sent.append(given[2]))
    up, down = trace("flights", CHAIN[-1]), trace("flights", CHAIN[0], upstream=False)
    assert len([one for one in sent if "SELECT" in one]) == 2
    assert {edge.source for edge in up} == set(CHAIN[:-1])
    assert {edge.target for edge in down} == set(CHAIN[1:])


def test_another_version_and_another_project_are_not_followed(own_home: Path) -> None:
    link(*itertools.pairwise(CHAIN))
    link((Node(K.SOURCE, "other"), Node(K.DATASET, "d", "4")))
    link((Node(K.SOURCE, "theirs"), CHAIN[1]), project="digits")
    assert {edge.source.name for edge in trace("flights", Node(K.DATASET, "d", "3"))} == {"s"}
    assert {edge.source.name for edge in trace("flights", Node(K.DATASET, "d"))} == {"s", "other"}


def test_through_a_feature_view_passes_only_what_it_held_at_that_time(own_home: Path) -> None:
    view, runs = Node(K.FEATURE_VIEW, "weather"), [Node(K.RUN, f"run-{n}") for n in range(3)]
    for n, run in enumerate(runs):
        link((Node(K.DATASET, "hourly", str(n)), view), (view, Node(K.DATASET, "training-set", str(n))))
        link((Node(K.DATASET, "training-set", str(n)), run))
    for n, run in enumerate(runs):
        made_of = {edge.source for edge in trace("flights", run)}
        assert made_of == {Node(K.DATASET, "hourly", str(n)), view, Node(K.DATASET, "training-set", str(n))}
        became = {edge.target for edge in trace("flights", Node(K.DATASET, "hourly", str(n)), upstream=False)}
        assert became == {view, Node(K.DATASET, "training-set", str(n)), run}
    assert [edge.source.version for edge in trace("flights", view)] == ["2"]
    link((Node(K.DATASET, "hourly", "0"), view))  # filled from an old version again
    assert [edge.source.version for edge in trace("flights", view)] == ["0"]


def test_a_service_comes_from_one_version_at_a_time(own_home: Path) -> None:
    service = Node(K.SERVICE, "m")
    for version in ("1", "2"):
        with writing() as session:
            connect(session, "flights", [Node(K.MODEL_VERSION, "m", version)], service, "deploy", instead=True)
    assert [edge.source.version for edge in trace("flights", service)] == ["2"]
    with writing() as session:
        forget_node(session, "flights", service)
    assert trace("flights", service) == []


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=15), start=st.integers(0, 5))
def test_edges_in_any_shape_end_the_walk(own_home: Path, pairs: list[tuple[int, int]], start: int) -> None:
    nodes = [Node(K.DATASET, str(number), "0") for number in range(6)]
    with writing() as session:
        for node in nodes:
            forget_node(session, "flights", node)
    edges = [(nodes[a], nodes[b]) for a, b in pairs if a != b]
    link(*edges, *edges)
    reached, grown = {start}, True
    while grown:
        more = {b for a, b in pairs if a in reached and a != b}
        grown = not more <= reached
        reached |= more
    found = trace("flights", nodes[start], upstream=False)
    assert len(found) == len(set((edge.source, edge.target) for edge in found))
    assert {edge.source for edge in found} | {nodes[start]} <= {nodes[number] for number in reached}
    assert {edge.target for edge in found} == {nodes[b] for a, b in pairs if a in reached and a != b}


@pytest.fixture
def endpoint(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[list[dict], list[int]]]:  # type: ignore[type-arg]
    """A small server that takes OpenLineage events, and the statuses that it answers with."""
    taken: list[dict] = []  # type: ignore[type-arg]
    answers = [200]

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if answers[0] == 200:
                taken.append(body)
            self.send_response(answers[0])
            self.end_headers()

        def log_message(self, *given: object) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Taking)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("ATRIUM_OPENLINEAGE_URL", f"http://127.0.0.1:{server.server_port}/api/v1/lineage")
    forget_settings()
    yield taken, answers
    server.shutdown()
    thread.join()
    server.server_close()


def test_edges_are_told_to_an_openlineage_endpoint_once_it_takes_them(endpoint: tuple[list[dict], list[int]]) -> None:  # type: ignore[type-arg]
    taken, answers = endpoint
    link((CHAIN[0], CHAIN[1]))
    answers[0] = 503
    with pytest.raises(LineageRefused, match="answered 503"):
        forward()
    answers[0] = 200
    forward()
    forward()
    assert len(taken) == 1
    told = taken[0]
    assert told["eventType"] == "COMPLETE" and told["schemaURL"].startswith("https://openlineage.io/spec/")
    assert (told["inputs"][0]["name"], told["outputs"][0]["name"]) == ("source/s", "dataset/d")
    assert told["outputs"][0]["facets"]["version"]["datasetVersion"] == "3"
    assert {"runId", "facets"} == set(told["run"]) and told["job"]["namespace"] == "flights"
