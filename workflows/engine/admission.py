"""Which steps may run now: so many at once, and never more CPU, memory and GPUs asked for than the machine has."""

import asyncio
import os
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import psutil

from workflows.engine.gpus import gpus_here
from workflows.engine.pods import all_bodies, main_bodies, quantity_bytes, quantity_millicores
from workflows.engine.state import Json

GPU = ("nvidia.com/gpu", "amd.com/gpu")
MOST_PASSED = 100
TELL_SECONDS = 1.0


@dataclass(frozen=True)
class Wants:
    """What a pod asks for: thousandths of CPUs, bytes of memory, whole GPUs."""

    cpu_millicores: int = 0
    memory_bytes: int = 0
    gpus: int = 0


@dataclass(frozen=True)
class Turn:
    """In which line a pod waits, its workflow's, and that workflow's `priority`: higher ones go first."""

    line: str = ""
    priority: int = 0


@dataclass
class Grant:
    """What a pod was given, to be given back; `line` is where it waited."""

    wants: Wants
    gpus: tuple[str, ...] = ()
    line: str = ""


@dataclass
class _Waiting:
    wants: Wants
    turn: Turn
    number: int
    granted: "asyncio.Future[Grant | None]"
    passed: int = 0


def wants_of(work: Json) -> Wants:
    """What the containers of a pod that run at once ask for: their requests, or their limits where they name none."""
    initial = work.get("initContainers") or []
    bodies = (
        [one for one in all_bodies(work) if one not in initial]
        if initial
        else [*main_bodies(work), *(work.get("sidecars") or [])]
    )
    cpu = memory = gpus = 0
    for body in bodies:
        resources = body.get("resources") or {}
        asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
        cpu += quantity_millicores(str(asked.get("cpu") or "0")) or 0
        memory += quantity_bytes(str(asked.get("memory") or "0")) or 0
        gpus += sum(int(str(asked.get(name) or 0)) for name in GPU)
    return Wants(cpu, memory, gpus)


@dataclass
class Admission:
    """Slots, CPUs, memory and GPUs of this machine, given out by priority.

    Of workflows with one priority the one goes first of which the fewest pods run, so that a wide one does not hold up the others; within a
    workflow it goes by the order of asking. A small step may pass a large one now and then.
    """

    slots: int
    cpu_millicores: int = field(default_factory=lambda: 1000 * len(os.sched_getaffinity(0)))
    memory_bytes: int = field(default_factory=lambda: psutil.virtual_memory().total)
    gpus: list[str] = field(default_factory=gpus_here)

    def __post_init__(self) -> None:
        self.free_slots, self.free_cpu, self.free_memory = self.slots, self.cpu_millicores, self.memory_bytes
        self.free_gpus = list(self.gpus)
        self.lines: dict[Turn, deque[_Waiting]] = {}
        self.running: Counter[str] = Counter()
        self.numbers = count()

    async def take(
        self,
        wants: Wants,
        tell: Callable[[str], None],
        waits: Callable[["asyncio.Future[Grant | None]"], None],
        turn: Turn = Turn(),
    ) -> Grant | None:
        """Waits until the pod may run; `tell` is told for what it waits. None where the future given to `waits` was answered so.

        What asks for more than this machine has waits, as a pod does that no node of a cluster can take.
        """
        one = _Waiting(wants, turn, next(self.numbers), asyncio.get_running_loop().create_future())
        self.lines.setdefault(turn, deque()).append(one)
        self._serve()
        if not one.granted.done():
            waits(one.granted)
            telling = asyncio.get_running_loop().call_later(TELL_SECONDS, lambda: tell(self.why(wants)))
            one.granted.add_done_callback(lambda _: telling.cancel())
        return await one.granted

    def take_up(self, wants: Wants, gpus: tuple[str, ...], line: str = "") -> Grant | None:
        """Gives a pod that ran before a restart what it had, past all that wait; None where one of its GPUs is not free or no more."""
        if not set(gpus) <= set(self.free_gpus) or len(gpus) != wants.gpus:
            return None
        self.free_gpus = [one for one in self.free_gpus if one not in gpus]
        return self._counted(wants, gpus, line)

    def give_back(self, grant: Grant) -> None:
        """Frees what a pod was given."""
        self.free_slots += 1
        self.running[grant.line] -= 1
        if not self.running[grant.line]:
            del self.running[grant.line]
        self.free_cpu += grant.wants.cpu_millicores
        self.free_memory += grant.wants.memory_bytes
        self.free_gpus += grant.gpus
        self._serve()

    def why(self, wants: Wants) -> str:
        """For what a pod with these wishes waits, as Kubernetes says it, with the figures."""
        for what, asked, free, has, unit, factor in (
            ("cpu", wants.cpu_millicores, self.free_cpu, self.cpu_millicores, "", 1000),
            ("memory", wants.memory_bytes, self.free_memory, self.memory_bytes, "Gi", 2**30),
            (GPU[0], wants.gpus, len(self.free_gpus), len(self.gpus), "", 1),
        ):
            if asked > free:
                wish, left, whole = (f"{round(max(one, 0) / factor, 2):g}" for one in (asked, free, has))
                there = f"free are {left} of {whole}{unit}"
                if asked > has:
                    there = f"this machine has {whole}{unit}: ask for less, or use a cluster"
                return f"Unschedulable: 0/1 nodes are available: 1 Insufficient {what} (asks for {wish}{unit}; {there})"
        return f"Unschedulable: all {self.slots} step slots of this machine are taken (ATRIUM_STEP_SLOTS)"

    def _never_fits(self, wants: Wants) -> bool:
        return (
            wants.cpu_millicores > self.cpu_millicores
            or wants.memory_bytes > self.memory_bytes
            or wants.gpus > len(self.gpus)
        )

    def _fits(self, wants: Wants) -> bool:
        return (
            self.free_slots > 0
            and wants.cpu_millicores <= self.free_cpu
            and wants.memory_bytes <= self.free_memory
            and wants.gpus <= len(self.free_gpus)
        )

    def _next(self) -> _Waiting | None:
        """Takes the pod whose turn it is out of its line."""
        for turn in [one for one, line in self.lines.items() if not line]:
            del self.lines[turn]
        if not self.lines:
            return None
        heads = ((-turn.priority, self.running[turn.line], line[0].number, turn) for turn, line in self.lines.items())
        return self.lines[min(heads, key=lambda one: one[:3])[3]].popleft()

    def _serve(self) -> None:
        skipped: list[_Waiting] = []
        while self.free_slots > 0 and (one := self._next()):
            if one.granted.done():
                continue
            if self._fits(one.wants):
                for before in skipped:
                    before.passed += not self._never_fits(before.wants)
                one.granted.set_result(self._given(one))
            else:
                skipped.append(one)
                if one.passed >= MOST_PASSED:
                    break
        for one in reversed(skipped):
            self.lines.setdefault(one.turn, deque()).appendleft(one)

    def _given(self, one: _Waiting) -> Grant:
        gpus, self.free_gpus = tuple(self.free_gpus[: one.wants.gpus]), self.free_gpus[one.wants.gpus :]
        return self._counted(one.wants, gpus, one.turn.line)

    def _counted(self, wants: Wants, gpus: tuple[str, ...], line: str) -> Grant:
        self.free_slots -= 1
        self.free_cpu -= wants.cpu_millicores
        self.free_memory -= wants.memory_bytes
        self.running[line] += 1
        return Grant(wants, gpus, line)
