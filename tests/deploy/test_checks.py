"""Checks of a cluster: each is shown failing and passing on the real one, or by the very figures that a kubelet tells."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import cluster_platform
import pytest
from cluster_platform import PATIENCE_SECONDS, kubectl, until
from support import ATRIUM, CHECKOUT

from app.deploying.checking import LABEL, collects

on_cluster = pytest.mark.skipif(not cluster_platform.HERE, reason=cluster_platform.REASON)


@pytest.mark.parametrize(("high", "low", "verdict"), [(85, 80, "ok"), (100, 80, "bad"), (80, 80, "bad")])
def test_image_collection_is_good_only_where_it_comes_before_eviction(high: int, low: int, verdict: str) -> None:
    assert collects("node", high, low).verdict == verdict


@pytest.mark.parametrize(
    "name", ["Ranges", "Image collection", "Data disk", "GPU", "Node port", "DNS", "Registry", "Mount", "Storage"]
)
def test_each_check_has_its_part_of_the_docs(name: str) -> None:
    assert f"\n## {name}\n" in (CHECKOUT / "docs" / "cluster-checks.md").read_text()


def doctor(*words: str) -> list[tuple[str, str, str]]:
    """Name, verdict and text of each finding."""
    command = [ATRIUM, "doctor", "--cluster", "--json", *words]
    made = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert made.stdout, made.stderr[-2000:]
    return [(one["name"], one["verdict"], one["found"]) for one in json.loads(made.stdout)]


@on_cluster
@pytest.mark.cluster
@pytest.mark.timeout(900)
def test_each_check_is_shown_good_and_bad(tmp_path_factory: pytest.TempPathFactory) -> None:
    pods = kubectl("get", "nodes", "-o", "jsonpath={.items[0].spec.podCIDR}")
    good = ("--node-port", "30999", "--mount", "/etc", "--site-range", "198.51.100.0/24")
    bad = (
        "--node-port",
        "80",
        "--mount",
        "/none/such",
        "--name",
        "nobody.invalid",
        "--image",
        "127.0.0.1:9/none/such:1",
    )
    found = [*doctor(*good), *doctor("--wait-seconds", "30", "--site-range", pods, *bad)]
    verdicts = {(name, verdict) for name, verdict, _ in found}
    for name in ("ranges", "node port", "DNS", "mount"):
        assert {(name, "ok"), (name, "bad")} <= verdicts, (name, found)
    assert ("registry", "bad") in verdicts and any(name == "image collection" for name, _, _ in found)


@on_cluster
@pytest.mark.cluster
@pytest.mark.timeout(900)
def test_a_node_needs_room_for_images_and_one_that_gives_no_gpu_is_told() -> None:
    """By a node that is told to have a GPU, and has none."""
    node = kubectl("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}")

    def offer(count: str | None) -> None:
        gpus = {"nvidia.com/gpu": count}
        told = json.dumps({"status": {"capacity": gpus, "allocatable": gpus}})
        kubectl("patch", "node", node, "--subresource=status", "--type=merge", "-p", told)

    found = [doctor("--image-gib", "1")]
    try:
        kubectl("label", "node", node, "nvidia.com/gpu.present=true")
        found.append(doctor("--image-gib", str(10**6)))
        offer("1")
        found.append(doctor())
    finally:
        offer(None)
        kubectl("label", "node", node, "nvidia.com/gpu.present-")
    enough, small, given = ([one for one in told if one[0] in ("data disk", "GPU")] for told in found)
    assert [(name, verdict != "bad") for name, verdict, _ in enough] == [("data disk", True)], enough
    assert [verdict for _, verdict, _ in small] == ["bad", "bad"], small
    assert "1000000 are asked" in small[0][2] and "offers no nvidia.com/gpu" in small[1][2]
    assert given[-1] == ("GPU", "bad", f"{node}: a container that was given a GPU has no /dev/nvidiactl")


@on_cluster
@pytest.mark.cluster
@pytest.mark.timeout(900)
def test_checks_that_are_ended_leave_no_namespace() -> None:
    def spaces() -> set[str]:
        asked = ("get", "namespaces", "-l", LABEL, "-o", "jsonpath={.items[*].metadata.name}")
        return set(kubectl(*asked).split())

    before = spaces()
    command = [
        ATRIUM,
        "doctor",
        "--cluster",
        "--name",
        "nobody.invalid",
        "--wait-seconds",
        "600",
        "--probe-image",
        "nobody/none:1",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        until(lambda: bool(spaces() - before))
        running.terminate()
        assert running.wait(PATIENCE_SECONDS) == 128 + signal.SIGTERM
    until(lambda: spaces() <= before)


@on_cluster
@pytest.mark.cluster
@pytest.mark.timeout(900)
@pytest.mark.skipif(os.geteuid() != 0, reason="makes folders of the node, which is this machine")
def test_a_class_is_good_only_where_it_keeps_what_is_written() -> None:
    folder = Path("/var/tmp/atrium-tried-class")
    for name, mode in (("kept", 0o777), ("closed", 0o700)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name).chmod(mode)
        spec = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": f"tried-{name}",
                "persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": str(folder / name)}}  # fmt: skip
        volume = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": f"tried-{name}"}, "spec": spec}
        kubectl("apply", "-f", "-", given=json.dumps(volume))
    try:
        found = doctor("--storage-class", "tried-kept", "--storage-class", "tried-closed")
    finally:
        kubectl("delete", "persistentvolume", "tried-kept", "tried-closed", "--wait=false")
        shutil.rmtree(folder)
    assert [verdict for name, verdict, _ in found if name == "storage"] == ["ok", "bad"], found
    assert "denied" in found[-1][2].lower() and list(folder.parent.glob("atrium-tried-class*")) == []
