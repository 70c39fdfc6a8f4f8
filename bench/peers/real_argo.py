"""The real Argo on the cluster that `KUBECONFIG` names: the same works as Workflow objects, watched through Kubernetes' API."""

import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from app.deploying.kubectl import kubectl
from bench.cluster_space import argo_url
from bench.figures import Figure, median_of, seconds_of, wait_until
from bench.steps import LIMIT_SECONDS, MANY, WORKS, Work, hopeless, manifest

WHERE: dict[str, str] = {"group": "argoproj.io", "version": "v1alpha1", "plural": "workflows"}
IMAGE = "busybox:1.36"
HOW = "real Argo on the cluster; a pod a step"
ENDED = ("Succeeded", "Failed", "Error")
LABEL = "atrium-bench"
LIVE, LISTED, PAGE, AT_ONCE, ROUNDS = 100, 10_000, 50, 8, 20
SERVER = "argo-server"  # its container, service and account
MEMORY_OF = ("workflow-controller", SERVER)
CLOCK = "cut -d' ' -f1 /proc/uptime >/tmp/moment; grep btime /proc/stat >>/tmp/moment"  # busybox' date has no parts of a second
Json = dict[str, Any]


@dataclass(frozen=True)
class Cluster:
    """The API of Kubernetes, and the namespace that Argo serves."""

    api: Any
    core: Any
    namespace: str

    @property
    def where(self) -> dict[str, str]:
        """Its workflows."""
        return WHERE | {"namespace": self.namespace}

    def create(self, workflow: Json) -> str:
        """Makes a workflow; its name."""
        labels = {LABEL: "", **(workflow["metadata"].get("labels") or {})}
        metadata = workflow["metadata"] | {"labels": labels}
        body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", **workflow, "metadata": metadata}
        return str(self.api.create_namespaced_custom_object(**self.where, body=body)["metadata"]["name"])

    def get(self, name: str) -> Json:
        """A workflow."""
        found: Json = self.api.get_namespaced_custom_object(**self.where, name=name)
        return found

    def clean(self) -> None:
        """Deletes every workflow of the measurement."""
        self.api.delete_collection_namespaced_custom_object(**self.where, label_selector=LABEL)

    def memory_mib(self) -> dict[str, float]:
        """Working set of Argo's controller and server, in MiB, as the kubelets tell."""
        found = dict.fromkeys(MEMORY_OF, 0.0)
        for node in self.core.list_node().items:
            told = json.loads(kubectl("get", "--raw", f"/api/v1/nodes/{node.metadata.name}/proxy/stats/summary"))
            for pod in told["pods"]:
                for one in pod["containers"]:
                    if pod["podRef"]["namespace"] == self.namespace and one["name"] in found:
                        found[one["name"]] += one["memory"]["workingSetBytes"] / 2**20
        return found


def _connect() -> Cluster:
    from kubernetes import client, config

    config.load_kube_config()  # type: ignore[no-untyped-call]
    return Cluster(client.CustomObjectsApi(), client.CoreV1Api(), os.environ.get("ARGO_NAMESPACE", "argo"))


def _to_its_end(there: Cluster, workflow: Json) -> Json:
    """Runs a workflow; as it ended. Raises RuntimeError where it does not succeed, TimeoutError after three minutes."""
    name, found = there.create(workflow), Json()

    def done() -> bool:
        nonlocal found
        found = there.get(name)
        return (found.get("status") or {}).get("phase") in ENDED

    try:
        wait_until(done, LIMIT_SECONDS)
    finally:
        there.api.delete_namespaced_custom_object(**there.where, name=name)
    if found["status"]["phase"] != "Succeeded":
        raise RuntimeError(f"workflow {name} ended {found['status']['phase']}: {found['status'].get('message')}")
    return found


def _work(work: Work) -> Json:
    body: Json = dict(manifest(work, "true"))
    body["spec"]["templates"][1]["container"] |= {"image": IMAGE, "imagePullPolicy": "IfNotPresent"}
    return body


def _one(template: Json) -> Json:
    return {"metadata": {"generateName": "bench-"}, "spec": {"entrypoint": "main", "templates": [template]}}


def _latency(there: Cluster) -> Figure:
    """From the moment of submitting to the step's own first instruction, by the clock since the machine's start, which both share."""
    container = {"image": IMAGE, "imagePullPolicy": "IfNotPresent", "command": ["sh", "-c", CLOCK]}
    told = {"parameters": [{"name": "moment", "valueFrom": {"path": "/tmp/moment"}}]}
    begun = float(Path("/proc/uptime").read_text().split()[0])
    found = _to_its_end(there, _one({"name": "main", "container": container, "outputs": told}))
    moment, _, boot = next(iter(found["status"]["nodes"].values()))["outputs"]["parameters"][0]["value"].split()[:3]
    if f"btime {boot}" not in Path("/proc/stat").read_text():
        return Figure("first step's latency: Argo", None, "ms", note=f"its node is another machine; {HOW}")
    return Figure("first step's latency: Argo", (float(moment) - begun) * 1000, "ms", note=HOW)


def _live(there: Cluster) -> Figure:
    """Controller and server with live workflows, each suspended: a step before it would take a pod each."""
    before = sum(there.memory_mib().values())
    names = [there.create(_one({"name": "main", "suspend": {}})) for _ in range(LIVE)]

    def waits(name: str) -> bool:
        return (there.get(name).get("status") or {}).get("phase") == "Running"

    wait_until(lambda: all(waits(name) for name in names), LIMIT_SECONDS)
    time.sleep(20)  # the kubelet looks every ten seconds
    found = there.memory_mib()
    there.clean()
    parts = ", ".join(f"{name} {mib:.0f}" for name, mib in found.items())
    note = f"idle {before:.0f} MiB; {parts}; working set as the kubelet tells, workflows suspended without a pod"
    return Figure(f"server with {LIVE} live workflows: Argo", sum(found.values()), "MiB", note=note)


def _lists(there: Cluster) -> Figure:
    """A page of its server's list of ended workflows, copies of one."""
    title = f"list page, {LISTED:,} ended runs: Argo"
    moment, begun = "2026-01-01T00:00:00Z", time.monotonic()
    status = {"phase": "Succeeded", "startedAt": moment, "finishedAt": moment}
    labels = {f"workflows.argoproj.io/{key}": value for key, value in (("completed", "true"), ("phase", "Succeeded"))}

    def copy(_number: int) -> bool:
        if time.monotonic() - begun > LIMIT_SECONDS:
            return False
        one = _one({"name": "main", "suspend": {}})
        there.create({**one, "metadata": {"generateName": "bench-", "labels": labels}, "status": status})
        return True

    with ThreadPoolExecutor(AT_ONCE) as pool:
        made = sum(pool.map(copy, range(LISTED)))
    if made < LISTED:
        there.clean()
        return Figure(title, None, "ms", note=f"{made:,} workflows came there in {LIMIT_SECONDS:.0f} s")
    token = kubectl("create", "token", SERVER, "-n", there.namespace).strip()
    headers, path = {"Authorization": f"Bearer {token}"}, f"/api/v1/workflows/{there.namespace}"
    with httpx.Client(base_url=argo_url(there.namespace), headers=headers, verify=False, timeout=60) as client:

        def ask() -> int:
            answer = client.get(path, params={"listOptions.limit": str(PAGE)}).raise_for_status().json()
            return len(answer["items"] or [])

        wait_until(lambda: ask() == PAGE, LIMIT_SECONDS)
        spent = median_of(lambda: seconds_of(ask), ROUNDS) * 1000
    there.clean()
    return Figure(title, spent, "ms", note=f"{PAGE} a page, workflows at the API server, not its database's archive")


def rows() -> Iterator[Figure]:
    """Its rows, or one line that says that there is no cluster."""
    if not os.environ.get("KUBECONFIG"):
        yield Figure("real Argo", None, "", note="no cluster: KUBECONFIG is not set")
        return
    there = _connect()
    try:
        yield from _bounded("first step's latency: Argo", "ms", partial(_latency, there))
        spent: dict[str, float] = {}
        for work in WORKS:
            yield from _of_work(there, work, spent)
        yield from _bounded(f"server with {LIVE} live workflows: Argo", "MiB", partial(_live, there))
        yield from _bounded(f"list page, {LISTED:,} ended runs: Argo", "ms", partial(_lists, there))
    finally:
        there.clean()


def _of_work(there: Cluster, work: Work, spent: dict[str, float]) -> Iterator[Figure]:
    name = f"{work.name}: Argo"
    if work is MANY and (why := hopeless(spent)):
        yield Figure(name, None, "s", note=f"{why}; {HOW}")
        return

    def run() -> Figure:
        spent[work.key] = seconds_of(partial(_to_its_end, there, _work(work)))
        return Figure(name, spent[work.key], "s", note=HOW)

    yield from _bounded(name, "s", run)


def _bounded(name: str, unit: str, measure: Callable[[], Figure]) -> Iterator[Figure]:
    try:
        yield measure()
    except TimeoutError:
        yield Figure(name, None, unit, note=f"over {LIMIT_SECONDS:.0f} s; {HOW}")
