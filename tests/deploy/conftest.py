"""What tests on a cluster share."""

import pytest
from cluster_platform import cluster_up


@pytest.fixture(scope="session")
def put_there() -> None:
    """Atrium on the cluster that KUBECONFIG names, by the overlay that OVERLAY names; it stays."""
    cluster_up()
