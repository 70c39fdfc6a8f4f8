"""What the machine works out from a workflow's nodes once and keeps between moves. It can be dropped at any time."""

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from workflows.engine.expressions import Value
from workflows.engine.machine.world import NoConfigMaps, World
from workflows.engine.state import BAD, PENDING, RUNNING, SUCCEEDED, Json, Workflow

if TYPE_CHECKING:
    from workflows.engine.machine.core import Machine

COUNTED = ("Pod", "Steps", "DAG")
UNITS = ("Pod", "Container", "HTTP", "Plugin", "Suspend")
ACTIVE = (PENDING, RUNNING)


class Frame(Protocol):
    """A node in progress that has others in it, or that waits."""

    def advance(self, machine: "Machine") -> None:
        """Moves it on as far as it goes."""


class Memory:
    """Frames of nodes in progress, which of them must be looked at, and counts over all nodes."""

    def __init__(self, workflow: Workflow) -> None:
        self.frames: dict[str, Frame] = {}
        self.parents: dict[str, str | None] = {}
        self.stale: set[str] = set()
        self.always: set[str] = set()  # frames that wait for room, a lock, or a hook's condition
        self.wakes: list[tuple[datetime, str]] = []
        self.names: dict[str, Value] = {}
        self.templates: dict[tuple[str, str], Json] = {}
        self.wanted: dict[str, set[str]] = {}
        self.links = {(node["id"], child) for node in workflow.nodes.values() for child in node.get("children", [])}
        self.lonely = World.of(NoConfigMaps())  # for machines that are given no world
        self.lonely.take_up([workflow])
        self.active_pods = 0
        self.pods_in: Counter[str] = Counter()
        self.children_in: Counter[str] = Counter()
        self.bad_in: Counter[str] = Counter()
        self.units, self.units_done = 0, 0
        self.daemons: set[str] = set()
        for node in workflow.nodes.values():
            self.count(node, 1)

    @classmethod
    def of(cls, workflow: Workflow) -> "Memory":
        """The workflow's memory, worked out now where it has none."""
        if not isinstance(workflow.memory, cls):
            workflow.memory = cls(workflow)
        return workflow.memory

    def count(self, node: Json, by: int) -> None:
        """Adds a node to the counts, or takes it away, as it stands."""
        kind, phase, boundary = node["type"], node["phase"], node.get("boundaryID", "")
        if kind in UNITS:
            self.units += by
            self.units_done += by * (phase in (SUCCEEDED, "Skipped", "Omitted"))
        if node.get("daemoned"):
            (self.daemons.add if by > 0 else self.daemons.discard)(node["id"])
        if kind not in COUNTED:
            return
        if phase in ACTIVE:
            self.children_in[boundary] += by
            if kind == "Pod" and not node.get("synchronizationStatus"):
                self.active_pods += by
                self.pods_in[boundary] += by
        elif phase in BAD:
            self.bad_in[boundary] += by

    def mark(self, identifier: str) -> None:
        """Has the frames from the node up to the root looked at in the next move."""
        place: str | None = identifier
        while place is not None:
            self.stale.add(place)
            place = self.parents.get(place)

    def remark(self, moment: datetime) -> None:
        """Marks what must be looked at anyway: what waits, and whose time has come."""
        for identifier in list(self.always):
            self.mark(identifier)
        while self.wakes and self.wakes[0][0] <= moment:
            self.mark(heapq.heappop(self.wakes)[1])

    def wake(self, moment: datetime, identifier: str) -> None:
        """Has the node's frame looked at then."""
        if (moment, identifier) not in self.wakes:
            heapq.heappush(self.wakes, (moment, identifier))

    def close(self, identifier: str) -> None:
        """Forgets the frame of a node that has ended."""
        self.frames.pop(identifier, None)
        self.always.discard(identifier)


class Names(Mapping[str, Value]):
    """Names in layers, the first that has one counts; a layer may change while it is used."""

    def __init__(self, *layers: Mapping[str, Value]) -> None:
        self.layers: list[Mapping[str, Value]] = []
        for layer in layers:
            self.layers += layer.layers if isinstance(layer, Names) else [layer]

    def __getitem__(self, key: str) -> Value:
        for layer in self.layers:
            if key in layer:
                return layer[key]
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return any(key in layer for layer in self.layers)

    def __iter__(self) -> Iterator[str]:
        seen: dict[str, Any] = {}
        for layer in self.layers:
            seen.update(dict.fromkeys(layer))
        return iter(seen)

    def __len__(self) -> int:
        return sum(1 for _ in self)
