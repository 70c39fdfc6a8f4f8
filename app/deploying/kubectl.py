"""kubectl, asked for one thing at a time; what it says when it fails is told in three parts."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any

from atrium.errors import Unavailable

Json = dict[str, Any]
MANAGER = "atrium"
ANSWER_SECONDS = 120
SILENT = re.compile(
    r"was refused|connection refused|i/o timeout|handshake timeout|no such host|Unable to connect to the server|: EOF\b|connection reset"
)
CONFLICT = re.compile(r'conflicts? with "([^"]*)"')


class KubectlMissing(Unavailable):
    """There is no kubectl, or no cluster is named."""


class ClusterSaidNo(Unavailable):
    """kubectl or the cluster refused."""


class ClusterSilent(ClusterSaidNo):
    """The API server does not answer."""


def check_answered(asked: str, said: str) -> None:
    """Raises `ClusterSilent` where kubectl's words tell that no API server answered."""
    if SILENT.search(said):
        raise ClusterSilent(
            f"kubectl {asked[:200]}: {said.strip()[-500:]}",
            "the API server that KUBECONFIG names answers; what was applied so far stays",
            "start it or mend its address, and run the same again",
        )


def check_kubectl() -> str:
    """The cluster's version. Raises `KubectlMissing`, `ClusterSaidNo`."""
    if shutil.which("kubectl") is None:
        raise KubectlMissing("kubectl", "it must be on the path", "install it: https://kubernetes.io/docs/tasks/tools/")
    if not os.environ.get("KUBECONFIG"):
        told = "the cluster is chosen on purpose, by the variable KUBECONFIG"
        raise KubectlMissing(
            "a cluster", told, "export KUBECONFIG=~/.kube/config, after looking at its current context"
        )
    return str(json.loads(kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"])


def tried(*words: str, given: str = "") -> "subprocess.CompletedProcess[str]":
    """A finished kubectl."""
    command = ["kubectl", *words]
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False)


def kubectl(*words: str, given: str = "") -> str:
    """What kubectl prints. Raises `ClusterSaidNo` with its words."""
    made = tried(*words, given=given)
    if made.returncode:
        check_answered(" ".join(words), made.stderr)
        said = made.stderr.strip()[-1500:]
        raise ClusterSaidNo(
            f"kubectl {' '.join(words)[:200]}: {said}", "it must succeed", "mend what it says and run it again"
        )
    return made.stdout


def items(*words: str) -> list[Json]:
    """The objects of `kubectl get WORDS`; none where the cluster does not know the kind. Raises `ClusterSaidNo`."""
    made = tried("get", *words, "-o", "json", "--ignore-not-found")
    if made.returncode and "the server doesn't have a resource type" in made.stderr:
        return []
    if made.returncode:
        check_answered(f"get {' '.join(words)}", made.stderr)
        raise ClusterSaidNo(
            f"kubectl get {' '.join(words)}: {made.stderr.strip()[-500:]}",
            "it may be read",
            "ask for the right to read it",
        )
    found: Json = json.loads(made.stdout) if made.stdout.strip() else {"items": []}
    return list(found.get("items", [found]))


def apply(objects: Sequence[Json]) -> None:
    """Applies objects server-side, under the platform's name. Raises `ClusterSaidNo`."""
    made = applied(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))
    if made.returncode:
        check_answered("apply", made.stderr)
        raise ClusterSaidNo(
            f"kubectl apply: {made.stderr.strip()[-1500:]}", "it must succeed", "mend what it says and run it again"
        )


def applied(given: str, *more: str) -> "subprocess.CompletedProcess[str]":
    """A finished server-side apply. A field that somebody else manages is refused; one that we changed by a patch is ours to set."""
    words = ("apply", "--server-side", f"--field-manager={MANAGER}", *more, "-f", "-")
    made = tried(*words, given=given)
    if made.returncode and {*CONFLICT.findall(made.stderr)} == {MANAGER}:
        return tried(*words, "--force-conflicts", given=given)
    return made
