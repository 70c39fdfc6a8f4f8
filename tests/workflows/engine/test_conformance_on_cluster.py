"""Argo's own examples on the real Argo of the cluster that KUBECONFIG names, through its server: the contract is the embedded engine's."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
import yaml
from conformance_contract import ConformanceContract, Outcome
from lab import HERE, REASON, Lab, argo_url, kubectl, new_lab
from recordings import TEMPLATE_PATHS, as_recorded, documents, facts

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.cluster,
    pytest.mark.cluster_long,
    pytest.mark.skipif(not HERE, reason=REASON),
]
AT_ONCE, SECONDS = 4, 400.0  # a pod takes seconds to start on a small node
ENDED = ("Succeeded", "Failed", "Error")
LIMITS = {
    "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "my-config"}, "data": {"workflow": "3", "template": "3"},
}  # fmt: skip


def binding(name: str, role: str) -> dict:
    """What lets the namespace's own account do what a role of the cluster allows."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": "default"}],
    }  # fmt: skip


class Server:
    """Argo Server, asked as the namespace's account."""

    def __init__(self, lab: Lab) -> None:
        token = kubectl("create", "token", "default", "--duration", "4h", namespace=lab.namespace).strip()
        self.workflows = f"/api/v1/workflows/{lab.namespace}"
        self.http = httpx.Client(
            base_url=argo_url(), verify=False, headers={"Authorization": f"Bearer {token}"}, timeout=120
        )  # its certificate is its own

    def run(self, document: dict) -> dict:
        """Submits one and waits for its end: the facts, or what refuses it."""
        document["metadata"].pop("namespace", None)
        answer = self.http.post(self.workflows, json={"workflow": as_recorded(document)})
        if answer.status_code != 200:
            return {"refused": answer.text}
        address, due = f"{self.workflows}/{answer.json()['metadata']['name']}", time.monotonic() + SECONDS
        while True:
            found: dict[str, Any] = self.http.get(address).raise_for_status().json()
            if found.get("status", {}).get("phase") in ENDED:
                self.http.delete(address)
                return facts(found)
            assert time.monotonic() < due, f"{address} has not ended within {SECONDS} s"
            time.sleep(1)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    lab = new_lab()
    lab.apply(LIMITS, binding("asks", "admin"), binding("steps-may-edit", "edit"))
    made = Server(lab)
    yield made
    made.http.close()
    lab.delete()


@pytest.fixture(scope="module")
def support(server: Server, conformance: Path) -> Iterator[None]:
    """The templates and config maps that examples refer to; those of the whole cluster are deleted at the end."""
    namespace, everywhere = server.workflows.rpartition("/")[2], []
    for path in sorted((conformance / "examples").rglob("*.yaml")):
        for document in documents(path):
            if document.get("kind") in TEMPLATE_PATHS:
                document["metadata"].pop("namespace", None)
                if document["kind"] == "ClusterWorkflowTemplate":
                    everywhere.append(document["metadata"]["name"])
                kubectl("apply", "-f", "-", given=yaml.safe_dump(as_recorded(document)), namespace=namespace)
    yield
    kubectl("delete", "clusterworkflowtemplates.argoproj.io", "--ignore-not-found", *sorted(set(everywhere)))


@pytest.fixture(scope="module")
def begun(
    request: pytest.FixtureRequest, server: Server, support: None, conformance: Path
) -> Iterator[dict[str, Future[list[dict]]]]:
    """All examples that are to be tried, a few at a time; each test waits for its own."""
    chosen = [one.callspec.params["name"] for one in request.session.items if request.module is one.module]

    def run(name: str) -> list[dict]:
        found = documents(conformance / "examples" / name)
        return [server.run(one) for one in found if one["kind"] == "Workflow"]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {name: pool.submit(run, name) for name in chosen}
        pool.shutdown(wait=False, cancel_futures=True)


class TestOnCluster(ConformanceContract):
    """The real Argo."""

    unsteady: ClassVar[dict[str, str]] = {
        "dag-task-level-timeout.yaml": "a pod's own start counts into its timeout of 20 s: on a busy node it is over sooner",
    }

    @pytest.fixture
    def outcome(self, begun: dict[str, Future[list[dict]]]) -> Outcome:
        return lambda name: begun[name].result()
