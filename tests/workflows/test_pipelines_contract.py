"""The embedded workflow server keeps the contract of pipelines; clusters/test_real_cluster.py holds a real Argo to the same one."""

import os
from collections.abc import Iterator

import pytest
from contracts.pipelines import PipelinesContract
from small_platform import CHECKOUT, Small, forget_settings, free_port, make_people

import tenancy
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
