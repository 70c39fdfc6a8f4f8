"""What is kept of a cluster's workflows: the newest, whichever of the watch and an answer comes first."""

from pathlib import Path

import pytest

from atrium.clock import now
from atrium.database import writing
from workflows.clusters.models import ClusterRow, Seen
from workflows.clusters.seen import keep, seen_workflow


def found(version: int, phase: str, uid: str = "1") -> dict[str, object]:
    metadata = {
        "name": "w",
        "namespace": "ns",
        "uid": uid,
        "resourceVersion": str(version),
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    return {"metadata": metadata, "spec": {}, "status": {"phase": phase}}


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
    cluster = ClusterRow(
        name="lab", server="https://lab", authority="", argo_url="https://argo", argo_checked=True, sealed=b"",
        projects={"flights": "ns"}, added_by="tests", added_at=now(),
    )  # fmt: skip
    with writing() as session:
        session.add(cluster)
    for one in (first, then):
        with writing() as session:
            keep(session, cluster, Seen.WORKFLOW, one)
    workflow = seen_workflow("lab", "ns", "w")
    assert workflow and workflow["status"]["phase"] == kept
