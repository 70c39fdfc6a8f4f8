"""What belongs to another project stays closed on every interface, in words, and so does what belongs to another person."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator

import httpx
import pytest
from support import FLIGHT, Platform, tensors

pytestmark = pytest.mark.platform
API = "/api/v1/projects/flights"
MLFLOW = "/mlflow/api/2.0/mlflow"
WORKSPACE = {"X-MLFLOW-WORKSPACE": "flights"}
EVE = """
import tenancy
from atrium.identity import Actor, Kind, Role, platform_actor
setup = platform_actor("test")
tenancy.create_user(setup, "eve", "correct horse battery")
tenancy.add_member(setup, "digits", "eve", Role.ENGINEER)
print(tenancy.create_token(Actor("eve", Kind.SESSION, {"digits": Role.ENGINEER}), "hers", ["digits"])[1])
"""
INFER = "/v2/models/flights--flight-delay/infer"


@pytest.fixture(scope="module")
def stranger(platform: Platform) -> Iterator[httpx.Client]:
    """Somebody with a token for the project digits alone."""
    headers = {"Authorization": f"Bearer {platform.token('digits')}"}
    with httpx.Client(base_url=platform.url, headers=headers, timeout=60) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "headers", "body"),
    [("GET", f"{API}/services", {}, None), ("PUT", f"{API}/services/flight-delay", {}, {"model": "flight-delay", "version": "1"}),
     ("DELETE", f"{API}/services/flight-delay", {}, None), ("DELETE", f"{API}/demos/flight-delay", {}, None),
     ("GET", f"{API}/audit", {}, None), ("PUT", f"{API}/members/admin", {}, {"role": "viewer"}),
     ("GET", "/argo/api/v1/workflows/flights", {}, None), ("GET", "/argo/api/v1/workflow-templates/flights", {}, None),
     ("POST", "/argo/api/v1/workflows/flights", {}, {"workflow": {"metadata": {"generateName": "x-"}, "spec": {}}}),
     ("GET", f"{MLFLOW}/experiments/search?max_results=1", WORKSPACE, None), ("POST", f"{MLFLOW}/registered-models/create", WORKSPACE, {"name": "mine"}),
     ("GET", f"{MLFLOW}/registered-models/get?name=flight-delay", WORKSPACE, None),
     ("POST", "/feast/flights/get-online-features", {}, {"feature_service": "flight-delay", "entities": {"origin": ["EWR"], "carrier": ["UA"]}}),
     ("POST", "/feast/flights/push", {}, {}), ("POST", INFER, {}, {"inputs": []}), ("GET", "/v2/models/flights--flight-delay/config", {}, None)],
)  # fmt: skip
def test_another_projects_object_is_refused_in_words(
    stranger: httpx.Client, method: str, path: str, headers: dict[str, str], body: object
) -> None:
    answer = stranger.request(method, path, headers=headers, json=body)
    assert answer.status_code == 403, answer.text
    assert "flights" in answer.text or "project" in answer.text


def test_a_name_says_nothing_of_whether_it_exists_elsewhere(stranger: httpx.Client) -> None:
    known, unknown = (stranger.get(f"/api/v1/projects/{name}/services") for name in ("flights", "nothing-here"))
    assert known.status_code == unknown.status_code == 403
    assert known.text.replace("flights", "X") == unknown.text.replace("nothing-here", "X")


def test_a_strangers_model_is_refused_over_grpc(stranger: httpx.Client, platform: Platform) -> None:
    import tritonclient.grpc as triton

    with triton.InferenceServerClient(platform.url.removeprefix("http://")) as client:
        headers = {"authorization": stranger.headers["authorization"]}
        for ask in (client.is_model_ready, client.get_model_metadata, client.get_model_config):
            with pytest.raises(triton.InferenceServerException, match="PERMISSION_DENIED"):
                ask("flights--flight-delay", headers=headers)


def test_anothers_token_can_be_neither_seen_nor_ended(platform: Platform, stranger: httpx.Client) -> None:
    made = subprocess.run(
        [sys.executable, "-c", EVE], env=platform.environment, capture_output=True, text=True, check=True
    )
    text = made.stdout.strip()
    with httpx.Client(base_url=platform.url, headers={"Authorization": f"Bearer {text}"}, timeout=60) as eve:
        owned, all_others = _token_ids(eve), _token_ids(stranger)
        assert len(owned) == 1 and not owned & all_others and all_others
        refused = eve.delete(f"/api/v1/tokens/{sorted(all_others)[0]}")
        assert refused.status_code == 404 and "one of yours" in refused.json()["allowed"]
        for change in _changes_of_the_platform():
            assert change(eve).status_code == 403


def _token_ids(client: httpx.Client) -> set[str]:
    return {one["id"] for one in client.get("/api/v1/tokens").json()["items"]}


def _changes_of_the_platform() -> list[Callable[[httpx.Client], httpx.Response]]:
    return [
        lambda client: client.post("/api/v1/projects", json={"name": "hers"}),
        lambda client: client.put("/api/v1/projects/digits/members/eve", json={"role": "admin"}),
        lambda client: client.get("/metrics"),
        lambda client: client.get("/api/v1/projects/digits/audit"),
    ]


@pytest.mark.parametrize(
    ("changed", "told"),
    [({"datatype": "BYTES", "data": ["far"]}, "distance"), ({"data": ["far"]}, "Unable to parse 'data'"),
     ({"shape": [2, 1]}, "Shape does not match"), ({"name": "distances"}, "distance"), ({"data": [99999]}, "'distance' is 99999")],
)  # fmt: skip
def test_a_row_of_the_wrong_shape_or_type_is_refused_with_the_input(
    platform: Platform, changed: dict[str, object], told: str
) -> None:
    inputs = [one | changed if one["name"] == "distance" else one for one in tensors(FLIGHT)]
    headers = {"Authorization": f"Bearer {platform.token('flights')}"}
    answer = httpx.post(platform.url + INFER, content=json.dumps({"inputs": inputs}), headers=headers, timeout=60)
    assert answer.status_code == 400  # also where Triton itself says 500: the door knows that the request is at fault
    assert told in answer.json()["error"]
