"""The model server of this machine keeps the contract."""

from collections.abc import Iterator

import pytest
from contracts.model_servers import NAME, ModelServerContract
from small_platform import Small

from serving.backends import ModelServer, TritonLocal

pytestmark = pytest.mark.timeout(600)


class TestTritonLocal(ModelServerContract):
    """The Triton that the supervisor runs."""

    @pytest.fixture
    def server(self, triton: Small) -> Iterator[ModelServer]:
        found = TritonLocal()
        yield found
        found.remove(NAME)
