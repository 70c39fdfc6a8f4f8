"""Kills, and what is found afterwards. Runs last: it stops and starts parts of the platform."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from functools import lru_cache

import httpx
import pytest
from instances import component_pids
from support import ATRIUM, Platform

from app.components import COMPONENTS

pytestmark = pytest.mark.platform


def until(found: Callable[[], bool], seconds: float = 60) -> None:
    due = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < due, "did not come in time"
        time.sleep(0.2)


def shown(platform: Platform, name: str) -> dict[str, str]:
    """What `atrium status` says of a component."""
    said = subprocess.run([str(ATRIUM), "status", "--json"], env=platform.environment, capture_output=True, text=True)
    return dict(next(one for one in json.loads(said.stdout) if one["name"] == name))


def test_a_run_goes_on_after_the_workflow_server_was_killed(platform: Platform) -> None:
    token, api = platform.token("flights"), f"{platform.url}/argo/api/v1/workflows/flights"
    headers = {"Authorization": f"Bearer {token}"}
    step = {"container": {"image": "busybox:1", "command": ["sleep", "2"]}}
    tasks = [{"name": "a", "template": "a"}, {"name": "b", "template": "b", "depends": "a"}]
    templates = [{"name": "main", "dag": {"tasks": tasks}}, {"name": "a", **step}, {"name": "b", **step}]
    manifest = {"metadata": {"generateName": "killed-"}, "spec": {"entrypoint": "main", "templates": templates}}
    name = httpx.post(api, json={"workflow": manifest}, headers=headers).json()["metadata"]["name"]
    os.kill(component_pids(platform)["argo"], signal.SIGKILL)

    def phase() -> str:
        answer = httpx.get(f"{api}/{name}", headers=headers)
        return str(answer.json()["status"]["phase"]) if answer.is_success else ""

    until(lambda: phase() == "Succeeded")


def _asks(platform: Platform, name: str) -> bool:
    """Whether a request that needs this component works again, as a client sends it."""
    headers = {"Authorization": f"Bearer {_token(platform)}"}
    port = int(platform.url.rsplit(":", 1)[1]) + 1
    paths = {
        "gate": "/api/v1/me", "door": "/healthz", "api": "/api/v1/me", "argo": "/argo/api/v1/workflows/flights?listOptions.limit=1",
        "mlflow": "/mlflow/api/2.0/mlflow/experiments/search?max_results=1", "feast": "/feast/flights/health",
        "triton": "/v2/models/flights--flight-delay/ready", "portal": "/app/_stcore/health",
    }  # fmt: skip
    try:
        if name == "worker":
            return time.time() - (platform.home / "run" / "worker.beat").stat().st_mtime < 10
        if name == "demos":
            host = {"Host": f"open--flights.localhost:{port}"}
            return httpx.get(f"http://127.0.0.1:{port}/", headers=host, timeout=20).status_code == 200
        return httpx.get(platform.url + paths[name], headers=headers, timeout=20).status_code == 200
    except httpx.TransportError:
        return False


@lru_cache
def _token(platform_url: Platform) -> str:
    return platform_url.token("flights")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", [one.name for one in COMPONENTS if one.name != "prometheus"])
def test_each_killed_component_is_started_again_shown_and_answers(platform: Platform, name: str) -> None:
    if name == "demos":
        body, headers = {"service": "flight-delay", "public": True}, {"Authorization": f"Bearer {_token(platform)}"}
        httpx.put(f"{platform.url}/api/v1/projects/flights/demos/open", json=body, headers=headers).raise_for_status()
    before = component_pids(platform)[name]
    since = shown(platform, name)["since"]
    os.kill(before, signal.SIGKILL)
    until(lambda: component_pids(platform).get(name, before) != before, 120)
    until(lambda: _asks(platform, name), 240)
    until(lambda: shown(platform, name)["state"] == "up", 240)
    assert shown(platform, name)["since"] > since


def test_a_revoked_token_is_refused_within_two_seconds(platform: Platform) -> None:
    headers = {"Authorization": f"Bearer {platform.token('flights')}"}
    url = f"{platform.url}/v2/models/flights--flight-delay"
    assert httpx.get(url, headers=headers).status_code == 200
    newest = httpx.get(f"{platform.url}/api/v1/tokens", headers=headers).json()["items"][0]["id"]
    assert httpx.delete(f"{platform.url}/api/v1/tokens/{newest}", headers=headers).status_code == 204
    until(lambda: httpx.get(url, headers=headers).status_code == 403, seconds=2)
