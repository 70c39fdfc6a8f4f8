"""The real front door and the real gate before small servers that tell what reached them."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from small_platform import PASSWORD, Small, make_people, own_home_in, until
from upstreams import upstreams

import tenancy
from atrium.home import get_home
from atrium.identity import Actor, Role, platform_actor


@dataclass(frozen=True)
class Door:
    """The running front door; ada administers, bob is an engineer of `flights` alone."""

    small: Small
    ada: Actor
    bob_token: str

    @property
    def tls(self) -> str | None:
        """Path of the certificate that it serves by, if any."""
        return self.small.environment.get("ATRIUM_TLS_CERT")

    @property
    def url(self) -> str:
        """Its address, by the name that browsers use."""
        return f"http{'s' if self.tls else ''}://localhost:{self.small.port}"

    @property
    def verify(self) -> ssl.SSLContext | bool:
        """What clients trust it by."""
        return ssl.create_default_context(cafile=self.tls) if self.tls else True

    @property
    def origin(self) -> str:
        """What a browser on its pages says it is."""
        return self.url

    def item(self, name: str) -> str:
        """Address of an item on the content port."""
        return f"http{'s' if self.tls else ''}://{name}.localhost:{self.small.port + 1}"

    def navigate(
        self, url: str, cookies: dict[str, str] | None = None, method: str = "GET", **headers: str
    ) -> httpx.Response:
        """One request of a browser, with the cookies that it has for that host; `*.localhost` is this machine to browsers."""
        target = httpx.URL(url)
        asked = {"Accept": "text/html", "Host": target.netloc.decode()} | headers
        if cookies:
            asked["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        named = {"sni_hostname": target.host} if self.tls else {}
        with httpx.Client(verify=self.verify, timeout=20) as client:
            return client.request(method, target.copy_with(host="127.0.0.1"), headers=asked, extensions=named)

    def ask(self, path: str, method: str = "GET", token: str | None = None, **more: object) -> httpx.Response:
        """Asks with bob's token, or with another, or (empty) with none."""
        text = self.bob_token if token is None else token
        headers = ({"Authorization": f"Bearer {text}"} if text else {}) | dict(more.pop("headers", {}))  # type: ignore[call-overload]
        return httpx.request(method, self.url + path, headers=headers, timeout=20, verify=self.verify, **more)  # type: ignore[arg-type]

    @contextmanager
    def browser(self, name: str = "bob") -> Iterator[httpx.Client]:
        """A browser that signed in."""
        with httpx.Client(base_url=self.url, headers={"Accept": "text/html"}, timeout=20, verify=self.verify) as client:
            data = {"name": name, "password": PASSWORD, "next": "/app/"}
            answer = client.post("/auth/login", data=data, headers={"Origin": self.origin})
            assert answer.status_code == 303, answer.text
            yield client


def _people(small: Small) -> tuple[Actor, str]:
    make_people(small)
    ada = tenancy.actor_of_token(small.token)
    root = platform_actor("test")
    for name in ("bob", "eve", "mallory"):
        tenancy.create_user(root, name, PASSWORD)
    tenancy.add_member(ada, "flights", "bob", Role.ENGINEER)
    for project in ("flights-eu", "de-lay"):
        tenancy.create_project(root, project)
    bob = tenancy.actor_of_session(tenancy.sign_in("bob", PASSWORD, "here"))
    return ada, tenancy.create_token(bob, "tests", ["flights"])[1]


def _listens(door: Door) -> bool:
    for port in (door.small.port, door.small.port + 1):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return False
    return True


@contextmanager
def running_door(folder: Path, **settings: str) -> Iterator[Door]:
    """A door with its gate and echoing upstreams, in a home of its own; `settings` are more of the environment."""
    with own_home_in(folder, **settings) as small:
        ada, token = _people(small)
        with upstreams(get_home().run):
            small.start("tenancy.gate")
            small.start("app.door")
            made = Door(small, ada, token)
            until(lambda: _listens(made), "the door's ports")
            yield made
            small.stop()


def raw(door: Door, line: str, *headers: str) -> tuple[int, str]:
    """Status and text of the answer to a request written by hand, which no client tidies up."""
    lines = [line, f"Host: localhost:{door.small.port}", *headers, "Connection: close"]
    with socket.create_connection(("127.0.0.1", door.small.port), timeout=10) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode(errors="replace")
    return int(answer.split()[1]), answer
