"""Who may ask which model: judged in Envoy itself, over HTTP and gRPC."""

import base64
import hmac
import json
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import httpx
import numpy as np
import pytest
import tritonclient.grpc as triton
from door_platform import Door, raw
from joserfc import jwt
from small_platform import repeated, until

import tenancy
from app.door.config import route_configuration
from app.door.rights import jobs, write_resource
from atrium.identity import Actor, Role, platform_actor
from serving.not_answered import NotAnswered, not_answered
from tenancy.signing import _signing_key

OWN = "/v2/models/flights--delay"
INFER = f"{OWN}/infer"
ROOT = platform_actor("test")


@pytest.fixture
def rewriting() -> Iterator[None]:
    """The worker's job that keeps the door's files up to date, in a thread."""
    (job,) = jobs()
    with repeated(job):
        yield


def _signed(claims: dict[str, object]) -> str:
    """A token of the platform's own key with any claims."""
    header = {"alg": "ES256", "kid": _signing_key().thumbprint()}
    return jwt.encode(header, claims, _signing_key(), algorithms=["ES256"])


def _claims(**changed: object) -> dict[str, object]:
    made = {
        "iss": "atrium",
        "aud": "api",
        "sub": "bob",
        "jti": "x",
        "exp": int(time.time()) + 60,
        "projects": ["flights"],
    }
    return {name: value for name, value in (made | changed).items() if value is not None}


def test_requests_are_counted_by_service_over_http_and_grpc_alike(door: Door) -> None:
    write_resource("routes", route_configuration(["flights--delay", "flights--counted"]))

    def counted(model: str) -> float:
        transport = httpx.HTTPTransport(uds=str(door.small.home / "run" / "door-admin.sock"))
        with httpx.Client(transport=transport) as admin:
            text = admin.get("http://door/stats?filter=vcluster.*upstream_rq_2xx&format=json").json()["stats"]
        return float(sum(one["value"] for one in text if f"vcluster.{model}.upstream_rq_2xx" in one["name"]))

    def once() -> bool:
        door.ask("/v2/models/flights--counted/infer", "POST", json={})
        return counted("flights--counted") > 0

    until(once, "the new routes")
    before, others = counted("flights--counted"), counted("flights--delay")
    for path in ("/v2/models/flights--counted/infer", "/v2/models/flights--counted/versions/1/infer"):
        assert door.ask(path, "POST", json={}).status_code == 200
    assert door.ask("/v2/models/flights--counted").status_code == 200  # asks about the model, not the model
    _grpc(door, "flights--counted", door.bob_token)
    assert counted("flights--counted") == before + 3
    assert counted("flights--delay") == others


def test_grpc_calls_that_end_in_an_error_are_counted_as_refused_or_failed_and_told_as_they_were_sent(
    door: Door,
) -> None:
    ends = {"invalid-argument": "refused", "not-found": "refused", "internal": "failed", "unavailable": "failed"}
    write_resource("routes", route_configuration([f"flights--ends-{one}" for one in ends]))
    for one, word in ends.items():

        def once(
            model: str = f"flights--ends-{one}", word: str = word, code: str = one.upper().replace("-", "_")
        ) -> bool:
            with pytest.raises(triton.InferenceServerException, match=code):
                _grpc(door, model, door.bob_token)
            found = not_answered().get(model, NotAnswered())
            return getattr(found, word) > 0 and found.refused + found.failed == getattr(found, word)

        until(once, f"{one} counted as {word}")


def test_a_request_that_the_model_server_cannot_read_is_the_requests_fault(door: Door) -> None:
    assert door.ask("/v2/models/flights--unreadable/infer", "POST", content=b"{}").status_code == 400


def test_a_token_asks_its_own_projects_model_and_the_model_never_sees_it(door: Door) -> None:
    answer = door.ask(INFER, "POST", content=b"{}")
    assert answer.status_code == 200
    assert answer.json()["upstream"] == "triton-http"
    assert not {"authorization", "cookie", "x-atrium-identity"} & answer.json()["headers"].keys()


@pytest.mark.parametrize("project", ["flights-eu", "digits", "flight", "flights-", "de-lay", "f", "flights--delay"])
def test_a_token_asks_no_project_whose_name_only_looks_like_its_own(door: Door, project: str) -> None:
    assert door.ask(f"/v2/models/{project}--delay/infer", "POST", content=b"{}").status_code == 403


def test_a_token_for_a_longer_name_does_not_open_the_shorter_one(door: Door) -> None:
    longer = _signed(_claims(projects=["flights-eu"]))
    assert door.ask("/v2/models/flights-eu--delay", token=longer).status_code == 200
    assert door.ask(OWN, token=longer).status_code == 403


@pytest.mark.parametrize(
    "changed",
    [{"exp": None}, {"exp": 1}, {"aud": "session"}, {"aud": "content_session"}, {"aud": None}, {"iss": "other"}, {"projects": None},
     {"projects": "flights"}, {"projects": []}],
)  # fmt: skip
def test_a_token_that_lacks_or_bends_a_claim_is_refused(door: Door, changed: dict[str, object]) -> None:
    assert door.ask(OWN, token=_signed(_claims(**changed))).status_code in (401, 403)


def _part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _unsigned() -> str:
    return ".".join([_part(json.dumps({"alg": "none"}).encode()), _part(json.dumps(_claims()).encode()), ""])


def _signed_with_the_public_key() -> str:
    header = {"alg": "HS256", "kid": _signing_key().thumbprint()}
    body = f"{_part(json.dumps(header).encode())}.{_part(json.dumps(_claims()).encode())}"
    return f"{body}.{_part(hmac.digest(_signing_key().as_pem(private=False), body.encode(), 'sha256'))}"


@pytest.mark.parametrize("forge", [_unsigned, _signed_with_the_public_key], ids=["none", "HS256"])
def test_a_forged_signature_is_refused_everywhere(door: Door, forge: object) -> None:
    text = forge()  # type: ignore[operator]
    assert door.ask(OWN, token=text).status_code == 401
    assert door.ask("/api/v1/me", token=text).status_code == 401


@pytest.mark.parametrize("name", ["access_token", "token", "jwt"])
def test_a_token_in_the_query_or_a_cookie_opens_nothing(door: Door, name: str) -> None:
    assert door.ask(f"{OWN}?{name}={door.bob_token}", token="").status_code == 401
    assert door.ask(OWN, token="", headers={"Cookie": f"{name}={door.bob_token}"}).status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v2/repository/index"), ("POST", "/v2/repository/models/flights--delay/load"),
     ("POST", "/v2/repository/models/flights--delay/unload"), ("POST", f"{OWN}/trace/setting"), ("GET", f"{OWN}/trace/setting"),
     ("POST", "/v2/trace/setting"), ("POST", "/v2/logging"), ("GET", "/v2/logging"), ("GET", "/v2/models/stats"),
     ("GET", "/v2/systemsharedmemory/status"), ("POST", "/v2/systemsharedmemory/region/x/register"),
     ("POST", "/v2/cudasharedmemory/unregister"), ("POST", f"{OWN}/config"), ("PUT", INFER), ("POST", f"{OWN}/generate")],
)  # fmt: skip
def test_what_changes_or_tells_of_the_model_server_is_out_of_reach(door: Door, method: str, path: str) -> None:
    assert door.ask(path, method, content=b"" if method == "POST" else None).status_code == 403


@pytest.mark.parametrize(
    "path",
    ["/v2/models/flights--delay%2finfer", "/v2/models/flights--delay/..%2fdigits--x/infer", "/v2/models/flights--delay/../digits--x",
     "/v2/models/flights--delay/%2e%2e/digits--x", "/v2/models/flights--delay/./../../repository/index", "//v2//models//digits--x",
     "/v2/models/flights--delay\\..\\digits--x", "/v2/models/flights--delay%5c..%5cdigits--x", "/v2/models/flights--delay/%252e%252e/digits--x",
     "/v2/models/digits--x?/v2/models/flights--delay", "/v2/models/digits--x#/flights--delay", "/v2/models/flights--DELAY",
     "/v2/models/flights--delay/versions/1/../../../digits--x", "/v2/models/flights--delay%00", "/v2/models/flights%2d%2ddelay%20"],
)  # fmt: skip
def test_no_way_of_writing_a_path_leads_elsewhere(door: Door, path: str) -> None:
    status, _ = raw(door, f"GET {path} HTTP/1.1", f"Authorization: Bearer {door.bob_token}")
    assert status in (400, 403, 404)


@pytest.mark.parametrize(
    ("path", "token", "status", "name"),
    [(OWN, "", 401, "NotSignedIn"), ("/v2/models/digits--x", None, 403, "Forbidden"), ("/nowhere", "", 404, "NotFound"),
     ("/v2/a%2fb", None, 400, "Invalid")],
)  # fmt: skip
def test_the_doors_own_refusals_have_the_one_error_shape(
    door: Door, path: str, token: str | None, status: int, name: str
) -> None:
    answer = door.ask(path, token=token)
    assert answer.status_code == status
    assert answer.json().keys() == {"error", "message", "asked", "allowed", "next_step"}
    assert answer.json()["error"] == name


def test_a_large_tensor_passes_and_a_larger_one_is_refused_in_words(door: Door) -> None:
    assert door.ask(INFER, "POST", content=bytes(32 << 20)).json()["size"] == 32 << 20
    refused = door.ask(INFER, "POST", content=bytes(65 << 20))
    assert (refused.status_code, refused.json()["error"]) == (413, "TooLarge")


def _grpc(door: Door, model: str, token: str) -> triton.InferResult:
    with triton.InferenceServerClient(f"localhost:{door.small.port}") as client:
        tensor = triton.InferInput("x", [1, 1], "FP32")
        tensor.set_data_from_numpy(np.zeros((1, 1), dtype=np.float32))
        return client.infer(model, [tensor], headers={"authorization": f"Bearer {token}"}, client_timeout=10)


def test_the_stock_grpc_client_asks_its_own_model_and_the_model_never_sees_the_token(door: Door) -> None:
    answer = _grpc(door, "flights--delay", door.bob_token).get_response()
    assert (answer.model_name, answer.id) == ("flights--delay", "")


@pytest.mark.parametrize("model", ["flights-eu--delay", "digits--x", "delay", "", "flightsXX--delay"])
def test_a_grpc_message_names_no_other_projects_model(door: Door, model: str) -> None:
    with pytest.raises(triton.InferenceServerException, match=r"PERMISSION_DENIED|UNAVAILABLE|INVALID_ARGUMENT"):
        _grpc(door, model, door.bob_token)


def test_grpc_without_a_token_is_refused(door: Door) -> None:
    with pytest.raises(triton.InferenceServerException, match="UNAUTHENTICATED"):
        _grpc(door, "flights--delay", "none")


def test_grpc_health_is_for_tokens_and_control_is_for_nobody(door: Door) -> None:
    headers = {"authorization": f"Bearer {door.bob_token}"}
    with triton.InferenceServerClient(f"localhost:{door.small.port}") as client:
        assert client.is_server_live(headers=headers)
        for ask in (client.get_model_repository_index, client.get_log_settings, client.get_trace_settings):
            with pytest.raises(triton.InferenceServerException, match="PERMISSION_DENIED"):
                ask(headers=headers)


def test_a_stream_whose_messages_may_name_other_models_is_refused(door: Door) -> None:
    refused: list[object] = []
    with triton.InferenceServerClient(f"localhost:{door.small.port}") as client:
        client.start_stream(
            lambda result, error: refused.append(error), headers={"authorization": f"Bearer {door.bob_token}"}
        )
        tensor = triton.InferInput("x", [1, 1], "FP32")
        tensor.set_data_from_numpy(np.zeros((1, 1), dtype=np.float32))
        with suppress(triton.InferenceServerException):  # refused before the first message, as often as not
            client.async_stream_infer("digits--x", [tensor])
        until(lambda: bool(refused), "the refusal", 10)
        client.stop_stream()
    assert "PERMISSION_DENIED" in str(refused[0])


def _bob() -> Actor:
    return Actor("bob", ROOT.kind, {"flights": Role.ENGINEER})


def test_a_revoked_token_is_refused_within_two_seconds(door: Door, rewriting: None) -> None:
    view, text = tenancy.create_token(_bob(), "short", ["flights"])
    assert door.ask(OWN, token=text).status_code == 200
    tenancy.revoke_token(ROOT, view.id)
    until(lambda: door.ask(OWN, token=text).status_code == 403, "the refusal", 2)
    assert door.ask(OWN).status_code == 200


def test_a_person_who_left_the_project_is_refused_within_two_seconds_and_back_when_they_return(
    door: Door, rewriting: None
) -> None:
    tenancy.add_member(ROOT, "flights", "eve", Role.ENGINEER)
    _, text = tenancy.create_token(Actor("eve", ROOT.kind, {"flights": Role.ENGINEER}), "hers", ["flights"])
    assert door.ask(OWN, token=text).status_code == 200
    tenancy.remove_member(ROOT, "flights", "eve")
    until(lambda: door.ask(OWN, token=text).status_code == 403, "the refusal", 2)
    tenancy.add_member(ROOT, "flights", "eve", Role.VIEWER)
    until(lambda: door.ask(OWN, token=text).status_code == 200, "the return", 2)


def test_a_new_projects_models_can_be_asked_within_two_seconds(door: Door, rewriting: None) -> None:
    tenancy.create_project(ROOT, "newborn")
    text = _signed(_claims(sub="ada", projects=["newborn"]))
    until(lambda: door.ask("/v2/models/newborn--x", token=text).status_code == 200, "the model", 2)


def test_an_expired_token_is_refused_though_its_signature_was_seen_before(door: Door) -> None:
    text = _signed(_claims(exp=int(time.time()) + 1))
    assert door.ask(OWN, token=text).status_code == 200
    until(lambda: door.ask(OWN, token=text).status_code == 401, "the refusal", 5)


def test_no_request_is_lost_while_the_rights_change_under_load(door: Door, rewriting: None) -> None:
    ended, seen = threading.Event(), []

    def load() -> None:
        with httpx.Client(headers={"Authorization": f"Bearer {door.bob_token}"}, timeout=10) as client:
            while not ended.is_set():
                seen.append(client.post(door.url + INFER, content=b"{}").status_code)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(6):
        view, _ = tenancy.create_token(_bob(), f"t{number}", ["flights"])
        before = len(seen)
        tenancy.revoke_token(ROOT, view.id)
        write_resource("routes", route_configuration([f"flights--s{number}"]))  # as when a service is deployed
        until(lambda: view.id in _revoked_file(door) and len(seen) > before + 50, "the file and some load", 10)  # noqa: B023  asked at once
    ended.set()
    for thread in threads:
        thread.join()
    assert set(seen) == {200}


def _revoked_file(door: Door) -> str:
    return (door.small.home / "door" / "rights" / "revoked.json").read_text()


def test_the_door_adds_at_most_half_a_millisecond(door: Door) -> None:
    headers = {"Authorization": f"Bearer {door.bob_token}"}
    transport = httpx.HTTPTransport(uds=str(door.small.home / "run" / "triton-http.sock"))
    with httpx.Client(headers=headers) as through, httpx.Client(transport=transport, headers=headers) as direct:

        def took(client: httpx.Client, url: str) -> float:
            begun = time.perf_counter()
            client.post(url + INFER, content=b"{}")
            return (time.perf_counter() - begun) * 1000

        pairs = [(took(through, door.url), took(direct, "http://triton")) for _ in range(400)][50:]
    added = statistics.median(one for one, _ in pairs) - statistics.median(other for _, other in pairs)
    print(f"p50 through the door: {added:+.2f} ms")
    assert added < 0.5 * _slowness()


def _slowness() -> float:
    """How much busier than idle this machine is (load for each core), so that a crowded one does not fail the figure."""
    import os

    return max(1.0, 2 * os.getloadavg()[0] / (os.cpu_count() or 1))
