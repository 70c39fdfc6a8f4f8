"""Who may connect clusters; what is said of one that does not answer; its credential is kept sealed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from kubeconfigs import config
from small_platform import free_port
from sqlalchemy import select

import tenancy
import workflows
from atrium.clock import now
from atrium.database import reading, writing
from atrium.errors import AtriumError, Forbidden
from atrium.identity import Actor, Kind, Role, platform_actor
from workflows.clusters.connect import _sealed, access_of
from workflows.clusters.models import Access, ClusterNotFound, ClusterNotOfProject, ClusterRow, ClusterUnavailable

ROOT = platform_actor("tests")
EVE = Actor("eve", Kind.SESSION, {"flights": Role.ADMIN})
PIPELINE = "kind: Workflow\nspec: {entrypoint: a, templates: [{name: a, container: {image: busybox, command: [x]}}]}\n"


@pytest.fixture
def silent(own_home: Path) -> str:
    """A connected cluster at an address where nobody listens, of the project flights."""
    tenancy.create_user(ROOT, "tests", "a-long-password-1", administrator=True)
    tenancy.create_project(ROOT, "flights")
    row = ClusterRow(
        name="gone", server=f"https://127.0.0.1:{free_port()}", authority="", argo_url=f"http://127.0.0.1:{free_port()}", argo_checked=True,
        sealed=_sealed("gone", Access("", "", "hush")), projects={"flights": "ns"}, added_by="tests", added_at=now(),
    )  # fmt: skip
    with writing() as session:
        session.add(row)
    return "gone"


@pytest.mark.parametrize("ask", [
    lambda: workflows.list_clusters(EVE), lambda: workflows.add_cluster(EVE, "lab", "", "", {}), lambda: workflows.check_cluster(EVE, "gone"),
    lambda: workflows.remove_cluster(EVE, "gone"), lambda: workflows.renew_cluster(EVE, "gone", ""),
    lambda: workflows.allow_project(EVE, "gone", "flights"), lambda: workflows.clusters_of(EVE, "other")])  # fmt: skip
def test_a_projects_admin_manages_no_clusters(ask: Callable[[], object], silent: str) -> None:
    with pytest.raises(Forbidden):
        ask()


def test_the_credential_is_sealed_and_bound_to_its_cluster(silent: str) -> None:
    with reading() as session:
        row = session.scalars(select(ClusterRow)).one()
    assert access_of(row).token == "hush"
    assert b"hush" not in row.sealed


def test_a_cluster_that_does_not_answer_is_not_connected(silent: str) -> None:
    address = f"https://127.0.0.1:{free_port()}"
    with pytest.raises(ClusterUnavailable, match="did not answer"):
        workflows.add_cluster(ROOT, "lab", config({"server": address}), "https://argo:2746", {"flights": "flights"})
    assert [one.name for one in workflows.list_clusters(ROOT)] == [silent]


def test_a_check_tells_what_does_not_answer(silent: str) -> None:
    found = {one.name.split()[0]: one for one in workflows.check_cluster(ROOT, silent)}
    assert not found["API"].good
    assert not found["Argo"].good
    assert "did not answer" in found["API"].found


def test_a_run_goes_only_where_the_project_has_a_namespace(silent: str) -> None:
    tenancy.create_project(ROOT, "digits")
    assert workflows.clusters_of(ROOT, "flights") == [silent]
    assert workflows.clusters_of(ROOT, "digits") == []
    for project, cluster, kind in (("digits", silent, ClusterNotOfProject), ("flights", "nowhere", ClusterNotFound)):
        with pytest.raises(kind):
            workflows.save_pipeline(ROOT, project, "hello", PIPELINE, cluster)
    with pytest.raises(ClusterUnavailable):
        workflows.save_pipeline(ROOT, "flights", "hello", PIPELINE, silent)


def test_a_namespace_is_one_projects(silent: str) -> None:
    tenancy.create_project(ROOT, "digits")
    with pytest.raises(AtriumError, match="flights"):
        workflows.allow_project(ROOT, silent, "digits", "ns")
    assert workflows.allow_project(ROOT, silent, "digits").projects == {"flights": "ns", "digits": "digits"}


def test_a_cluster_that_was_removed_leaves_nothing(silent: str) -> None:
    workflows.remove_cluster(ROOT, silent)
    assert workflows.list_clusters(ROOT) == []
    with pytest.raises(ClusterNotFound):
        workflows.remove_cluster(ROOT, silent)
