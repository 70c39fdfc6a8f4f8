"""The whole platform behind a certificate of its own: every stock client, a step, a service, a demo, a browser."""

import json
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import numpy as np
import pytest
import real_models
import tritonclient.grpc
import tritonclient.http
from certificates import make_pair
from instances import instance, running, until
from playwright.sync_api import expect
from support import ATRIUM, CHECKOUT, PASSWORD, Platform, chromium

pytestmark = [pytest.mark.platform, pytest.mark.timeout(900), pytest.mark.filterwarnings("ignore::DeprecationWarning")]
DEMO = "flight-delay--flights.localhost"


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    cert, key = make_pair(tmp_path_factory.mktemp("pair"))
    home = tmp_path_factory.mktemp("secure")
    with running(home, ATRIUM_TLS_CERT=str(cert), ATRIUM_TLS_KEY=str(key)) as made:
        for project in ("flights", "digits"):
            made.atrium("project", "create", project)
        yield made


@pytest.fixture(scope="module")
def token(secure: Platform) -> str:
    return secure.atrium("token", "create", "tls", "--project", "flights", "--project", "digits").strip()


@pytest.fixture(scope="module")
def client(secure: Platform, token: str) -> Iterator[httpx.Client]:
    trusted = ssl.create_default_context(cafile=secure.environment["ATRIUM_TLS_CERT"])
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=secure.url, verify=trusted, headers=headers, timeout=120) as made:
        yield made


@pytest.fixture(scope="module")
def served(secure: Platform, token: str, client: httpx.Client) -> None:
    """A model registered with the stock MLflow client over TLS, in service with a demo."""
    environment = secure.environment | {
        "MLFLOW_TRACKING_URI": f"{secure.url}/mlflow", "MLFLOW_TRACKING_TOKEN": token,
        "MLFLOW_TRACKING_SERVER_CERT_PATH": secure.environment["ATRIUM_TLS_CERT"],
    }  # fmt: skip
    script = CHECKOUT / "tests" / "serving" / "register_models.py"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    api = "/api/v1/projects/flights"
    wanted = {"model": "flight-delay", "version": "champion"}
    deployed = client.put(f"{api}/services/flight-delay", json=wanted, params={"wait_seconds": "110"})
    assert deployed.json()["state"] == "live", deployed.text
    assert client.put(f"{api}/demos/flight-delay", json={"service": "flight-delay"}).is_success


def test_every_component_is_up_and_the_doctor_knows_the_certificate(secure: Platform) -> None:
    said = json.loads(
        subprocess.run([str(ATRIUM), "doctor", "--json"], env=secure.environment, capture_output=True, text=True).stdout
    )
    assert {one["state"] for one in said["components"]} == {"up"}
    found = next(one for one in said["machine"] if one["name"] == "certificate")
    assert found["verdict"] == "ok" and "localhost" in found["found"]


@pytest.mark.parametrize("library", [tritonclient.http, tritonclient.grpc], ids=["http", "grpc"])
def test_the_stock_tritonclient_asks_over_tls(served: None, secure: Platform, token: str, library: object) -> None:
    rows, address = real_models.flights()[0].head(3), secure.url.removeprefix("https://")
    cert = secure.environment["ATRIUM_TLS_CERT"]
    if library is tritonclient.http:
        made = tritonclient.http.InferenceServerClient(
            address, ssl=True, ssl_context_factory=lambda: ssl.create_default_context(cafile=cert)
        )
    else:
        made = tritonclient.grpc.InferenceServerClient(address, ssl=True, root_certificates=cert)
    inputs = []
    for name, values in real_models.feeds(rows).items():
        inputs.append(library.InferInput(name, list(values.shape), "BYTES" if values.dtype == object else "FP32"))  # type: ignore[attr-defined]
        inputs[-1].set_data_from_numpy(values)
    with closing(made):
        answer = made.infer("flights--flight-delay", inputs, headers={"authorization": f"Bearer {token}"})
    assert np.allclose(answer.as_numpy("probabilities"), real_models.direct(rows)[1], atol=1e-6)


def test_a_step_reaches_mlflow_and_rest_although_the_certificate_is_nobodys(
    secure: Platform, client: httpx.Client
) -> None:
    source = (
        "import os, urllib.request as u\n"
        "for path in ('/api/v1/me', '/mlflow/api/2.0/mlflow/experiments/search?max_results=1'):\n"
        "    ask = u.Request(os.environ['ATRIUM_URL'] + path, headers={'Authorization': 'Bearer ' + os.environ['MLFLOW_TRACKING_TOKEN']})\n"
        "    print(u.urlopen(ask).status)\n"
    )
    step = {"name": "main", "script": {"image": "python:3.11", "command": ["python"], "source": source}}
    manifest = {"metadata": {"generateName": "step-"}, "spec": {"entrypoint": "main", "templates": [step]}}
    made = client.post("/argo/api/v1/workflows/flights", json={"workflow": manifest})
    name = made.json()["metadata"]["name"]

    def phase() -> str:
        return str(client.get(f"/argo/api/v1/workflows/flights/{name}").json()["status"].get("phase"))

    until(lambda: phase() in ("Succeeded", "Failed", "Error"), "the step's end")
    assert phase() == "Succeeded", secure.atrium("logs", name, "--project", "flights")


def test_the_argo_cli_submits_and_reads_over_tls(secure: Platform, token: str, tmp_path: Path) -> None:
    binary = os.environ.get("ATRIUM_TEST_ARGO") or str(Path.home() / ".cache/testcluster/bin/argo")
    if not Path(binary).exists():
        pytest.skip("the real argo CLI is not on this machine (ATRIUM_TEST_ARGO)")
    template = {"name": "say", "container": {"image": "busybox:1", "command": ["echo", "hello over tls"]}}
    manifest = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"generateName": "tls-"},
                "spec": {"entrypoint": "say", "templates": [template]}}  # fmt: skip
    (tmp_path / "tls.yaml").write_text(json.dumps(manifest))
    environment = secure.environment | {
        "ARGO_SERVER": secure.url.removeprefix("https://"), "ARGO_BASE_HREF": "/argo", "ARGO_HTTP1": "true", "ARGO_SECURE": "true",
        "ARGO_TOKEN": f"Bearer {token}", "ARGO_NAMESPACE": "flights", "KUBECONFIG": "/dev/null",
        "SSL_CERT_FILE": secure.environment["ATRIUM_TLS_CERT"],
    }  # fmt: skip

    def argo(*arguments: str) -> str:
        made = subprocess.run([binary, *arguments], env=environment, capture_output=True, text=True, timeout=120)
        assert made.returncode == 0, made.stderr
        return made.stdout

    watched = argo("submit", "--watch", str(tmp_path / "tls.yaml"))
    assert "Succeeded" in watched
    (name,) = set(re.findall(r"Name:\s+(tls-\S+)", watched))
    assert "hello over tls" in argo("logs", name, "--no-color")


@pytest.mark.browser
def test_a_browser_sees_pages_and_the_demo_over_tls(served: None, secure: Platform) -> None:
    with chromium() as browser:
        context = browser.new_context(ignore_https_errors=True, locale="en-US")
        page = context.new_page()
        page.set_default_timeout(90_000)
        page.goto(f"{secure.url}/app/services?project=flights")
        page.get_by_label("Name").fill("admin")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=90_000)
        port = int(secure.url.rsplit(":", 1)[1]) + 1
        page.goto(f"https://{DEMO}:{port}/")
        expect(page.get_by_role("button").first).to_be_visible(timeout=90_000)
        expect(page).to_have_url(re.compile(DEMO))
        cookies = context.cookies()
        assert cookies and all(
            one["secure"] and one["httpOnly"] for one in cookies if one["name"].startswith("atrium_")
        )


def test_an_unusable_certificate_is_told_at_the_start_and_nothing_runs(tmp_path: Path) -> None:
    cert, _ = make_pair(tmp_path, "one")
    _, key = make_pair(tmp_path, "two")
    made = instance(tmp_path / "home", ATRIUM_TLS_CERT=str(cert), ATRIUM_TLS_KEY=str(key))
    said = subprocess.run([str(ATRIUM), "up", "--no-examples"], env=made.environment, capture_output=True, text=True)
    assert said.returncode == 1 and "does not belong to certificate" in said.stderr
    assert "next:    name the two files that were made together" in said.stderr
    assert not (made.home / "supervisord.conf").exists()
