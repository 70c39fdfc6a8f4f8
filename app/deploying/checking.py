"""Checks of a cluster from inside: `atrium doctor --cluster`. Each asks the API server, or a pod that is gone afterwards."""

import ipaddress
import json
import signal
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.deploying.detecting import findings
from app.deploying.kubectl import Json, items, kubectl, tried
from app.deploying.waiting import pod_reasons
from app.doctor import Finding, Verdict
from atrium.clock import now

POLL_SECONDS, USER = 1.0, 10001
STORED = 'echo kept > /tried/file && sync && test "$(cat /tried/file)" = kept && rm /tried/file'
HIGHEST_GC_PERCENT = 90
GPU, GPU_HARDWARE = "nvidia.com/gpu", ("nvidia.com/gpu.present", "feature.node.kubernetes.io/pci-10de.present")
HOSTNAME = "kubernetes.io/hostname"
GIVEN = 'test -e /dev/nvidiactl || { echo "a container that was given a GPU has no /dev/nvidiactl"; exit 1; }'
PAGE = "docs/cluster-checks.md"
LABEL, LONGEST_CHECK = "atrium.io/checks", timedelta(hours=1)


@dataclass(frozen=True)
class Asked:
    """What a site wants checked: names that pods must find, ranges (CIDR) of its own networks, node ports, storage classes, images, folders of nodes,
    and the room (GiB) that each node must have left for images.
    """

    names: Sequence[str] = ()
    ranges: Sequence[str] = ()
    node_ports: Sequence[int] = ()
    classes: Sequence[str] = ()
    images: Sequence[str] = ()
    mounts: Sequence[str] = ()
    image_gib: int = 20
    probe: str = "docker.io/library/busybox:1.36"
    wait_seconds: int = 120
    space: str = field(default_factory=lambda: f"atrium-doctor-{uuid.uuid4().hex[:6]}")


def check_cluster(asked: Asked) -> Iterator[Finding]:
    """Every check, as it ends; the namespace of its pods is gone afterwards. Raises `ClusterSaidNo`."""
    yield from ranges(asked.ranges)
    yield from image_collection()
    yield from data_disks(asked.image_gib)
    yield from findings()
    clear_leavings()
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": asked.space, "labels": {LABEL: "true"}}}
    with ending_at_term():
        yield from _in_pods(asked, space)


def _in_pods(asked: Asked, space: Json) -> Iterator[Finding]:
    kubectl("create", "-f", "-", given=json.dumps(space))
    try:
        yield from (node_port(one, asked) for one in asked.node_ports)
        yield from (name_found(one, asked) for one in (own_name(), *asked.names))
        nodes = open_nodes()
        yield from (image_pulled(one, node, asked) for one in asked.images for node in nodes)
        yield from (mount_seen(one, node, asked) for one in asked.mounts for node in nodes)
        yield from (class_keeps(one, asked) for one in asked.classes)
        yield from gpus_given(asked)
    finally:
        kubectl("delete", "namespace", asked.space, "--wait=false", "--ignore-not-found")


def clear_leavings() -> None:
    """Deletes the namespaces of checks that were killed before they could, an hour later: none takes so long."""
    for one in items("namespaces", "-l", LABEL):
        if now() - datetime.fromisoformat(one["metadata"]["creationTimestamp"]) > LONGEST_CHECK:
            kubectl("delete", "namespace", one["metadata"]["name"], "--wait=false", "--ignore-not-found")


@contextmanager
def ending_at_term() -> Iterator[None]:
    """SIGTERM ends what runs inside as Ctrl-C does, so that what was made is taken away."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def ranges(sites: Sequence[str]) -> Iterator[Finding]:
    """Whether ranges of pods and Services overlap with each other or with the site's."""
    own = [
        (f"pods of {one['metadata']['name']}", text)
        for one in items("nodes")
        for text in one["spec"].get("podCIDRs") or []
    ]
    own += [("Services", text) for one in items("servicecidrs.networking.k8s.io") for text in one["spec"]["cidrs"]]
    every = [*own, *(("the site", text) for text in sites)]
    for number, (who, text) in enumerate(every):
        net = ipaddress.ip_network(text, strict=False)
        for other, wide in every[number + 1 :]:
            second = ipaddress.ip_network(wide, strict=False)
            if net.version == second.version and net.overlaps(second) and {who, other} != {"the site"}:
                yield _bad(
                    "ranges",
                    f"{text} of {who} overlaps with {wide} of {other}: what is there cannot be reached from pods",
                )
                return
    yield Finding(
        "ranges", Verdict.OK, f"{', '.join(f'{who}: {text}' for who, text in own) or 'none told'}; no overlap"
    )


def image_collection() -> Iterator[Finding]:
    """Each kubelet's thresholds of image garbage collection, as it runs with them."""
    for one in items("nodes"):
        name = one["metadata"]["name"]
        config = kubelet(name)
        yield collects(name, int(config["imageGCHighThresholdPercent"]), int(config["imageGCLowThresholdPercent"]))


def data_disks(least_gib: int) -> Iterator[Finding]:
    """Each node's disk of images and containers, as its kubelet measures it: the room left, and whether the node's own files lie on another."""
    for one in items("nodes"):
        name = one["metadata"]["name"]
        told = json.loads(kubectl("get", "--raw", f"/api/v1/nodes/{name}/proxy/stats/summary"))["node"]
        own, images = told["fs"], told["runtime"]["imageFs"]
        free_gib = images["availableBytes"] / 2**30
        found = f"{name} has {free_gib:.0f} GiB left for images and containers"
        if free_gib < least_gib:
            yield _bad("data disk", f"{found}, {least_gib} are asked")
        elif all(own[size] == images[size] for size in ("capacityBytes", "inodes")):
            yield _finding("data disk", Verdict.WARN, f"{found}, on the disk of its own files")
        else:
            yield Finding("data disk", Verdict.OK, f"{found}, on a disk of their own")


def gpus_given(asked: Asked) -> Iterator[Finding]:
    """Whether each node with GPUs of NVIDIA offers them, and a container that asks for one is given it: the toolkit is the default runtime."""
    for one in items("nodes"):
        name, labels = one["metadata"]["name"], one["metadata"]["labels"]
        if int(one["status"]["allocatable"].get(GPU, 0)) > 0:
            container = {"command": ["sh", "-c", GIVEN], "resources": {"limits": {GPU: 1}}}
            said = run_pod(asked, container, tolerations=[{"key": GPU, "operator": "Exists"}], **_on(one))
            yield _judged("GPU", said, name, f"{name} gives containers its GPUs")
        elif any(labels.get(label) == "true" for label in GPU_HARDWARE):
            yield _bad("GPU", f"{name} has GPUs of NVIDIA and offers no {GPU}")


def kubelet(node: str) -> Json:
    """The configuration with which a node's kubelet runs. Raises `ClusterSaidNo`."""
    found: Json = json.loads(kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/configz"))["kubeletconfig"]
    return found


def own_name() -> str:
    """The API server's whole name inside the cluster: small images' resolvers pass the search list over."""
    domain = kubelet(items("nodes")[0]["metadata"]["name"]).get("clusterDomain") or "cluster.local"
    return f"kubernetes.default.svc.{domain}"


def collects(node: str, high: int, low: int) -> Finding:
    """What thresholds mean, in percent of the images' disk."""
    if high > HIGHEST_GC_PERCENT or low >= high:
        return _bad(
            "image collection", f"{node} deletes images from {high} % on, down to {low} %: pods are evicted before that"
        )
    return Finding("image collection", Verdict.OK, f"{node} deletes images from {high} % on, down to {low} %")


def node_port(port: int, asked: Asked) -> Finding:
    """Whether a Service may have this port on nodes: one that leads nowhere is made, and gone with its namespace."""
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"port-{port}", "namespace": asked.space},
               "spec": {"type": "NodePort", "selector": {"app": "none"}, "ports": [{"port": 80, "nodePort": port}]}}  # fmt: skip
    made = tried("create", "-f", "-", given=json.dumps(service))  # a dry run does not look at the range
    if made.returncode:
        return _bad("node port", f"{port}: {made.stderr.strip()[-300:]}")
    return Finding("node port", Verdict.OK, f"{port} may be had and is free")


def name_found(name: str, asked: Asked) -> Finding:
    """Whether a pod finds this host by DNS, or by entries of its node's resolver."""
    said = run_pod(asked, {"command": ["nslookup", name]})
    return _judged("DNS", said, f"a pod does not find {name}", f"a pod finds {name}")


def open_nodes() -> list[Json]:
    """The nodes that take any pod."""
    closing = ("NoSchedule", "NoExecute")
    return [
        one
        for one in items("nodes")
        if not any(taint["effect"] in closing for taint in one["spec"].get("taints") or [])
    ]


def _on(node: Json) -> Json:
    """What of a pod's spec has it run on this node."""
    return {"nodeSelector": {HOSTNAME: node["metadata"]["labels"][HOSTNAME]}}


def image_pulled(image: str, node: Json, asked: Asked) -> Finding:
    """Whether a node's runtime fetches this image anew, through its mirrors; it is not started."""
    name = node["metadata"]["name"]
    said = run_pod(asked, {"image": image, "imagePullPolicy": "Always", "command": ["/none"]}, pulled=True, **_on(node))
    return _judged("registry", said, f"{name}: {image}", f"{name} fetches {image}")


def mount_seen(folder: str, node: Json, asked: Asked) -> Finding:
    """Whether the kubelet of a node sees this folder."""
    name, volume = node["metadata"]["name"], {"name": "seen", "hostPath": {"path": folder, "type": "Directory"}}
    container = {"command": ["ls", "/seen"], "volumeMounts": [{"name": "seen", "mountPath": "/seen", "readOnly": True}]}
    said = run_pod(asked, container, volumes=[volume], **_on(node))
    return _judged("mount", said, f"{name}: {folder}", f"the kubelet of {name} sees {folder}")


def class_keeps(name: str, asked: Asked) -> Finding:
    """Whether a volume of this class is given, and keeps a file that the platform's user writes and reads again."""
    claim = f"tried-{uuid.uuid4().hex[:8]}"
    spec = {"storageClassName": name, "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "64Mi"}}}
    made = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": claim, "namespace": asked.space},
        "spec": spec,
    }
    kubectl("create", "-f", "-", given=json.dumps(made))
    volume = {"name": "tried", "persistentVolumeClaim": {"claimName": claim}}
    container = {"command": ["sh", "-c", STORED], "volumeMounts": [{"name": "tried", "mountPath": "/tried"}]}
    said = run_pod(asked, container, volumes=[volume])
    kubectl("delete", "persistentvolumeclaim", claim, "-n", asked.space, "--wait=false")
    return _judged("storage", said, f"class {name!r}", f"class {name!r} keeps a file")


def run_pod(asked: Asked, container: Json, *, pulled: bool = False, **more: object) -> str:
    """Why a pod of this container, and `more` of its spec, does not succeed in time; empty where it does, or (`pulled`) once its image is there."""
    name = f"tried-{uuid.uuid4().hex[:8]}"
    whole = {"name": "main", "image": asked.probe, "imagePullPolicy": "IfNotPresent", **container}
    spec = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False,
            "securityContext": {"runAsUser": USER, "runAsGroup": USER, "fsGroup": USER}, "containers": [whole], **more}  # fmt: skip
    made = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": asked.space}, "spec": spec}
    kubectl("create", "-f", "-", given=json.dumps(made))
    try:
        return _outcome(name, pulled, asked)
    finally:
        kubectl("delete", "pod", name, "-n", asked.space, "--wait=false")


def _outcome(name: str, pulled: bool, asked: Asked) -> str:
    due = time.monotonic() + asked.wait_seconds
    while True:
        [pod] = items("pod", name, "-n", asked.space)
        status = pod.get("status") or {}
        phase, states = status.get("phase"), [one.get("state") or {} for one in status.get("containerStatuses") or []]
        if phase == "Succeeded" or (pulled and (status.get("containerStatuses") or [{}])[0].get("imageID")):
            return ""
        if phase == "Failed":
            return tried("logs", name, "-n", asked.space, "--tail=4").stdout.strip() or "it failed without a word"
        refused = any(
            (one.get("waiting") or {}).get("reason") in ("ErrImagePull", "ImagePullBackOff", "InvalidImageName")
            for one in states
        )
        if refused or time.monotonic() > due:
            return "; ".join(pod_reasons(pod)) or f"it did not start within {asked.wait_seconds} s"
        time.sleep(POLL_SECONDS)


def _judged(name: str, said: str, asked: str, kept: str) -> Finding:
    """What a pod's words mean, which are empty where all is well."""
    return _bad(name, f"{asked}: {said}") if said else Finding(name, Verdict.OK, kept)


def _bad(name: str, found: str) -> Finding:
    return _finding(name, Verdict.BAD, found)


def _finding(name: str, verdict: Verdict, found: str) -> Finding:
    return Finding(name, verdict, found, f"{PAGE}#{name.lower().replace(' ', '-')}")
