"""The overlay for a site without the internet, applied for real: every image mirrored to a private registry, and pods that come from there."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import cluster_platform
import image_registry
import pytest
from cluster_platform import (
    NAMESPACE,
    PROJECT,
    There,
    cluster_up,
    ended,
    forwarded,
    in_pod,
    kubectl,
    made_there,
    until_ready,
)
from image_registry import PrivateRegistry, private_registry
from support import ATRIUM

from app.deploying.images.lock import NAME
from app.deploying.images.places import skopeo
from app.deploying.images.rewriting import PULL_SECRET

SOCKET = Path(os.environ.get("ATRIUM_TEST_CONTAINERD") or Path.home() / ".cache/testcluster/containerd.sock")
STEP = {
    "name": "say",
    "container": {"image": "atrium/runtime:1", "imagePullPolicy": "IfNotPresent", "command": ["echo", "carried"]},
}
pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.cluster,
    pytest.mark.cluster_long,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.skipif(not cluster_platform.HERE, reason=cluster_platform.REASON),
    pytest.mark.skipif(not (SOCKET.exists() and image_registry.HERE), reason=f"the node is this machine: {SOCKET}"),
]


def atrium(*words: str | Path) -> str:
    """What the command line prints."""
    made = subprocess.run([ATRIUM, *words], capture_output=True, text=True, timeout=1800)
    assert made.returncode == 0, made.stdout + made.stderr
    return made.stdout


def ctr(*words: str) -> None:
    command = ["ctr", "--address", str(SOCKET), "-n", "k8s.io", "images", *words]
    subprocess.run(command, check=True, capture_output=True, timeout=900)


@pytest.fixture(scope="module")
def carried(put_there: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The overlay's images as they are on the node, in a folder as `atrium images mirror` makes it where the internet is."""
    folder = tmp_path_factory.mktemp("carried")
    for line in atrium("images", "list", "airgap").splitlines():
        name, place = line.split()[0], folder / line.split()[0].replace(":", "/")
        if "the same as" in line:
            continue
        place.mkdir(parents=True)
        ctr("export", str(folder / "node.tar"), name)
        skopeo("copy", "-q", f"oci-archive:{folder / 'node.tar'}", f"dir:{place}", seconds=900)
        (folder / "node.tar").unlink()
    atrium("images", "lock", "airgap", "--from", folder, "--lock", folder / NAME)
    return folder


@pytest.fixture(scope="module")
def registry(carried: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRegistry]:
    """A registry that holds all of them; the cluster is as it was afterwards."""
    with private_registry(tmp_path_factory.mktemp("registry")) as made:
        flags = ("--plain-http", "--authfile", made.authfile)
        said = atrium("images", "mirror", "airgap", "--from", carried, "--to", made.address, *flags)
        assert f"images are in {made.address}" in said
        try:
            yield made
        finally:
            cluster_up()


def test_the_platform_and_its_steps_run_from_a_private_registry_alone(registry: PrivateRegistry, carried: Path) -> None:
    said = cluster_up(
        "--registry",
        registry.address,
        "--lock",
        str(carried / NAME),
        "--authfile",
        str(registry.authfile),
        overlay="airgap",
    )
    assert "NOT READY" not in said
    pods = json.loads(kubectl("get", "pods", "-n", NAMESPACE, "--field-selector=status.phase=Running", "-o", "json"))[
        "items"
    ]
    live = [one for one in pods if not one["metadata"].get("deletionTimestamp")]
    apps = {"atrium", "atrium-postgres", "atrium-seaweedfs", "atrium-redis"}
    assert {one["metadata"]["labels"]["app"] for one in live} == apps
    for one in live:
        for container in one["spec"]["containers"]:
            assert container["image"].startswith(f"{registry.address}/") and "@sha256:" in container["image"]
            assert container["imagePullPolicy"] != "Always"
        assert {"name": PULL_SECRET} in one["spec"]["imagePullSecrets"]
    events = kubectl("get", "events", "-n", NAMESPACE, "-o", "jsonpath={.items[*].message}")
    assert f'Successfully pulled image "{registry.address}/' in events
    with forwarded() as url:
        there = made_there(url)
        until_ready(there)
        _step_comes_from(registry, there)
        there.admin.close()


def _step_comes_from(registry: PrivateRegistry, there: There) -> None:
    workflow = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "metadata": {"generateName": "carried-"},
                "spec": {"entrypoint": "say", "templates": [STEP]}}  # fmt: skip
    with there.client() as client:
        made = client.post(f"/argo/api/v1/workflows/{PROJECT}", json={"workflow": workflow})
        run = made.json()["metadata"]["name"]
        assert ended(there, run)["phase"] == "Succeeded", made.text
    pod = json.loads(kubectl("get", "pods", "-n", PROJECT, "-l", f"workflows.argoproj.io/workflow={run}", "-o", "json"))
    [spec] = [one["spec"] for one in pod["items"]]
    assert [one["image"] for one in spec["containers"] if one["name"] == "main"] == [
        f"{registry.address}/docker.io/atrium/runtime:1"
    ]
    assert "carried" in in_pod("atrium", "logs", run, "--project", PROJECT)
