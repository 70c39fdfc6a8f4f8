"""A namespace of the cluster that KUBECONFIG names, set up for one project as docs/clusters.md tells, and deleted at the end."""

import os
import subprocess
from dataclasses import dataclass
from uuid import uuid4

import yaml
from small_platform import CHECKOUT

ARGO = os.environ.get("ATRIUM_TEST_ARGO_NAMESPACE", "argo")
HERE = bool(os.environ.get("KUBECONFIG"))
REASON = "a real cluster is tried where KUBECONFIG names one"


def kubectl(*words: str, given: str = "", namespace: str = "") -> str:
    """What kubectl prints; fails with its words where it fails."""
    where = ["-n", namespace] if namespace else []
    made = subprocess.run(["kubectl", *words, *where], input=given, capture_output=True, text=True, timeout=120)
    assert made.returncode == 0, f"kubectl {' '.join(words)}: {made.stderr}"
    return made.stdout


def argo_url() -> str:
    """The Argo Server's address, as this machine reaches it."""
    named = os.environ.get("ATRIUM_TEST_ARGO_SERVER")
    address = named or kubectl("get", "service", "argo-server", "-o", "jsonpath={.spec.clusterIP}", namespace=ARGO)
    return f"https://{address}" if ":" in address else f"https://{address}:2746"


@dataclass(frozen=True)
class Lab:
    """The namespace, and the kubeconfig of the platform's account in it."""

    namespace: str

    def token(self, *more: str) -> str:
        """A token of the platform's account."""
        return kubectl("create", "token", "atrium", *more, namespace=self.namespace).strip()

    def kubeconfig(self, token: str = "") -> str:
        """With the cluster's own address and authority."""
        whole = yaml.safe_load(kubectl("config", "view", "--minify", "--flatten", "--raw"))
        user = {"name": "atrium", "user": {"token": token or self.token()}}
        context = {"name": "lab", "context": {"cluster": whole["clusters"][0]["name"], "user": "atrium"}}
        return yaml.safe_dump({**whole, "users": [user], "contexts": [context], "current-context": "lab"})

    def apply(self, *objects: object) -> None:
        """Applies objects."""
        kubectl("apply", "-f", "-", given=yaml.safe_dump_all(objects), namespace=self.namespace)

    def delete(self) -> None:
        """Deletes the namespace, without waiting for it."""
        kubectl("delete", "namespace", self.namespace, "--wait=false")


def new_lab() -> Lab:
    """A fresh namespace with the account, the steps' rights, and the artifact store's key."""
    lab = Lab(f"atrium-test-{uuid4().hex[:6]}")
    kubectl("create", "namespace", lab.namespace)
    kubectl("apply", "-k", str(CHECKOUT / "deploy" / "project"), namespace=lab.namespace)
    secret = yaml.safe_load(kubectl("get", "secret", "s3-cred", "-o", "yaml", namespace=ARGO))
    lab.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s3-cred"}, "data": secret["data"]})
    return lab
