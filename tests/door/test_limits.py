"""What the front door bounds, and what it takes from no client: slow and large requests, orders to Envoy, methods of gRPC."""

import socket
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import httpx
import psutil
import pytest
from door_platform import Door, raw
from small_platform import PASSWORD, until
from tritonclient.grpc import service_pb2

from app.door.rights import NAME_FIELDS, OPEN_METHODS, SERVICE
from atrium.home import get_home
from atrium.serve import KEEP_ALIVE_SECONDS
from tenancy.gate.judge import cookie_name

METHODS = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods_by_name


def _call(door: Door, method: str, token: str) -> grpc.StatusCode:
    """The status of an empty message to any method, whatever the stock client offers."""
    with grpc.insecure_channel(f"localhost:{door.small.port}") as channel:
        ask = channel.stream_stream(f"/{SERVICE}/{method}")
        try:
            for _ in ask(iter([b""]), metadata=[("authorization", f"Bearer {token}")], timeout=10):
                pass
        except grpc.RpcError as error:
            return error.code()  # type: ignore[no-any-return,attr-defined]
    return grpc.StatusCode.OK


@pytest.mark.parametrize("method", sorted(set(METHODS) - set(NAME_FIELDS) - set(OPEN_METHODS)))
def test_each_grpc_method_that_changes_settings_or_streams_is_refused(door: Door, method: str) -> None:
    assert _call(door, method, door.bob_token) is grpc.StatusCode.PERMISSION_DENIED


def test_the_allowlist_of_grpc_methods_names_such_as_triton_has() -> None:
    assert set(NAME_FIELDS) | set(OPEN_METHODS) <= set(METHODS)
    assert len(METHODS) >= 20  # a shorter list would prove less than it says


@pytest.mark.parametrize("method", ["RepositoryModelLoad", "ModelInferX", "../ModelInfer", ""])
def test_a_grpc_method_that_nobody_has_is_refused(door: Door, method: str) -> None:
    assert _call(door, method, door.bob_token) in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED)


def test_argos_clients_that_speak_grpc_are_told_how_to_speak_http(door: Door) -> None:
    for method in ("workflow.WorkflowService/ListWorkflows", "cronworkflow.CronWorkflowService/GetCronWorkflow"):
        with grpc.insecure_channel(f"localhost:{door.small.port}") as channel:
            ask = channel.unary_unary(f"/{method}")
            with pytest.raises(grpc.RpcError, match="set ARGO_HTTP1=true and ARGO_BASE_HREF=/argo"):
                ask(b"", timeout=30)


@pytest.mark.parametrize("method", sorted(NAME_FIELDS))
def test_a_grpc_message_without_a_model_is_refused(door: Door, method: str) -> None:
    assert _call(door, method, door.bob_token) is not grpc.StatusCode.OK


def test_a_form_is_small(door: Door) -> None:
    data = {"name": "bob", "password": "x" * (100 << 10)}
    answer = httpx.post(f"{door.url}/auth/login", data=data, headers={"Origin": door.origin}, timeout=20)
    assert (answer.status_code, answer.json()["error"]) == (413, "TooLarge")
    assert "at most 65536 bytes" in answer.json()["message"]


def test_headers_are_bounded_in_words(door: Door) -> None:
    answer = httpx.get(f"{door.url}/healthz", headers={"X-Long": "x" * (70 << 10)}, timeout=20)
    assert (answer.status_code, answer.json()["error"]) == (431, "TooLarge")
    assert (
        httpx.get(f"{door.url}/healthz", headers={f"X-{number}": "x" for number in range(120)}, timeout=20).status_code
        == 431
    )


def test_a_client_that_sends_its_headers_drop_by_drop_is_let_go(door: Door) -> None:
    with socket.create_connection(("127.0.0.1", door.small.port), timeout=30) as connection:
        begun = time.monotonic()
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        answer = connection.recv(65536)
    assert b" 408 " in answer or answer == b""
    assert time.monotonic() - begun < 25


def test_a_hundred_slow_clients_hinder_nobody(door: Door) -> None:
    slow = [socket.create_connection(("127.0.0.1", door.small.port), timeout=10) for _ in range(100)]
    try:
        for connection in slow:
            connection.sendall(b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\nname=")
        assert door.ask("/healthz", token="").status_code == 200
        assert door.ask("/v2/models/flights--delay").status_code == 200
    finally:
        for connection in slow:
            connection.close()


def _door_mib() -> float:
    mine = psutil.Process().children(recursive=True)
    return sum(one.memory_info().rss for one in mine if "envoy" in one.name()) / 2**20


def test_a_large_download_passes_without_filling_the_doors_memory(door: Door) -> None:
    before, size = _door_mib(), 0
    headers = {"Authorization": f"Bearer {door.bob_token}"}
    with httpx.stream("GET", f"{door.url}/mlflow/download", headers=headers, timeout=60) as answer:
        for piece in answer.iter_raw():
            size += len(piece)
    assert size == 200 << 20
    assert before > 0 and _door_mib() - before < 60


@pytest.mark.parametrize(
    "name",
    ["x-envoy-upstream-rq-timeout-ms", "x-envoy-retry-on", "x-envoy-original-path", "x-envoy-decorator-operation"],
)
def test_a_client_gives_envoy_no_orders(door: Door, name: str) -> None:
    answer = door.ask("/api/v1/me", headers={name: "1"})
    assert answer.json()["headers"].get(name) != "1"
    assert not [one for one in answer.headers if one.startswith("x-envoy")]


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "BREW"])
def test_an_unusual_method_reaches_nothing(door: Door, method: str) -> None:
    status, said = raw(door, f"{method} /api/v1/me HTTP/1.1", f"Authorization: Bearer {door.bob_token}")
    assert status >= 400 and '"upstream"' not in said


def test_two_lengths_in_one_request_are_refused(door: Door) -> None:
    """What one server reads as one request and the next as two would slip a second one past the door."""
    both = ("Content-Length: 5", "Transfer-Encoding: chunked", f"Authorization: Bearer {door.bob_token}")
    assert raw(door, "POST /api/v1/x HTTP/1.1", *both)[0] == 400
    assert raw(door, "POST /api/v1/x HTTP/1.1", "Content-Length: 5", "Content-Length: 6", both[2])[0] == 400


def test_a_session_that_a_stranger_planted_is_not_taken_over(door: Door) -> None:
    """Signing in always makes a session of its own, so that a cookie set beforehand becomes nobody's key."""
    with door.browser("eve") as eve:
        planted = eve.cookies[cookie_name()]
    data = {"name": "bob", "password": PASSWORD}
    headers = {"Origin": door.origin, "Cookie": f"{cookie_name()}={planted}"}
    answer = httpx.post(f"{door.url}/auth/login", data=data, headers=headers, timeout=20)
    assert answer.cookies[cookie_name()] != planted
    told = door.ask("/api/v1/me", token="", headers={"Cookie": f"{cookie_name()}={planted}"})
    assert '"eve"' not in told.text and told.status_code == 200  # it is eve's still, and no more than that


def test_every_socket_key_and_file_of_rights_is_the_owners_alone(door: Door) -> None:
    home = door.small.home
    for path in (home / "keys").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    for folder in ("keys", "run", "door", "door/rights"):
        assert stat.S_IMODE((home / folder).stat().st_mode) == 0o700, folder
    for path in (home / "run" / f"{name}.sock" for name in ("gate", "door-admin")):
        assert stat.S_ISSOCK(path.stat().st_mode) and stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_restarted_gate_loses_no_session(door: Door) -> None:
    with door.browser() as browser:
        door.small.kill("tenancy.gate")
        door.small.start("tenancy.gate")
        until(lambda: browser.get("/app/").status_code == 200, "the page", 20)


def test_the_door_listens_on_loopback_alone_unless_told_otherwise(door: Door) -> None:
    ours = {door.small.port, door.small.port + 1}
    found = {one.laddr.ip for one in psutil.net_connections("tcp") if one.status == "LISTEN" and one.laddr.port in ours}
    assert found == {"127.0.0.1"}


def test_the_doors_files_hold_no_token(door: Door) -> None:
    texts = [path.read_text(errors="replace") for path in Path(door.small.home / "door").rglob("*.json")]
    assert texts and not [text for text in texts if door.bob_token in text or "PRIVATE KEY" in text]


def test_an_idle_connection_to_a_component_is_closed_by_the_door_before_the_component_would(door: Door) -> None:
    path, aside = get_home().socket("feast"), get_home().run / "feast.aside"
    path.rename(aside)
    try:
        with socket.socket(socket.AF_UNIX) as listening, ThreadPoolExecutor(1) as pool:
            listening.bind(str(path))
            listening.listen()
            asked = pool.submit(door.ask, "/feast/flights/health")
            connection, _ = listening.accept()
            assert connection.recv(65536).startswith(b"GET /flights/health")
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            assert asked.result().status_code == httpx.codes.OK
            connection.settimeout(KEEP_ALIVE_SECONDS)
            assert connection.recv(1) == b""  # it ends; a TimeoutError otherwise
            connection.close()
    finally:
        aside.replace(path)
