"""What is kept of a cluster's workflows: the newest, whichever of the watch and an answer comes first."""

from pathlib import Path

import pytest

from atrium.clock import now
from atrium.database import writing
from workflows.clusters.models import ClusterRow, Seen
from workflows.clusters.runs import last_lines
from workflows.clusters.seen import keep, seen_names, seen_workflow


def found(version: int, phase: str, uid: str = "1") -> dict[str, object]:
    metadata = {
        "name": "w",
        "namespace": "ns",
        "uid": uid,
        "resourceVersion": str(version),
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    return {"metadata": metadata, "spec": {}, "status": {"phase": phase}}


def connected() -> ClusterRow:
    """The cluster `lab`, whose namespace `ns` is of the project flights."""
    cluster = ClusterRow(
        name="lab", server="https://lab", authority="", argo_url="https://argo", argo_checked=True, sealed=b"",
        projects={"flights": "ns"}, added_by="tests", added_at=now(),
    )  # fmt: skip
    with writing() as session:
        session.add(cluster)
    return cluster


@pytest.mark.parametrize(
    ("first", "then", "kept"),
    [
        (found(12, "Error"), found(9, ""), "Error"),  # the watch was quicker than the answer to the submission
        (found(9, ""), found(12, "Error"), "Error"),
        (found(12, "Error"), found(9, "Running", uid="2"), "Running"),  # deleted, and made again under its name
    ],
)
def test_the_newest_state_of_a_workflow_is_kept(
    first: dict[str, object], then: dict[str, object], kept: str, own_home: Path
) -> None:
    cluster = connected()
    for one in (first, then):
        with writing() as session:
            keep(session, cluster, Seen.WORKFLOW, one)
    workflow = seen_workflow("lab", "ns", "w")
    assert workflow and workflow["status"]["phase"] == kept


def test_a_list_that_began_before_a_run_does_not_say_that_it_is_gone(own_home: Path) -> None:
    cluster, before = connected(), now()
    with writing() as session:
        keep(session, cluster, Seen.WORKFLOW, found(9, ""))
    with writing() as session:
        assert seen_names(session, "lab", Seen.WORKFLOW, "ns", before=before) == set()
        assert seen_names(session, "lab", Seen.WORKFLOW, "ns", before=now()) == {"w"}


SAID = (
    'time="2026-11-26T17:09:09.270Z" level=info msg="capturing logs" argo=true',
    'time="2026-11-26T17:09:09.276Z" level=info msg="sub-process exited" argo=true error="<nil>"',
)


@pytest.mark.parametrize(("tail", "kept"), [(0, ["a1", "a2", "b1", "a3"]), (2, ["a2", "b1", "a3"]), (1, ["b1", "a3"])])
def test_the_last_lines_are_each_pods_without_those_of_argos_executor(tail: int, kept: list[str]) -> None:
    told = [("a", SAID[0]), ("a", "a1"), ("a", "a2"), ("b", "b1"), ("a", "a3"), ("b", SAID[1]), ("a", SAID[1])]
    assert [line for _, line in last_lines(told, tail)] == kept
