"""MLflow with the plugin keeps the contract."""

import pytest
from contracts.tracking import TrackingContract
from small_platform import Small

from atrium.identity import Actor
from model_registry.backends import Experimenting, MlflowBackend

pytestmark = pytest.mark.timeout(600)


class TestMlflow(TrackingContract):
    """The server of this machine, over its socket."""

    @pytest.fixture
    def tracking(self, mlflow: Small, ada: Actor) -> Experimenting:
        return MlflowBackend(ada, "digits")
