"""Images carried to a private registry and to a node's containerd, and pods that run from there."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import cluster_platform
import image_registry
import pytest
from cluster_platform import PATIENCE_SECONDS, cluster_up, kubectl
from image_registry import PrivateRegistry, private_registry
from support import ATRIUM

from app.deploying.images.lock import NAME, Lock
from app.deploying.images.mirroring import mirror
from app.deploying.images.names import Image
from app.deploying.images.places import Place, skopeo
from app.deploying.images.rewriting import PULL_SECRET, pull_secrets, rewritten

SOCKET = Path(os.environ.get("ATRIUM_TEST_CONTAINERD") or Path.home() / ".cache/testcluster/containerd.sock")
SPACE, BUSYBOX = "atrium-images", "docker.io/library/busybox:1.36"
pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.cluster,
    pytest.mark.skipif(not cluster_platform.HERE, reason=cluster_platform.REASON),
    pytest.mark.skipif(not (SOCKET.exists() and image_registry.HERE), reason=f"the node is this machine: {SOCKET}"),
]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRegistry]:
    with private_registry(tmp_path_factory.mktemp("registry")) as made:
        kubectl("create", "namespace", SPACE)
        yield made
        kubectl("delete", "namespace", SPACE, "--wait=false")


@pytest.fixture(scope="module")
def lock(registry: PrivateRegistry, tmp_path_factory: pytest.TempPathFactory) -> Lock:
    """The node's busybox, carried to the registry."""
    folder = tmp_path_factory.mktemp("carried")
    ctr("export", str(folder / "node.tar"), BUSYBOX)
    place = folder / BUSYBOX.replace(":", "/")
    place.mkdir(parents=True)
    skopeo("copy", "-q", "--dest-compress", f"oci-archive:{folder / 'node.tar'}", f"dir:{place}")
    goal = Place(registry.address, plain_http=True, authfile=str(registry.authfile))
    made = mirror([Image("busybox:1.36", "Pod")], Place(str(folder)), goal, Lock({}), print)
    made.write(folder / NAME)
    assert list(made.digests) == [BUSYBOX]
    return made


def ctr(*words: str) -> None:
    command = ["ctr", "--address", str(SOCKET), "-n", "k8s.io", "images", *words]
    subprocess.run(command, check=True, capture_output=True, timeout=300)


def pod(name: str, image: str, policy: str) -> dict[str, object]:
    container = {"name": "main", "image": image, "imagePullPolicy": policy, "command": ["echo", "carried"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": SPACE},
            "spec": {"restartPolicy": "Never", "containers": [container]}}  # fmt: skip


def comes_to(name: str, words: tuple[str, ...]) -> str:
    """The first of `words` that the pod's status holds."""
    due = time.monotonic() + PATIENCE_SECONDS
    while True:
        status = kubectl("get", "pod", name, "-n", SPACE, "-o", "jsonpath={.status}")
        if found := [one for one in words if one in status]:
            return found[0]
        assert time.monotonic() < due, status
        time.sleep(0.5)


def test_pods_come_from_the_registry_by_digest_with_the_secret_and_not_without(
    registry: PrivateRegistry, lock: Lock
) -> None:
    [closed] = rewritten([pod("closed", "busybox:1.36", "Always")], registry.address, lock, secret=False)
    kubectl("apply", "-f", "-", given=json.dumps(closed))
    assert comes_to("closed", ("no basic auth", "401", "authorization failed", "Succeeded")) != "Succeeded"
    [opened] = rewritten([pod("opened", "busybox:1.36", "Always")], registry.address, lock, secret=True)
    assert opened["spec"]["imagePullSecrets"] == [{"name": PULL_SECRET}]
    assert lock.digests[BUSYBOX] in opened["spec"]["containers"][0]["image"]
    for one in (*pull_secrets([opened], registry.authfile), opened):
        kubectl("apply", "--server-side", "-f", "-", given=json.dumps(one))
    assert comes_to("opened", ("Succeeded", "Failed")) == "Succeeded"


def test_a_node_without_a_registry_runs_what_was_loaded_by_tag_and_by_digest(
    registry: PrivateRegistry, lock: Lock, tmp_path: Path
) -> None:
    lock.write(tmp_path / NAME)
    flags = ("--lock", tmp_path / NAME, "--plain-http", "--authfile", registry.authfile, "--containerd", SOCKET)
    command = [ATRIUM, "images", "load", "--from", registry.address, "--registry", "gone.site:5000", *flags]
    loaded = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert "1 images are on this node" in loaded.stdout, loaded.stderr
    bare = f"gone.site:5000/{BUSYBOX.rpartition(':')[0]}"
    for name, image in (("by-tag", f"{bare}:1.36"), ("by-digest", f"{bare}@{lock.digests[BUSYBOX]}")):
        kubectl("apply", "-f", "-", given=json.dumps(pod(name, image, "Never")))
        assert comes_to(name, ("Succeeded", "ErrImageNeverPull", "Failed")) == "Succeeded"


@pytest.mark.usefixtures("put_there")
def test_the_plan_for_a_site_without_the_internet_names_every_image_and_applies_nothing(tmp_path: Path) -> None:
    listed = subprocess.run([ATRIUM, "images", "list", "airgap"], capture_output=True, text=True, timeout=120).stdout
    Lock({line.split()[0]: "sha256:" + "ab" * 32 for line in listed.splitlines()}).write(tmp_path / NAME)
    before = kubectl("get", "deployment", "-A", "-o", "jsonpath={.items[*].spec.template.spec.containers[*].image}")
    said = cluster_up("--plan", "--registry", "registry.site:5000", "--lock", str(tmp_path / NAME), overlay="airgap")
    assert "Plan:" in said and "registry.site:5000" in said
    assert (
        kubectl("get", "deployment", "-A", "-o", "jsonpath={.items[*].spec.template.spec.containers[*].image}")
        == before
    )
