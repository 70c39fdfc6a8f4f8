"""What the gate's word opens: pages, interfaces, items; and what neither clients nor foreign pages get past it."""

import re
import time

import httpx
import pytest
from door_platform import Door, raw
from small_platform import PASSWORD, until
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

import tenancy
from atrium.database import writing
from atrium.home import Home
from atrium.identity import Role, platform_actor, read_identity
from tenancy.gate.judge import content_cookie_name, cookie_name

ROOT = platform_actor("test")


def test_the_address_alone_leads_to_the_portal(door: Door) -> None:
    answer = door.ask("/", token="")
    assert (answer.status_code, answer.headers["location"].removeprefix(door.url)) == (302, "/app/")


@pytest.mark.parametrize(
    ("path", "upstream", "arrives"),
    [("/app/x", "portal", "/app/x"), ("/api/v1/x", "api", "/api/v1/x"), ("/metrics", "api", "/metrics"), ("/argo/api/v1/x", "argo", "/api/v1/x"),
     ("/mlflow/api/2.0/x", "mlflow", "/mlflow/api/2.0/x"), ("/feast/flights/push", "feast", "/flights/push")],
)  # fmt: skip
def test_each_address_reaches_its_component_with_an_identity_and_no_credential(
    door: Door, path: str, upstream: str, arrives: str
) -> None:
    told = door.ask(path).json()
    assert (told["upstream"], told["path"]) == (upstream, arrives)
    assert "authorization" not in told["headers"]
    who = read_identity(told["headers"]["x-atrium-identity"])
    assert (who.name, who.roles) == ("bob", {"flights": Role.ENGINEER})


@pytest.mark.parametrize("path", ["/app/x", "/api/v1/me", "/metrics", "/argo/x", "/mlflow/x", "/feast/x"])
def test_who_did_not_sign_in_is_told_so_and_a_browser_is_led_to_the_form(door: Door, path: str) -> None:
    told = door.ask(path, token="")
    assert (told.status_code, told.json()["error"]) == (401, "NotSignedIn")
    led = door.ask(f"{path}?a=1", token="", headers={"Accept": "text/html"})
    assert (led.status_code, led.headers["location"]) == (302, f"/auth/login?next={path.replace('/', '%2F')}%3Fa%3D1")


def test_a_client_names_no_identity_of_its_own(door: Door) -> None:
    forged = {
        "x-atrium-identity": "forged",
        "X_Atrium_Identity": "forged",
        "x-atrium_identity": "forged",
        "X-Atrium-Run": "other",
    }
    assert door.ask("/api/v1/me", token="", headers=forged).status_code == 401
    reached = door.ask("/api/v1/me", headers=forged).json()["headers"]
    assert read_identity(reached.pop("x-atrium-identity")).name == "bob"
    assert not [name for name in reached if "atrium" in name]


def test_no_identity_leaves_by_the_door(door: Door) -> None:
    assert "x-atrium-identity" not in door.ask("/api/v1/me").headers


@pytest.mark.parametrize(
    "path",
    ["/auth/check", "/auth/check/app/", "/auth/content-check", "/auth/%63heck", "/auth//check", "/auth/x/../check"],
)
def test_the_doors_question_to_the_gate_cannot_be_asked_from_outside(door: Door, path: str) -> None:
    assert raw(door, f"GET {path} HTTP/1.1", f"Authorization: Bearer {door.bob_token}")[0] == 404


def test_health_is_told_without_sign_in_and_nothing_else(door: Door) -> None:
    assert door.ask("/healthz", token="").text == "up\n"


def test_a_replica_is_ready_once_what_is_live_is_loaded_there(door: Door) -> None:
    assert door.ask("/healthz/ready", token="").status_code == 503
    Home(door.small.home).loaded.touch()
    assert door.ask("/healthz/ready", token="").status_code == 200


@pytest.mark.parametrize("path", ["/app/static/a.js", "/app/app/static/inter.woff2", "/app/favicon.png"])
def test_the_portals_static_files_need_no_sign_in_and_carry_none(door: Door, path: str) -> None:
    told = door.ask(path, headers={"Cookie": "a=b"}).json()
    assert not {"cookie", "authorization", "x-atrium-identity"} & told["headers"].keys()


@pytest.mark.parametrize(
    ("accepted", "used"), [("gzip", "gzip"), ("br", "br"), ("gzip, deflate, br, zstd", "zstd"), ("identity", None)]
)
def test_pages_are_compressed_as_the_browser_takes_it(door: Door, accepted: str, used: str | None) -> None:
    answer = door.ask("/api/long", headers={"Accept-Encoding": accepted})
    assert answer.headers.get("content-encoding") == used


def test_a_stream_of_events_arrives_piece_by_piece(door: Door) -> None:
    headers, seen = {"Authorization": f"Bearer {door.bob_token}"}, []
    with httpx.stream("GET", f"{door.url}/argo/stream", headers=headers, timeout=10) as answer:
        seen = [time.monotonic() for _ in answer.iter_raw()]
    assert len(seen) >= 3
    assert seen[-1] - seen[0] > 0.1


def test_a_large_upload_passes(door: Door) -> None:
    assert door.ask("/mlflow/artifacts/model.bin", "PUT", content=bytes(80 << 20)).json()["size"] == 80 << 20


def _sign_in(door: Door, name: str, password: str, **headers: str) -> httpx.Response:
    data = {"name": name, "password": password, "next": "/app/models?x=1"}
    return httpx.post(f"{door.url}/auth/login", data=data, headers={"Origin": door.origin} | headers, timeout=20)


def test_a_right_password_opens_a_session_and_leads_where_one_wanted_to_go(door: Door) -> None:
    answer = _sign_in(door, "bob", PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, "/app/models?x=1")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{cookie_name()}=") and "HttpOnly" in cookie and "samesite=lax" in cookie.lower()
    assert "domain=" not in cookie.lower()


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "%2F%2Fevil.example", "/%2Fevil.example",
                                    "javascript:alert(1)", "/\tevil", "\\\\evil.example", ""])  # fmt: skip
def test_a_sign_in_leads_to_no_other_site(door: Door, target: str) -> None:
    data = {"name": "bob", "password": PASSWORD, "next": target}
    answer = httpx.post(f"{door.url}/auth/login", data=data, headers={"Origin": door.origin}, timeout=20)
    assert answer.headers["location"] == "/app/"


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.example", "http://demo--flights.localhost:1", "http://localhost"]
)
def test_a_foreign_page_signs_nobody_in_or_out(door: Door, origin: str | None) -> None:
    headers = {"Origin": origin} if origin else {}
    data = {"name": "bob", "password": PASSWORD}
    assert httpx.post(f"{door.url}/auth/login", data=data, headers=headers, timeout=20).status_code == 403


def test_wrong_passwords_are_slowed_down_even_when_sent_at_once(door: Door) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(12) as pool:
        found = sorted(pool.map(lambda _: _sign_in(door, "mallory", "wrong").status_code, range(12)))
    assert 4 <= found.count(401) <= 6 and found.count(429) >= 6  # on a slow machine a wait may pass meanwhile
    chinese = {"Accept-Language": "zh-CN"}
    until(lambda: "密码错误次数过多" in _sign_in(door, "mallory", "wrong", **chinese).text, "the wait, in words", 60)
    until(lambda: _sign_in(door, "mallory", PASSWORD).status_code == 303, "the right one's turn", 60)


def test_an_unknown_name_reads_like_a_wrong_password(door: Door) -> None:
    known, unknown = _sign_in(door, "eve", "wrong"), _sign_in(door, "nobody", "wrong")
    assert (known.status_code, known.text.replace("eve", "nobody")) == (unknown.status_code, unknown.text)


def test_the_forms_need_no_script_and_name_each_field(door: Door) -> None:
    page = door.ask("/auth/login", token="", headers={"Accept-Language": "de, zh;q=0.5"})
    assert "<script" not in page.text and '<html lang="zh-CN"' in page.text
    assert set(re.findall(r'<label for="(\w+)"', page.text)) == {"name", "password"}
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert 'lang="en"' in door.ask("/auth/login?lang=en", token="", headers={"Accept-Language": "zh"}).text


def test_what_a_browser_typed_comes_back_as_text(door: Door) -> None:
    assert "<b>x" not in _sign_in(door, '"><b>x', "wrong").text


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_session_changes_nothing_for_a_page_of_another_origin(door: Door, method: str) -> None:
    with door.browser() as browser:
        for origin in (
            None,
            "null",
            "http://evil.example",
            door.item("demo--flights"),
            door.url.replace("http", "https"),
        ):
            refused = browser.request(method, "/api/v1/x", headers={"Origin": origin} if origin else {})
            assert (refused.status_code, refused.json()["error"]) == (403, "ForeignOrigin")
        assert browser.request(method, "/api/v1/x", headers={"Origin": door.origin}).status_code == 200
    assert door.ask("/api/v1/x", method).status_code == 200  # a token is not sent by browsers on their own


def _websocket(door: Door, cookie: str, origin: str) -> str:
    url = f"ws://localhost:{door.small.port}/app/_stcore/stream"
    headers = {"Cookie": f"{cookie_name()}={cookie}"} if cookie else {}
    with connect(url, additional_headers=headers, origin=origin, proxy=None) as socket:  # type: ignore[arg-type]
        socket.send("hello")
        return str(socket.recv(5))


def test_websockets_open_for_the_portals_own_pages_alone(door: Door) -> None:
    with door.browser() as browser:
        cookie = browser.cookies[cookie_name()]
    assert _websocket(door, cookie, door.origin) == "hello"
    for text, origin, status in (
        (cookie, door.item("demo--flights"), 403),
        (cookie, "http://evil.example", 403),
        ("", door.origin, 401),
    ):
        with pytest.raises(InvalidStatus) as refused:
            _websocket(door, text, origin)
        assert refused.value.response.status_code == status


def test_a_session_ends_at_sign_out_and_a_second_sign_out_is_calm(door: Door) -> None:
    with door.browser() as browser:
        cookie = browser.cookies[cookie_name()]
        assert browser.get("/app/").status_code == 200
        assert browser.post("/auth/logout", headers={"Origin": door.origin}).status_code == 303
    stale = {"Cookie": f"{cookie_name()}={cookie}"}
    assert door.ask("/app/", token="", headers=stale).status_code == 401
    assert door.ask("/auth/logout", token="", headers=stale).headers["location"] == "/auth/login"


def test_a_link_on_a_foreign_page_signs_nobody_out(door: Door) -> None:
    with door.browser() as browser:
        browser.get("/auth/logout", headers={"Sec-Fetch-Site": "cross-site"})
        assert browser.get("/app/").status_code == 200


def test_a_session_of_another_instance_opens_nothing(door: Door) -> None:
    with door.browser() as browser:
        cookie = browser.cookies[cookie_name()]
    for name, value in (
        ("atrium_00000000", cookie),
        (cookie_name(), cookie[:-2] + "xx"),
        (cookie_name(), door.bob_token),
    ):
        assert door.ask("/app/", token="", headers={"Cookie": f"{name}={value}"}).status_code == 401


def test_one_changes_ones_own_password_after_typing_the_present_one(door: Door) -> None:
    fresh = "a fresh long password"
    with door.browser("eve") as browser:
        own = {"Origin": door.origin}
        assert "present" in browser.post("/auth/password", data={"old": "wrong", "new": fresh}, headers=own).text
        assert browser.post("/auth/password", data={"old": PASSWORD, "new": "short"}, headers=own).status_code == 400
        assert browser.post("/auth/password", data={"old": PASSWORD, "new": fresh}).status_code == 403
        assert "was changed" in browser.post("/auth/password", data={"old": PASSWORD, "new": fresh}, headers=own).text
        browser.post("/auth/password", data={"old": fresh, "new": PASSWORD}, headers=own)
    led = door.ask("/auth/password", token="", headers={"Accept": "text/html"})
    assert led.headers["location"] == "/auth/login?next=%2Fauth%2Fpassword"


def _open_item(door: Door, name: str) -> tuple[str, str]:
    """What a signed-in browser does to open an item: three redirects. Returns the item's cookie and the portal's."""
    with door.browser() as browser:
        portal = browser.cookies[cookie_name()]
    to_portal = door.navigate(f"{door.item(name)}/page?x=1")
    assert to_portal.headers["location"] == f"{door.url}/auth/content?item={name}&next=%2Fpage%3Fx%3D1"
    to_item = door.navigate(to_portal.headers["location"], {cookie_name(): portal})
    assert to_item.headers["location"].startswith(f"{door.item(name)}/__atrium/enter?code=")
    entered = door.navigate(to_item.headers["location"])
    assert (entered.status_code, entered.headers["location"]) == (302, "/page?x=1")
    assert door.navigate(to_item.headers["location"]).status_code == 401  # a code is good once
    assert "domain=" not in entered.headers["set-cookie"].lower()
    return entered.cookies[content_cookie_name()], portal


def test_an_item_opens_by_a_cookie_of_its_own_and_sees_no_credential(door: Door) -> None:
    cookie, _ = _open_item(door, "delay--flights")
    told = door.navigate(f"{door.item('delay--flights')}/page", {content_cookie_name(): cookie}).json()
    assert told["upstream"] == "demos"
    assert not {"cookie", "authorization"} & told["headers"].keys()
    assert read_identity(told["headers"]["x-atrium-identity"]).name == "bob"


def test_an_items_cookie_opens_neither_the_portal_nor_another_item(door: Door) -> None:
    cookie, portal = _open_item(door, "delay--flights")
    for name in (cookie_name(), content_cookie_name()):
        assert door.ask("/api/v1/me", token="", headers={"Cookie": f"{name}={cookie}"}).status_code == 401
    assert door.ask("/api/v1/me", token=cookie).status_code == 401
    other = door.navigate(f"{door.item('other--flights')}/", {content_cookie_name(): cookie})
    assert other.headers["location"].startswith(f"{door.url}/auth/content?item=other--flights")
    for text in (portal, door.bob_token):
        assert door.navigate(f"{door.item('delay--flights')}/", {content_cookie_name(): text}).status_code == 302


def test_a_demos_script_gets_no_answer_from_the_portal_or_another_demo(door: Door) -> None:
    """A browser sends no cookie of another host; what it may send is refused, and no answer allows it to be read."""
    script = {"Origin": door.item("delay--flights"), "Sec-Fetch-Site": "cross-site", "Accept": "*/*"}
    for url in (
        f"{door.url}/api/v1/me",
        f"{door.url}/app/",
        f"{door.item('other--flights')}/",
        f"{door.url}/v2/models/flights--delay",
    ):
        for method in ("OPTIONS", "GET", "POST"):
            answer = door.navigate(url, method=method, **script)
            assert answer.status_code in (401, 403)
            assert not [name for name in answer.headers if name.startswith("access-control")]
    cookie, _ = _open_item(door, "other--flights")
    held = {content_cookie_name(): cookie}
    assert door.navigate(f"{door.item('other--flights')}/gradio_api/x", held, "POST", **script).status_code == 403


def test_an_item_of_a_project_that_is_not_ones_own_stays_closed(door: Door) -> None:
    with door.browser() as browser:
        portal = browser.cookies[cookie_name()]
    address = f"{door.url}/auth/content?item=digit--digits&next=%2F"
    refused = door.navigate(address, {cookie_name(): portal})
    assert refused.status_code == 403
    assert "text/html" in refused.headers["content-type"] and "no role in the project digits" in refused.text


def test_an_item_closes_for_a_person_who_left_its_project(door: Door) -> None:
    tenancy.add_member(ROOT, "digits", "bob", Role.VIEWER)
    cookie, _ = _open_item(door, "digit--digits")
    page = f"{door.item('digit--digits')}/page"
    assert door.navigate(page, {content_cookie_name(): cookie}).status_code == 200
    tenancy.remove_member(ROOT, "digits", "bob")
    assert door.navigate(page, {content_cookie_name(): cookie}).status_code == 403


def test_who_opens_an_item_without_a_session_signs_in_first_and_then_comes_to_it(door: Door) -> None:
    led = door.navigate(f"{door.url}/auth/content?item=delay--flights&next=%2F")
    assert led.headers["location"] == "/auth/login?next=%2Fauth%2Fcontent%3Fitem%3Ddelay--flights%26next%3D%252F"


def test_a_public_item_opens_for_everybody_without_an_identity(door: Door) -> None:
    with writing() as session:
        tenancy.set_public(session, ROOT, "flights", "open--flights", True)
    told = door.navigate(f"{door.item('open--flights')}/").json()
    assert "x-atrium-identity" not in told["headers"]
    cookie, _ = _open_item(door, "delay--flights")
    assert door.navigate(f"{door.item('open--flights')}/", {content_cookie_name(): cookie}).status_code == 200


def test_the_content_port_gives_out_no_page_of_the_portal(door: Door) -> None:
    for path in ("/auth/login", "/app/", "/api/v1/me", "/v2/models/flights--delay"):
        answer = httpx.get(
            f"http://localhost:{door.small.port + 1}{path}", headers={"Authorization": f"Bearer {door.bob_token}"}
        )
        assert answer.status_code == 401


def test_a_component_that_is_away_is_named_and_a_browser_sees_a_page_that_tries_again(door: Door) -> None:
    path = door.small.home / "run" / "feast.sock"
    path.rename(path.with_suffix(".away"))
    try:
        until(lambda: door.ask("/feast/x").status_code == 503, "the refusal", 10)
        assert "component feast" in door.ask("/feast/x").json()["message"]
        page = door.ask("/feast/x", headers={"Accept": "text/html", "Accept-Language": "zh-CN"})
        assert page.status_code == 503 and 'http-equiv="refresh"' in page.text and "请稍候" in page.text
    finally:
        path.with_suffix(".away").rename(path)
    until(lambda: door.ask("/feast/x").status_code == 200, "the component again", 10)
