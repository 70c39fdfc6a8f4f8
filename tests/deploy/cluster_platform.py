"""Atrium on the cluster that KUBECONFIG names, put there by cluster-up, reached as from another machine."""

import base64
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from support import ATRIUM, argo_binary

NAMESPACE, PROJECT, OTHER = "atrium-system", "cluster-test", "cluster-other"
OVERLAY = os.environ.get("OVERLAY") or "minimal"
HERE = bool(os.environ.get("KUBECONFIG"))
REASON = "Atrium on a cluster is tried where KUBECONFIG names one"
UP_SECONDS, PATIENCE_SECONDS = 900, 240.0
ENDED = ("Succeeded", "Failed", "Error")


def kubectl(*words: str, given: str = "") -> str:
    """What kubectl prints; fails with its words where it fails."""
    made = subprocess.run(["kubectl", *words], input=given, capture_output=True, text=True, timeout=180)
    assert made.returncode == 0, f"kubectl {' '.join(words)}: {made.stderr}"
    return made.stdout


def in_pod(*words: str) -> str:
    """What a command prints inside the platform's pod."""
    return kubectl("exec", "-n", NAMESPACE, "deployment/atrium", "-c", "atrium", "--", *words)


def cluster_up(*words: str, overlay: str = OVERLAY) -> str:
    """What cluster-up prints. Releases that the cluster lacks come from the test assets."""
    assets = Path(os.environ.get("ATRIUM_TEST_ASSETS") or Path(__file__).parents[3] / "shared")
    more = ["--releases", str(assets / "manifests")] if assets.is_dir() else []
    made = subprocess.run(
        [str(ATRIUM), "cluster-up", overlay, *more, *words], capture_output=True, text=True, timeout=UP_SECONDS * 3
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return made.stdout


@contextmanager
def forwarded(to: str = "service/atrium") -> Iterator[str]:
    """The front door's address on this machine, through the API server; of one pod where `to` names it."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    command = ["kubectl", "port-forward", "-n", NAMESPACE, to, f"{port}:8080"]
    forwarding = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_door(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        forwarding.terminate()
        forwarding.wait(30)


def wait_for_door(url: str) -> None:
    """Until /healthz answers 200."""
    due = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < due:
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/healthz", timeout=10).status_code == httpx.codes.OK:
                return
        time.sleep(0.5)
    raise AssertionError(f"{url}/healthz did not answer 200 within {PATIENCE_SECONDS:.0f} s")


class Hidden(str):
    """A token that a failing test's report does not show."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


@dataclass(frozen=True)
class There:
    """The platform's address, a signed-in administrator, and tokens by project."""

    url: str
    admin: httpx.Client
    tokens: dict[str, Hidden]

    def client(self, project: str = PROJECT) -> httpx.Client:
        """A client that shows the project's token."""
        headers = {"Authorization": f"Bearer {self.tokens[project]}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)


def sign_in(url: str) -> httpx.Client:
    """A session of the administrator, by the sign-in form."""
    secret = kubectl("get", "secret", "atrium-admin", "-n", NAMESPACE, "-o", "jsonpath={.data.password}")
    client = httpx.Client(base_url=url, headers={"Origin": url}, timeout=60)
    form = {"name": "admin", "password": base64.b64decode(secret).decode()}
    answer = client.post("/auth/login", data=form)
    assert answer.status_code == httpx.codes.SEE_OTHER, answer.text
    return client


def made_there(url: str) -> There:
    """Two projects with a token each; both stay, so that tests may run again."""
    admin, tokens = sign_in(url), dict[str, Hidden]()
    for project in (PROJECT, OTHER):
        made = admin.post("/api/v1/projects", json={"name": project, "title": ""})
        assert made.status_code in (httpx.codes.CREATED, httpx.codes.CONFLICT), made.text
        token = admin.post("/api/v1/tokens", json={"name": "cluster test", "projects": [project], "days": 1})
        assert token.status_code == httpx.codes.CREATED, token.reason_phrase
        tokens[project] = Hidden(token.json()["text"])
    return There(url, admin, tokens)


def until_ready(there: There) -> None:
    """Until both projects have their namespace, and the proxy lets them through."""
    due = time.monotonic() + PATIENCE_SECONDS
    for project in (PROJECT, OTHER):
        with there.client(project) as client:
            while (found := client.get(f"/argo/api/v1/workflows/{project}")).status_code != httpx.codes.OK:
                assert found.status_code == httpx.codes.SERVICE_UNAVAILABLE and time.monotonic() < due, found.text
                time.sleep(0.5)


def ended(there: There, run: str, seconds: float = PATIENCE_SECONDS) -> dict[str, object]:
    """The run as REST gives it, once it has ended."""
    due = time.monotonic() + seconds
    with there.client() as client:
        while True:
            answer = client.get(f"/api/v1/projects/{PROJECT}/runs/{run}")
            if answer.status_code == httpx.codes.OK and answer.json()["phase"] in ENDED:
                return dict(answer.json())
            assert time.monotonic() < due, answer.text
            time.sleep(0.5)


def until(holds: Callable[[], bool]) -> None:
    """Waits for a condition."""
    due = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < due
        time.sleep(0.5)


def argo(there: There, *words: str, seconds: float = PATIENCE_SECONDS) -> str:
    """What the argo CLI prints, given the platform's address and a token of the project."""
    environment = {
        "ARGO_SERVER": there.url.removeprefix("http://"), "ARGO_BASE_HREF": "/argo", "ARGO_HTTP1": "true", "ARGO_SECURE": "false",
        "ARGO_TOKEN": f"Bearer {there.tokens[PROJECT]}", "ARGO_NAMESPACE": PROJECT, "KUBECONFIG": "/dev/null", "HOME": "/tmp",
    }  # fmt: skip
    made = subprocess.run([argo_binary(), *words], env=environment, capture_output=True, text=True, timeout=seconds)
    assert made.returncode == 0, made.stdout + made.stderr
    return made.stdout
