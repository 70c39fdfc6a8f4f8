"""A namespace of the cluster that KUBECONFIG names, with an account as docs/clusters.md tells; gone after the measurement."""

import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit
from uuid import uuid4

import yaml

from app.deploying.found import find_argo
from app.deploying.kubectl import Json, items, kubectl
from app.deploying.releases import release
from atrium.errors import AtriumError
from bench.figures import wait_until
from bench.tunnel import Tunnel
from workflows.clusters.kube import Kube
from workflows.clusters.kubeconfig import read_kubeconfig

CHECKOUT = Path(__file__).resolve().parent.parent
WORKFLOWS = "/apis/argoproj.io/v1alpha1/namespaces/{}/workflows"
COMPLETED = {"workflows.argoproj.io/completed": "true", "workflows.argoproj.io/phase": "Succeeded"}
AT_ONCE, SEEN_SECONDS, WATCH_SECONDS = 8, 120.0, 3600


@dataclass
class Space:
    """The namespace; `config` reaches its API server directly, `tunneled` through `tunnel`; `seen` tells when each workflow was there."""

    namespace: str
    argo_url: str
    config: str
    tunneled: str
    tunnel: Tunnel
    seen: dict[str, float] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Its workflows at the API server."""
        return WORKFLOWS.format(self.namespace)

    def watch(self) -> None:
        """Notes the moment at which the API server tells of each new workflow, until the process ends."""
        with Kube("bench", read_kubeconfig(self.config)) as kube:
            version = str(kube.ask("GET", self.path, limit="1")["metadata"]["resourceVersion"])
            for change, found in kube.watch(self.path, version, WATCH_SECONDS):
                if change == "ADDED":
                    self.seen.setdefault(str(found["metadata"]["name"]), time.time())

    def new_one(self, before: set[str]) -> str:
        """The workflow that was made since, once it is there."""
        wait_until(lambda: bool(set(self.seen) - before), SEEN_SECONDS)
        [name] = set(self.seen) - before
        return name

    def fill(self, one: str, count: int) -> None:
        """Copies of a finished workflow, as they would be kept."""
        with Kube("bench", read_kubeconfig(self.config)) as kube, ThreadPoolExecutor(AT_ONCE) as pool:
            whole = kube.ask("GET", f"{self.path}/{one}")
            list(pool.map(lambda number: kube.ask("POST", self.path, _copy(whole, number)), range(count)))


def _copy(whole: Json, number: int) -> Json:
    labels = {**(whole["metadata"].get("labels") or {}), **COMPLETED}
    metadata = {"name": f"copy-{number}", "labels": labels}
    return {
        "apiVersion": whole["apiVersion"],
        "kind": "Workflow",
        "metadata": metadata,
        "spec": whole["spec"],
        "status": whole["status"],
    }


@contextmanager
def space() -> Iterator[Space]:
    """A fresh namespace, watched. Raises `ClusterSaidNo`, `ArgoUnfit`; RuntimeError where the cluster has no Argo."""
    argo = find_argo(release("argo-workflows").knows)
    if argo is None:
        raise RuntimeError("the cluster has no Argo Workflows: make cluster-up installs it")
    name = f"atrium-bench-{uuid4().hex[:6]}"
    kubectl("create", "namespace", name)
    try:
        kubectl("apply", "-n", name, "-k", str(CHECKOUT / "deploy" / "project"))
        for secret in argo.secrets:
            [found] = items("secret", secret, "-n", argo.namespace)
            copied = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret}, "data": found["data"]}
            kubectl("apply", "-n", name, "-f", "-", given=json.dumps(copied))
        config = _config(name)
        server = urlsplit(config["clusters"][0]["cluster"]["server"])
        made = Space(
            name,
            argo_url(argo.namespace),
            yaml.safe_dump(config),
            "",
            Tunnel(str(server.hostname), server.port or 443),
        )
        config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{made.tunnel.port}"
        made.tunneled = yaml.safe_dump(config)
        Thread(target=_watching, args=(made,), daemon=True).start()
        yield made
        made.tunnel.close()
    finally:
        kubectl("delete", "namespace", name, "--wait=false")


def _watching(made: Space) -> None:
    try:
        made.watch()
    except AtriumError as error:  # its namespace goes, or the cluster
        print(f"  the watch of {made.namespace} ended: {error}", flush=True)


def _config(namespace: str) -> Json:
    whole: Json = yaml.safe_load(kubectl("config", "view", "--minify", "--flatten", "--raw"))
    token = kubectl("create", "token", "atrium", "-n", namespace, "--duration", "2h").strip()
    context = {"name": "bench", "context": {"cluster": whole["clusters"][0]["name"], "user": "atrium"}}
    users = [{"name": "atrium", "user": {"token": token}}]
    return {**whole, "users": users, "contexts": [context], "current-context": "bench"}


def argo_url(namespace: str) -> str:
    """The Argo Server's address, as this machine reaches it."""
    named = os.environ.get("ATRIUM_TEST_ARGO_SERVER")
    address = named or kubectl("get", "service", "argo-server", "-n", namespace, "-o", "jsonpath={.spec.clusterIP}")
    return f"https://{address}" if ":" in address else f"https://{address}:2746"
