"""A cluster that hangs: pages answer within a second with what was seen last and its age, and go on when it is back."""

import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
import yaml
from lab import HERE, REASON, Lab, argo_url, kubectl
from small_platform import until

import monitoring
import workflows
from atrium.identity import platform_actor
from bench.tunnel import Tunnel
from workflows.clusters.models import ClusterUnavailable
from workflows.clusters.watch import watch_clusters

pytestmark = [pytest.mark.timeout(900), pytest.mark.cluster, pytest.mark.skipif(not HERE, reason=REASON)]
WHO = platform_actor("tests")
SECONDS = 240.0
HELLO = """
kind: Workflow
spec:
  entrypoint: main
  templates: [{name: main, container: {image: "busybox:1.36", imagePullPolicy: IfNotPresent, command: [echo, hello]}}]
"""


@pytest.fixture
def tunnel(lab: Lab) -> Iterator[Tunnel]:
    """The cluster `lab` reached through a tunnel from now on."""
    server = urlsplit(kubectl("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}"))
    if server.hostname not in ("127.0.0.1", "localhost"):
        pytest.skip("the API server's certificate must be good for 127.0.0.1, where the tunnel begins")
    made = Tunnel("127.0.0.1", server.port or 443)
    whole = yaml.safe_load(lab.kubeconfig())
    whole["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{made.port}"
    workflows.renew_cluster(WHO, "lab", yaml.safe_dump(whole))
    watch_clusters()
    yield made
    made.thaw()
    workflows.renew_cluster(WHO, "lab", lab.kubeconfig())
    watch_clusters()
    made.close()


def seconds(ask: Callable[[], object]) -> float:
    begun = time.monotonic()
    ask()
    return time.monotonic() - begun


def state() -> workflows.ClusterView:
    [found] = [one for one in workflows.list_clusters(WHO) if one.name == "lab"]
    return found


def test_pages_answer_at_once_while_the_api_server_hangs(lab: Lab, tunnel: Tunnel) -> None:
    workflows.save_pipeline(WHO, "flights", "hello", HELLO, "lab")
    run = workflows.run_pipeline(WHO, "flights", "hello", cluster="lab")
    until(lambda: workflows.get_run(WHO, "flights", run).phase == "Succeeded", "its end", SECONDS)
    tunnel.freeze()
    until(lambda: "did not answer" in state().problem, "the silence", 60)
    for ask in (
        lambda: workflows.get_run(WHO, "flights", run), lambda: workflows.list_runs(WHO, "flights"),
        lambda: workflows.run_reasons(WHO, "flights", run), lambda: workflows.list_clusters(WHO),
    ):  # fmt: skip
        assert seconds(ask) < 1
    view = workflows.get_run(WHO, "flights", run)
    assert view.phase == "Succeeded"
    assert view.heard_at
    assert "did not answer" in view.problem
    assert any("last heard" in one.said.text for one in monitoring.why(WHO, "flights", f"run/{run}").evidence)
    refused: list[Callable[[], object]] = [
        lambda: workflows.run_pipeline(WHO, "flights", "hello", cluster="lab"), lambda: workflows.run_logs(WHO, "flights", run),
        lambda: workflows.act_on_run(WHO, "flights", run, "resubmit"),
    ]  # fmt: skip
    for change in refused:
        begun = time.monotonic()
        with pytest.raises(ClusterUnavailable, match="does not answer"):
            change()
        assert time.monotonic() - begun < 1
    tunnel.thaw()
    until(lambda: not state().problem, "its answer", SECONDS)
    made = yaml.safe_load(HELLO) | {"apiVersion": "argoproj.io/v1alpha1", "metadata": {"name": "after-silence"}}
    lab.apply(made)
    until(
        lambda: "after-silence" in [one.name for one in workflows.list_runs(WHO, "flights").items],
        "what came after",
        SECONDS,
    )


def test_an_argo_server_that_is_not_there_is_told_by_its_cluster(lab: Lab) -> None:
    assert argo_url() == state().argo_url
    workflows.remove_cluster(WHO, "lab")
    workflows.add_cluster(WHO, "lab", lab.kubeconfig(), "https://127.0.0.1:9", {"flights": lab.namespace})
    try:
        [bad] = [one for one in workflows.check_cluster(WHO, "lab") if not one.good]
        assert bad.name == "Argo Server https://127.0.0.1:9"
        with pytest.raises(ClusterUnavailable, match="'lab'"):
            workflows.save_pipeline(WHO, "flights", "hello", HELLO, "lab")
    finally:
        workflows.remove_cluster(WHO, "lab")
        workflows.add_cluster(WHO, "lab", lab.kubeconfig(), argo_url(), {"flights": lab.namespace}, argo_checked=False)
        watch_clusters()
