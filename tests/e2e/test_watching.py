"""What the platform measures and notices of itself. Runs last: it stops and kills parts of the platform."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from support import ATRIUM, Platform

pytestmark = [pytest.mark.platform, pytest.mark.timeout(400)]
NOTICED_SECONDS = 240.0


def until(found: Callable[[], object], what: str, seconds: float = NOTICED_SECONDS) -> None:
    due = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < due, f"{what} did not come within {seconds} s"
        time.sleep(1)


@pytest.fixture(scope="module")
def administrator(platform: Platform) -> dict[str, str]:
    """The headers of a token that administers the platform."""
    token = platform.atrium("token", "create", "prometheus", "--administrator").strip()
    return {"Authorization": f"Bearer {token}"}


def get(platform: Platform, path: str, headers: dict[str, str]) -> httpx.Response:
    return httpx.get(platform.url + path, headers=headers, timeout=30)


def process(platform: Platform, module: str) -> psutil.Process:
    supervisor = psutil.Process(int((platform.home / "run" / "supervisord.pid").read_text()))
    return next(child for child in supervisor.children() if module in child.cmdline())


def test_metrics_are_prometheus_text_with_bounded_labels(platform: Platform, administrator: dict[str, str]) -> None:
    answer = get(platform, "/metrics", administrator)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    sources = {one.labels["source"]: one.value for one in families["atrium_collector_up"].samples}
    assert {source for source, up in sources.items() if not up} == set()
    up = {one.labels["component"] for one in families["atrium_component_up"].samples}
    assert {"door", "gate", "argo", "triton", "worker"} <= up
    assert up - {one["name"] for one in json.loads(status(platform))} == set()
    served = {(one.labels["project"], one.labels["service"]) for one in families["atrium_service_requests"].samples}
    assert ("flights", "flight-delay") in served
    assert {"argo_workflows_gauge", "nv_inference_request_success", "atrium_disk_free_bytes"} <= set(families)
    classes = {one.labels["code_class"] for one in families["atrium_door_requests"].samples}
    assert classes <= {"1xx", "2xx", "3xx", "4xx", "5xx"}


def status(platform: Platform) -> str:
    made = subprocess.run(
        [str(ATRIUM), "status", "--json"], env=platform.environment, capture_output=True, text=True, timeout=120
    )
    return made.stdout


def test_metrics_are_the_administrators_alone(platform: Platform) -> None:
    engineer = {"Authorization": f"Bearer {platform.token('flights')}"}
    assert get(platform, "/metrics", engineer).status_code == 403
    assert httpx.get(f"{platform.url}/metrics").status_code == 401
    assert get(platform, "/argo/metrics", engineer).status_code == 403


def test_prometheus_or_the_sampler_draws_the_charts_and_says_which(
    platform: Platform, administrator: dict[str, str]
) -> None:
    expected = "prometheus" if shutil.which("prometheus") else "sampler"

    def drawn() -> bool:
        charts = get(platform, "/api/v1/projects/flights/charts/hour", administrator).json()
        return bool(charts and charts["answerer"] == expected and charts["lines"]["memory"])

    until(drawn, f"charts by {expected}")
    assert get(platform, "/api/v1/projects/flights/charts/year", administrator).status_code == 400


def alerts(platform: Platform, headers: dict[str, str], rule: str, component: str) -> list[dict[str, object]]:
    found = get(platform, "/api/v1/projects/flights/alerts", headers).json()
    return [one for one in found if (one["rule"], one["object"]) == (rule, component)]


@pytest.fixture
def stopped(platform: Platform) -> Iterator[psutil.Process]:
    """The feature server, which does not answer until it is let go on."""
    found = process(platform, "feature_store.server")
    until(lambda: time.time() - found.create_time() > 90, "a feature server that is no longer starting")
    found.send_signal(signal.SIGSTOP)
    yield found
    found.send_signal(signal.SIGCONT)


def test_a_silent_component_fires_its_alert_which_is_resolved_when_it_answers(
    platform: Platform, administrator: dict[str, str], stopped: psutil.Process
) -> None:
    def state() -> str:
        found = alerts(platform, administrator, "ComponentDown", "feast")
        return str(found[0]["state"]) if found else ""

    until(lambda: state() == "firing", "the alert")
    why = get(platform, "/api/v1/why/components/feast", administrator).json()
    assert "runs but does not answer since" in why["because"]
    assert any("restart feast" in step["command"] for step in why["next_steps"])
    stopped.send_signal(signal.SIGCONT)
    until(lambda: state() == "resolved", "its end")


def test_a_killed_component_is_told_as_restarted(platform: Platform, administrator: dict[str, str]) -> None:
    os.kill(process(platform, "serving.demos").pid, signal.SIGKILL)
    until(lambda: alerts(platform, administrator, "ComponentRestarting", "demos"), "the alert")
    said = platform.atrium("why", "component/demos")
    assert "It died and was started again" in said
