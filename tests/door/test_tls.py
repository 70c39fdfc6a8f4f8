"""The front door over TLS: pages, websockets, inference, items; and a certificate that changes under load."""

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import tritonclient.grpc as triton
from certificates import make_pair
from cryptography import x509
from door_platform import Door, running_door
from small_platform import PASSWORD, repeated, until
from websockets.sync.client import connect

from app.door.certificate import jobs
from tenancy.gate.judge import content_cookie_name, cookie_name

INFER = "/v2/models/flights--delay/infer"


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    cert, key = make_pair(tmp_path_factory.mktemp("pair"))
    with running_door(tmp_path_factory.mktemp("t"), ATRIUM_TLS_CERT=str(cert), ATRIUM_TLS_KEY=str(key)) as made:
        yield made


def test_a_browser_signs_in_over_tls_and_its_cookie_never_leaves_by_plain_http(secure: Door) -> None:
    data = {"name": "bob", "password": PASSWORD}
    with httpx.Client(verify=secure.verify, base_url=secure.url) as client:
        answer = client.post("/auth/login", data=data, headers={"Origin": secure.origin})
        assert answer.status_code == 303
        assert "; Secure" in answer.headers["set-cookie"] and "HttpOnly" in answer.headers["set-cookie"]
        assert client.get("/app/").json()["upstream"] == "portal"
        plain_origin = {"Origin": secure.origin.replace("https", "http")}
        assert client.post("/api/v1/x", headers=plain_origin).status_code == 403


def test_a_websocket_opens_over_tls(secure: Door) -> None:
    with secure.browser() as browser:
        cookie = {"Cookie": f"{cookie_name()}={browser.cookies[cookie_name()]}"}
    url = f"wss://localhost:{secure.small.port}/app/_stcore/stream"
    context = ssl.create_default_context(cafile=secure.tls)
    with connect(url, additional_headers=cookie, origin=secure.origin, ssl=context, proxy=None) as opened:  # type: ignore[arg-type]
        opened.send("hello")
        assert opened.recv(5) == "hello"


def test_the_stock_grpc_client_asks_over_tls(secure: Door) -> None:
    address = f"localhost:{secure.small.port}"
    with triton.InferenceServerClient(address, ssl=True, root_certificates=secure.tls) as client:
        tensor = triton.InferInput("x", [1, 1], "FP32")
        tensor.set_data_from_numpy(np.zeros((1, 1), dtype=np.float32))
        headers = {"authorization": f"Bearer {secure.bob_token}"}
        answer = client.infer("flights--delay", [tensor], headers=headers, client_timeout=10)
        assert answer.get_response().model_name == "flights--delay"
        with pytest.raises(triton.InferenceServerException, match="PERMISSION_DENIED"):
            client.infer("digits--x", [tensor], headers=headers, client_timeout=10)


def test_an_item_opens_on_its_own_host_over_tls(secure: Door) -> None:
    with secure.browser() as browser:
        portal = browser.cookies[cookie_name()]
    led = secure.navigate(f"{secure.item('delay--flights')}/page")
    assert led.headers["location"].startswith(f"{secure.url}/auth/content?item=delay--flights")
    back = secure.navigate(led.headers["location"], {cookie_name(): portal})
    entered = secure.navigate(back.headers["location"])
    assert "; Secure" in entered.headers["set-cookie"]
    cookie = {content_cookie_name(): entered.cookies[content_cookie_name()]}
    assert secure.navigate(f"{secure.item('delay--flights')}/page", cookie).json()["upstream"] == "demos"


def _plain(door: Door, path: str, port: int = 0, host: str = "127.0.0.1", **headers: str) -> httpx.Response:
    return httpx.get(f"http://{host}:{port or door.small.port}{path}", headers=headers, timeout=10)


def test_plain_http_is_led_to_tls(secure: Door) -> None:
    for path in ("/", "/app/models?x=1", "/auth/login", "/v2/models/flights--delay"):
        answer = _plain(secure, path)
        assert (answer.status_code, answer.headers["location"]) == (308, f"https://127.0.0.1:{secure.small.port}{path}")
    content = _plain(secure, "/x", secure.small.port + 1)
    assert content.headers["location"] == f"https://127.0.0.1:{secure.small.port + 1}/x"


def test_a_session_cookie_by_plain_http_is_led_to_tls_too(secure: Door) -> None:
    with secure.browser() as browser:
        cookie = f"{cookie_name()}={browser.cookies[cookie_name()]}"
    assert _plain(secure, "/api/v1/me", cookie=cookie).status_code == 308


def test_a_step_of_this_machine_asks_by_plain_http_with_its_token_and_the_same_rights(secure: Door) -> None:
    token = {"authorization": f"Bearer {secure.bob_token}"}
    assert _plain(secure, "/api/v1/me", **token).json()["upstream"] == "api"
    assert _plain(secure, "/v2/models/flights--delay", **token).status_code == 200
    assert _plain(secure, "/v2/models/digits--x", **token).status_code == 403
    assert _plain(secure, "/api/v1/me", authorization="Bearer none").status_code == 401
    assert _plain(secure, "/auth/check/x", **token).status_code == 404


def test_old_versions_of_tls_are_refused(secure: Door) -> None:
    context = ssl.create_default_context(cafile=secure.tls)
    with pytest.warns(DeprecationWarning):
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", secure.small.port), timeout=10) as connection,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(connection, server_hostname="localhost")


def _served(door: Door) -> int:
    """Serial number of the certificate that the door shows now."""
    text = ssl.get_server_certificate(("127.0.0.1", door.small.port), timeout=10)
    return x509.load_pem_x509_certificate(text.encode()).serial_number


@pytest.fixture
def renewing() -> Iterator[None]:
    """The worker's job that looks at the certificate's files, in a thread."""
    (job,) = jobs()
    with repeated(job):
        yield


def test_a_renewed_certificate_is_served_without_a_lost_request_and_a_wrong_one_is_not(
    secure: Door, renewing: None, tmp_path: Path
) -> None:
    ended, seen, before = threading.Event(), [], _served(secure)
    headers, context = {"Authorization": f"Bearer {secure.bob_token}"}, ssl.create_default_context(cafile=secure.tls)

    def load() -> None:
        with httpx.Client(headers=headers, timeout=10, verify=context) as client:
            while not ended.is_set():
                seen.append(client.post(secure.url + INFER, content=b"{}").status_code)

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    cert, key = (Path(secure.small.environment[name]) for name in ("ATRIUM_TLS_CERT", "ATRIUM_TLS_KEY"))
    fresh_cert, fresh_key = make_pair(tmp_path)
    cert.write_bytes(fresh_cert.read_bytes())  # for a moment the two files do not fit together
    until(lambda: len(seen) > 20, "some load", 20)
    assert _served(secure) == before
    key.write_bytes(fresh_key.read_bytes())
    until(lambda: _served(secure) != before, "the renewed certificate", 10)
    count = len(seen)
    until(lambda: len(seen) > count + 20, "some load", 20)
    ended.set()
    for thread in threads:
        thread.join()
    assert set(seen) == {200}
