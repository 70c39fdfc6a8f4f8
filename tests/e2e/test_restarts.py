"""Kills, and what is found afterwards. Runs last: it stops and starts parts of the platform."""

import json
import os
import signal
import time
from collections.abc import Callable

import httpx
import pytest
from support import Platform

pytestmark = pytest.mark.platform


def until(found: Callable[[], bool], seconds: float = 60) -> None:
    due = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < due, "did not come in time"
        time.sleep(0.2)


def pid_of(platform: Platform, module: str) -> int:
    import psutil

    supervisor = psutil.Process(int((platform.home / "run" / "supervisord.pid").read_text()))
    return next(child.pid for child in supervisor.children() if module in child.cmdline())


def up(platform: Platform, name: str) -> bool:
    import subprocess

    from support import ATRIUM

    said = subprocess.run(
        [str(ATRIUM), "status", "--json"], env=platform.environment, capture_output=True, text=True
    ).stdout
    return next(one for one in json.loads(said) if one["name"] == name)["state"] == "up"


def test_a_run_goes_on_after_the_workflow_server_was_killed(platform: Platform) -> None:
    token, api = platform.token("flights"), f"{platform.url}/argo/api/v1/workflows/flights"
    headers = {"Authorization": f"Bearer {token}"}
    step = {"container": {"image": "busybox:1", "command": ["sleep", "2"]}}
    tasks = [{"name": "a", "template": "a"}, {"name": "b", "template": "b", "depends": "a"}]
    templates = [{"name": "main", "dag": {"tasks": tasks}}, {"name": "a", **step}, {"name": "b", **step}]
    manifest = {"metadata": {"generateName": "killed-"}, "spec": {"entrypoint": "main", "templates": templates}}
    name = httpx.post(api, json={"workflow": manifest}, headers=headers).json()["metadata"]["name"]
    os.kill(pid_of(platform, "workflows.engine"), signal.SIGKILL)

    def phase() -> str:
        answer = httpx.get(f"{api}/{name}", headers=headers)
        return str(answer.json()["status"]["phase"]) if answer.is_success else ""

    until(lambda: phase() == "Succeeded")


@pytest.mark.parametrize(("module", "name"), [("app.rest", "api"), ("tenancy.gate", "gate")])
def test_a_killed_component_is_started_again(platform: Platform, module: str, name: str) -> None:
    os.kill(pid_of(platform, module), signal.SIGKILL)
    until(lambda: up(platform, name))


def test_a_revoked_token_is_refused_within_two_seconds(platform: Platform) -> None:
    headers = {"Authorization": f"Bearer {platform.token('flights')}"}
    url = f"{platform.url}/v2/models/flights--flight-delay"
    assert httpx.get(url, headers=headers).status_code == 200
    newest = httpx.get(f"{platform.url}/api/v1/tokens", headers=headers).json()[0]["id"]
    assert httpx.delete(f"{platform.url}/api/v1/tokens/{newest}", headers=headers).status_code == 204
    until(lambda: httpx.get(url, headers=headers).status_code == 403, seconds=2)
