"""A real MLflow server with the plugin, in a home of these tests' own, asked over its socket as the front door asks it."""

from collections.abc import Callable, Iterator

import httpx
import pytest
from small_platform import Small, make_people, own_home_in

import tenancy
from atrium.identity import Actor, Kind, Role
from atrium.rpc import client

API = "/mlflow/api/2.0/mlflow"
Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="package")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    """The running server, and the projects flights and digits."""
    with own_home_in(tmp_path_factory.mktemp("m")) as small:
        make_people(small)
        small.start("model_registry.server")
        yield small


@pytest.fixture(scope="package")
def ada(mlflow: Small) -> Actor:
    """The administrator."""
    return tenancy.actor_of_token(mlflow.token)


@pytest.fixture(scope="package")
def eve() -> Actor:
    """An engineer of digits, who has no business in flights."""
    return Actor("eve", Kind.TOKEN, {"digits": Role.ENGINEER})


@pytest.fixture(scope="package")
def bob() -> Actor:
    """An engineer of flights."""
    return Actor("bob", Kind.TOKEN, {"flights": Role.ENGINEER})


@pytest.fixture(scope="package")
def vic() -> Actor:
    """A viewer of flights."""
    return Actor("vic", Kind.TOKEN, {"flights": Role.VIEWER})


@pytest.fixture(scope="package")
def ask(mlflow: Small) -> Ask:
    """Asks MLflow as somebody, in a workspace; `path` from the root, or below MLflow's API."""

    def asking(who: Actor, method: str, path: str, workspace: str = "", **options: object) -> httpx.Response:
        headers = {"x-mlflow-workspace": workspace} if workspace else {}
        headers |= options.pop("headers", {})  # type: ignore[arg-type]
        with client("mlflow", who, 60) as http:
            return http.request(method, path if path.startswith("/") else f"{API}/{path}", headers=headers, **options)  # type: ignore[arg-type]

    return asking
