"""Engines of pipelines keep the contract: the embedded one always, a real Argo where a cluster is at hand."""

import os
from collections.abc import Iterator

import pytest
from contracts.pipelines import PipelinesContract
from small_platform import CHECKOUT, Small, forget_settings, free_port, make_people

import tenancy
from atrium.identity import platform_actor
from workflows.backends import ArgoBackend, Pipelines

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipelines]:
    """The embedded workflow server in a home of its own, asked by a user of the project flights."""
    patch, folder, port = pytest.MonkeyPatch(), tmp_path_factory.mktemp("w"), free_port()
    patch.setenv("ATRIUM_HOME", str(folder))
    patch.setenv("ATRIUM_PORT", str(port))
    forget_settings()
    small = Small(folder, port, os.environ | {"PYTHONPATH": str(CHECKOUT)})
    make_people(small)
    small.start("workflows.engine")
    yield ArgoBackend(tenancy.actor_of_token(small.token), "flights")
    small.stop()
    patch.undo()
    forget_settings()


class TestEmbedded(PipelinesContract):
    """The embedded workflow server, over its socket."""

    @pytest.fixture
    def engine(self, embedded: Pipelines) -> Pipelines:
        return embedded


@pytest.mark.skipif(
    not (os.environ.get("KUBECONFIG") and os.environ.get("ATRIUM_ARGO_URL")),
    reason="a real Argo is tried where KUBECONFIG and ATRIUM_ARGO_URL name one",
)
class TestRealArgo(PipelinesContract):
    """An Argo Server of a cluster, at the address that the settings give."""

    seconds_to_finish = 300
    keeps_artifacts = False
    stop_says = ("Failed", "Error")

    @pytest.fixture
    def engine(self) -> Pipelines:
        return ArgoBackend(platform_actor("contract"), os.environ.get("ATRIUM_TEST_NAMESPACE", "argo"))
