"""A connected cluster, for the tests that need a real one."""

from collections.abc import Iterator

import pytest
from lab import Lab, argo_url, new_lab
from small_platform import forget_settings

import tenancy
import workflows
from app.migrate import upgrade
from atrium.identity import platform_actor
from workflows.clusters.watch import WATCHERS, watch_clusters

WHO = platform_actor("tests")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The project flights with a namespace on the cluster `lab`, watched as the worker does."""
    patch = pytest.MonkeyPatch()
    patch.setenv("ATRIUM_HOME", str(tmp_path_factory.mktemp("cluster")))
    forget_settings()
    upgrade()
    tenancy.create_user(WHO, "tests", "a-long-password-1", administrator=True)
    tenancy.create_project(WHO, "flights")
    made = new_lab()
    workflows.add_cluster(WHO, "lab", made.kubeconfig(), argo_url(), {"flights": made.namespace}, argo_checked=False)
    watch_clusters()
    yield made
    workflows.remove_cluster(WHO, "lab")
    watching = [thread for watcher in WATCHERS.values() for thread in watcher.threads]
    watch_clusters()
    made.delete()
    for thread in watching:
        thread.join(1)
    patch.undo()
    forget_settings()
