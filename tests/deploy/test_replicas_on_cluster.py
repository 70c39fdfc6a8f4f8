"""Two replicas of the platform on a real cluster: one address, one person's page, one ledger of schedules; and one of the pods is killed."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import datetime, timedelta

import httpx
import pytest
from cluster_platform import HERE, NAMESPACE, PROJECT, REASON, There, cluster_up, forwarded, kubectl, sign_in, until
from support import chromium, open_from_the_side_bar
from test_on_cluster import WORKFLOW
from turns import in_turns

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.cluster,
    pytest.mark.cluster_long,
    pytest.mark.browser,
    pytest.mark.skipif(not HERE, reason=REASON),
]
PATIENCE_MILLISECONDS = 60_000


def _pods() -> list[str]:
    """Names of the platform's pods that are ready."""
    told = json.loads(kubectl("get", "pods", "-n", NAMESPACE, "-l", "app=atrium", "-o", "json"))["items"]
    alive = [one for one in told if not one["metadata"].get("deletionTimestamp")]
    ready = [
        one
        for one in alive
        if any(each["type"] == "Ready" and each["status"] == "True" for each in one["status"].get("conditions") or ())
    ]
    return [str(one["metadata"]["name"]) for one in ready]


@pytest.fixture(scope="module")
def pods(there: There) -> Iterator[list[str]]:
    """Two pods that are ready; afterwards the overlay that was there."""
    cluster_up(overlay="ha")
    until(lambda: len(_pods()) == 2)
    yield _pods()
    cluster_up()


class Reached:
    """One address whose connections come to both pods in turns, each by its own way through the API server."""

    def __init__(self, pods: list[str], opened: ExitStack) -> None:
        self.ways = {pod: opened.enter_context(ExitStack()) for pod in pods}
        ports = [int(self.ways[pod].enter_context(forwarded(f"pod/{pod}")).rpartition(":")[2]) for pod in pods]
        self.url = f"http://localhost:{opened.enter_context(in_turns([('127.0.0.1', port) for port in ports]))}"

    def kill(self, pod: str) -> None:
        """Ends a pod at once; nothing is led to it any more, as a Service does with an address that is gone."""
        kubectl("delete", "pod", pod, "-n", NAMESPACE, "--grace-period=0", "--force")
        self.ways[pod].close()

    def client(self, there: There) -> httpx.Client:
        """A client that shows the project's token, made when there was one pod."""
        headers = {"Authorization": f"Bearer {there.tokens[PROJECT]}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, transport=httpx.HTTPTransport(retries=1))


@pytest.fixture(scope="module")
def reached(pods: list[str]) -> Iterator[Reached]:
    with ExitStack() as opened:
        yield Reached(pods, opened)


def _led_to(pod: str) -> set[str]:
    """Addresses of the pods to which this pod's front door led people's pages."""
    asked = "curl -s --unix-socket /var/lib/atrium/run/door-admin.sock http://door/clusters"
    told = kubectl("exec", "-n", NAMESPACE, pod, "-c", "atrium", "--", "sh", "-c", asked).splitlines()
    counts = [line.split("::") for line in told if line.startswith("replicas::") and "::rq_total::" in line]
    return {host.partition(":")[0] for _, host, _, count in counts if int(count)}


def test_tokens_and_sessions_hold_at_both_pods(there: There, reached: Reached) -> None:
    for _ in range(4):
        with reached.client(there) as client:  # each comes by another pod
            assert client.get("/api/v1/me").json()["name"] == "admin"
    with closing(sign_in(reached.url)) as signed_in:
        cookies = dict(signed_in.cookies)
    for _ in range(4):
        assert httpx.get(f"{reached.url}/api/v1/me", cookies=cookies, timeout=60).json()["name"] == "admin"


def test_a_page_goes_on_and_no_slot_is_lost_or_doubled_when_a_pod_is_killed(
    there: There, pods: list[str], reached: Reached
) -> None:
    path = f"/api/v1/projects/{PROJECT}/pipelines/minutely"
    with reached.client(there) as client:
        assert client.put(path, json={"manifest": json.dumps(WORKFLOW)}).is_success
        assert client.put(f"{path}/schedule", json={"crontab": "* * * * *", "overlap": "Allow"}).is_success
    with chromium() as browser:
        context = browser.new_context(locale="en-US")
        with closing(sign_in(reached.url)) as signed_in:
            kept = list(signed_in.cookies.jar)
        context.add_cookies([{"name": one.name, "value": one.value or "", "url": reached.url} for one in kept])
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        page.goto(f"{reached.url}/app/")
        for title in ("Pipelines", "Datasets", "Overview"):
            open_from_the_side_bar(page, title)
        [has_it] = {at for pod in pods for at in _led_to(pod)}
        reached.kill(next(pod for pod in pods if _address(pod) == has_it))
        open_from_the_side_bar(page, "Settings")
        open_from_the_side_bar(page, "Pipelines")
    begun = time.time()
    with reached.client(there) as left:
        until(lambda: len(_started(left, path)) >= 2 and time.time() - begun > 65)
        started = _started(left, path)
        assert left.delete(f"{path}/schedule").is_success
    runs = json.loads(kubectl("get", "workflows", "-n", PROJECT, "-o", "json"))["items"]
    assert {one["metadata"]["name"] for one in runs} >= set(started)
    minutes = sorted(datetime.fromisoformat(one["moment"]) for one in started.values())
    assert minutes == [minutes[0] + timedelta(minutes=number) for number in range(len(minutes))]


def _address(pod: str) -> str:
    return kubectl("get", "pod", pod, "-n", NAMESPACE, "-o", "jsonpath={.status.podIP}")


def _started(client: httpx.Client, path: str) -> dict[str, dict[str, str]]:
    """Slots whose run was started, by the run's name."""
    told = client.get(f"{path}/schedule/slots").json()
    return {one["run"]: one for one in told["items"] if one["state"] == "Started"}
