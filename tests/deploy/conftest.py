"""What tests on a cluster share."""

import subprocess
from collections.abc import Iterator

import pytest
from cluster_platform import OTHER, OVERLAY, PROJECT, There, cluster_up, forwarded, made_there, until_ready
from support import ATRIUM


@pytest.fixture(scope="session")
def put_there() -> None:
    """Atrium on the cluster that KUBECONFIG names, by the overlay that OVERLAY names; it stays."""
    cluster_up()


@pytest.fixture(scope="module")
def there(put_there: None) -> Iterator[There]:
    """The platform, reached from here, with both projects ready."""
    with forwarded() as url:
        made = made_there(url)
        until_ready(made)
        for project in (PROJECT, OTHER) if OVERLAY == "full" else ():
            given = subprocess.run([ATRIUM, "cluster-data", project], capture_output=True, text=True, timeout=300)
            assert f"{project}/atrium-data" in given.stdout, given.stderr
        yield made
        made.admin.close()
