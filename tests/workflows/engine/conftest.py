"""One workflow server for the whole session, and one for tests that kill theirs."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # servers.py stands beside the tests

from s3_server import S3Server
from servers import CHECKOUT, EngineServer, argo_cli
from small_platform import forget_settings
from web_server import WebServer

pytest.register_assert_rewrite("conformance_contract")  # its failures tell what differs


@pytest.fixture(scope="session")
def engine_server(tmp_path_factory):
    server = EngineServer(tmp_path_factory.mktemp("engine-home"))
    yield server
    server.stop()


@pytest.fixture
def mortal_server(tmp_path):
    server = EngineServer(tmp_path)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    """An S3 server with the bucket `models`."""
    server = S3Server(tmp_path_factory.mktemp("s3"))
    (server.folder / "models").mkdir()
    yield server
    server.close()


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """A home with its tables, for tests that take workflows in without a server."""
    from app.migrate import upgrade

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATRIUM_HOME", str(tmp_path_factory.mktemp("home")))
        forget_settings()
        upgrade()
        yield
    forget_settings()


@pytest.fixture(scope="session")
def conformance():
    folder = Path(os.environ.get("ATRIUM_TEST_ASSETS") or CHECKOUT.parent / "shared") / "conformance"
    if not folder.exists():
        pytest.skip("../shared/conformance is not on this machine")
    return folder


@pytest.fixture(scope="session")
def cli():
    found = argo_cli()
    if not found:
        pytest.skip("no argo CLI: ../shared/cluster/testcluster build argo")
    return found


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    server = WebServer(tmp_path_factory.mktemp("web"))
    yield server
    server.close()
