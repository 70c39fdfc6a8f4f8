"""A workflow as the state machine sees it: Argo's JSON, and what the machine keeps beside it."""

import hashlib
import json
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson

from workflows.engine.durations import seconds_in

Json = dict[str, Any]
SUCCEEDED, FAILED, ERROR = "Succeeded", "Failed", "Error"
PENDING, RUNNING, SKIPPED, OMITTED = "Pending", "Running", "Skipped", "Omitted"
ESTIMATES = "_estimates"  # hidden in a status: by a node's name without its workflow's, the seconds that it took before
CARRIED = frozenset({"Pod", "HTTP", "Plugin"})
FULFILLED = frozenset({SUCCEEDED, FAILED, ERROR, SKIPPED, OMITTED})
COMPLETED = frozenset({SUCCEEDED, FAILED, ERROR})
BAD = frozenset({FAILED, ERROR})
FNV_OFFSET, FNV_PRIME = 2166136261, 16777619
LONGEST_POD_PREFIX = 253 - 11


def compact_json(value: object) -> bytes:
    """`value` as JSON, quickly; what orjson does not know (integers over 64 bits, lone surrogates) by Python's own."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode()


@lru_cache(1 << 14)
def fnv32a(text: str) -> int:
    """FNV-1a of 32 bits, by which Argo names nodes."""
    value = FNV_OFFSET
    for byte in text.encode():
        value = ((value ^ byte) * FNV_PRIME) & 0xFFFFFFFF
    return value


def node_id(workflow: str, name: str) -> str:
    """Id of the node `name` (`wf.task`, `wf[0].step`): the workflow's name and a hash."""
    return workflow if name == workflow else f"{workflow}-{fnv32a(name)}"


def pod_name(workflow: str, template: str, name: str) -> str:
    """Name of the node's pod, as Argo 3.7 forms it (v2)."""
    if name == workflow:
        return workflow
    prefix = f"{workflow}-{template}" if template else workflow
    return f"{prefix[:LONGEST_POD_PREFIX]}-{fnv32a(name)}"


def has_ended(node: Json) -> bool:
    """Whether nothing waits for the node any more: it came to its end, or it is a daemon that runs."""
    return node["phase"] in FULFILLED or (bool(node.get("daemoned")) and node["phase"] != PENDING)


def stamp(moment: datetime) -> str:
    """A moment as Kubernetes writes it, to the second, UTC."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Workflow:
    """`document` holds apiVersion, kind, metadata, spec and status without nodes; `nodes` Argo's nodes by id.

    `work` holds, by node id, what the runner needs of a pod (its filled template); `dirty` the ids changed since the last save,
    `texts` nodes as JSON, so that a large workflow is not written out whole each time somebody looks at it. `memory` is the state
    machine's own, worked out from the rest: who changes nodes without the machine sets it to None.
    """

    document: Json
    nodes: dict[str, Json] = field(default_factory=dict)
    work: dict[str, Json] = field(default_factory=dict)
    dirty: set[str] = field(default_factory=set)
    texts: dict[str, str] = field(default_factory=dict)
    memory: object | None = field(default=None, repr=False, compare=False)

    @property
    def metadata(self) -> Json:
        """Kubernetes' metadata."""
        return self.document["metadata"]  # type: ignore[no-any-return]

    @property
    def name(self) -> str:
        """Its name, one in its namespace."""
        return str(self.metadata["name"])

    @property
    def namespace(self) -> str:
        """Its namespace: the project."""
        return str(self.metadata["namespace"])

    @property
    def uid(self) -> str:
        """Its id for ever."""
        return str(self.metadata["uid"])

    @property
    def spec(self) -> Json:
        """Argo's spec, as stored with templates resolved."""
        return self.document["status"].get("storedWorkflowTemplateSpec") or self.document["spec"]  # type: ignore[no-any-return]

    @property
    def status(self) -> Json:
        """Argo's status, without nodes."""
        return self.document["status"]  # type: ignore[no-any-return]

    @property
    def phase(self) -> str:
        """The workflow's phase."""
        return str(self.status.get("phase") or PENDING)

    @property
    def done(self) -> bool:
        """Whether it has come to its end."""
        return self.phase in FULFILLED

    def node(self, name: str) -> Json | None:
        """The node of that name, or None."""
        return self.nodes.get(node_id(self.name, name))

    def anew(self, moment: datetime) -> "Workflow":
        """Another workflow of the same name, with the same nodes."""
        metadata = self.metadata | {"uid": new_uid(), "creationTimestamp": stamp(moment)}
        return Workflow({**self.document, "metadata": metadata}, self.nodes, self.work, {*self.nodes})

    def touch(self, node: Json) -> None:
        """Notes that the node changed."""
        self.dirty.add(node["id"])

    def pods(self, *phases: str) -> Iterable[Json]:
        """Nodes in one of the phases that the runner carries out: pods, requests, plugins, and what else has a pod's work."""
        found = (node for node in self.nodes.values() if node["phase"] in phases)
        return (node for node in found if node["type"] in CARRIED or node["id"] in self.work)

    def saved(self) -> None:
        """Notes that everything is on disk."""
        for key in self.dirty:
            self.texts.pop(key, None)
        self.dirty.clear()

    def rendered(self, nodes: bool = True) -> Json:
        """The whole object as Argo's REST shows it; with or without its nodes."""
        status = {key: value for key, value in self.status.items() if not key.startswith("_")}
        return {
            **self.document,
            "status": status | self._summed() | ({"nodes": self.nodes} if nodes and self.nodes else {}),
        }

    def text(self) -> str:
        """`rendered()` as JSON text."""
        whole = compact_json(self.rendered(nodes=False)).decode()
        if not self.nodes:
            return whole
        for key, node in self.nodes.items():
            if key not in self.texts or key in self.dirty:  # dirty for long where the disk is full
                self.texts[key] = f"{json.dumps(key)}:{compact_json(node).decode()}"
        return whole[:-2] + ',"nodes":{' + ",".join(self.texts[key] for key in self.nodes) + "}}}"

    def _summed(self) -> Json:
        """Conditions, and what its pods used, of all nodes together."""
        conditions, used = [], dict.fromkeys(("cpu", "memory"), 0)
        pods = [
            node
            for node in self.nodes.values()
            if node["type"] == "Pod" and not (node.get("memoizationStatus") or {}).get("hit")
        ]
        if pods or any(
            node["type"] in ("HTTP", "Plugin") for node in self.nodes.values()
        ):  # these run in a pod of Argo's own
            running = any(node["phase"] == RUNNING for node in pods)
            conditions.append({"type": "PodRunning", "status": str(running)})
        if self.done or "retried" in self.status.get("_past", ()):
            conditions.append({"type": "Completed", "status": str(self.done)})
        for node in pods:
            for key, seconds in (node.get("resourcesDuration") or {}).items():
                used[key] = used.get(key, 0) + seconds
        found: Json = {"conditions": conditions} if conditions else {}
        return found | ({"resourcesDuration": used} if any(used.values()) else {})


def new_uid() -> str:
    """An id that no object had yet."""
    return str(uuid.uuid4())


def suffix(seed: str, length: int = 5) -> str:
    """Letters and digits for a generated name, as Kubernetes uses them."""
    alphabet = "bcdfghjklmnpqrstvwxz2456789"
    digest = hashlib.sha256(seed.encode()).digest()
    return "".join(alphabet[byte % len(alphabet)] for byte in digest[:length])


def quantity_seconds(text: str | int | float) -> float:
    """Seconds in `90`, `10s`, `2m`, `1h30m`. Raises ValueError in Argo's words."""
    if isinstance(text, (int, float)):
        return float(text)
    if re.fullmatch(r"[+-]?\d+", text):
        return float(text)
    try:
        return seconds_in(text)
    except ValueError as error:
        raise ValueError(f"unable to parse {text} as a duration: {error}") from None
