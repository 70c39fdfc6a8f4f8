"""Mutexes and semaphores: who holds one, who waits for it, in which order.

Argo's rules: a waiting line a lock, by priority, then age; all locks of a template are taken together or none. What is held and
waited for stands in each workflow's `status.synchronization`, from which the lines are laid out again after a restart.
"""

import bisect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from workflows.engine.state import Json, Workflow

LIMITS = "semaphore-limits"  # config map of the limits of semaphores that Argo keeps in a database
KINDS = {"ConfigMap": "semaphore", "Database": "semaphore", "Mutex": "mutex"}


class LockInvalid(ValueError):
    """A lock is not described as one, or its limit is not to be had; the text is Argo's."""


@dataclass(frozen=True)
class Verdict:
    """Whether all locks are held now; else for which one it waits, and Argo's message."""

    held: bool
    message: str = ""
    waiting: str = ""


@dataclass
class _Lock:
    holders: dict[str, None] = field(default_factory=dict)
    line: list[tuple[int, str, str]] = field(default_factory=list)  # (-priority, created, key)
    places: dict[str, tuple[int, str, str]] = field(default_factory=dict)

    def join(self, place: tuple[int, str, str]) -> None:
        if place[2] not in self.holders and place[2] not in self.places:
            self.places[place[2]] = place
            bisect.insort(self.line, place)

    def leave(self, key: str) -> None:
        place = self.places.pop(key, None)
        if place is not None:
            del self.line[bisect.bisect_left(self.line, place)]


def holder_key(workflow: Workflow, node: str) -> str:
    """The name by which a workflow (`node` empty) or one of its nodes holds a lock."""
    return "/".join(filter(None, (workflow.namespace, workflow.name, node)))


def _workflow_key(key: str) -> str:
    return "/".join(key.split("/")[:2])


def _items(synchronization: Json, namespace: str) -> list[tuple[str, str]]:
    """Kind and full name of each lock. Raises `LockInvalid`."""
    semaphores = [synchronization.get("semaphore"), *(synchronization.get("semaphores") or [])]
    mutexes = [synchronization.get("mutex"), *(synchronization.get("mutexes") or [])]
    found = [("semaphore", _semaphore_name(one, namespace)) for one in semaphores if one]
    found += [("mutex", _mutex_name(one, namespace)) for one in mutexes if one]
    if len(set(found)) < len(found):
        raise LockInvalid("requested configuration is invalid: duplicate synchronization item found")
    return found


def _semaphore_name(one: Json, namespace: str) -> str:
    where, map_key, database = one.get("namespace") or namespace, one.get("configMapKeyRef"), one.get("database")
    if map_key and database:
        raise LockInvalid(
            "requested configuration is invalid: invalid semaphore with both ConfigMapKeyRef and Database"
        )
    if map_key:
        return f"{where}/ConfigMap/{map_key['name']}/{map_key['key']}"
    if database:
        return f"{where}/Database/{database['key']}"
    raise LockInvalid(
        "requested configuration is invalid: cannot get LockName for a Semaphore without a ConfigMapRef or Database"
    )


def _mutex_name(one: Json, namespace: str) -> str:
    return f"{one.get('namespace') or namespace}/{'Database' if one.get('database') else 'Mutex'}/{one.get('name', '')}"


class Locks:
    """Every lock of one server. Not for several threads at once."""

    def __init__(self, config_map: Callable[[str, str], Json | None]) -> None:
        self._config_map = config_map
        self._locks: dict[tuple[str, str], _Lock] = {}
        self._of: dict[str, set[tuple[str, str]]] = {}  # key -> locks it holds or waits for
        self._keys: dict[str, set[str]] = {}  # workflow -> its keys

    def take_up(self, workflows: Iterable[Workflow]) -> None:
        """Lays out again who holds what, after a restart."""
        for workflow in workflows:
            status = workflow.status.get("synchronization") or {}
            for one in (status.get("semaphore") or {}).get("holding") or []:
                for key in one.get("holders") or []:
                    self._hold("semaphore", one["semaphore"], key)
            for one in (status.get("mutex") or {}).get("holding") or []:
                if one.get("holder"):
                    self._hold("mutex", one["mutex"], one["holder"])

    def _hold(self, kind: str, name: str, key: str) -> None:
        self._lock(kind, name).holders[key] = None
        self._known(kind, name, key)

    def _lock(self, kind: str, name: str) -> _Lock:
        return self._locks.setdefault((kind, name), _Lock())

    def _limit(self, kind: str, name: str) -> int:
        if kind == "mutex":
            return 1
        namespace, how, rest = name.split("/", 2)
        map_name, key = rest.split("/", 1) if how == "ConfigMap" else (LIMITS, rest)
        text = str(((self._config_map(namespace, map_name) or {}).get("data") or {}).get(key, ""))
        return int(text) if text.strip().isdigit() else 0

    def try_acquire(self, workflow: Workflow, node: str, synchronization: Json) -> Verdict:
        """Takes all the locks, or joins their lines. Raises `LockInvalid`."""
        key, items = holder_key(workflow, node), _items(synchronization, workflow.namespace)
        place = (-int(workflow.spec.get("priority") or 0), str(workflow.metadata.get("creationTimestamp", "")), key)
        for kind, name in items:
            if (kind, name) not in self._locks and not self._limit(kind, name):
                raise LockInvalid(f"failed to initialize semaphore {name} with limit")
            self._join(kind, name, place)
            self._shown(workflow, kind)
        wanting = [(name, told) for kind, name in items if (told := self._refusal(kind, name, key))]
        for kind, name in items:
            self._note(workflow, kind, name, key, held=not wanting)
        if not wanting:
            return Verdict(True)
        return Verdict(False, wanting[0][1], wanting[0][0])

    def _refusal(self, kind: str, name: str, key: str) -> str:
        """Why the lock is not to be had now; empty where it is."""
        lock, limit = self._lock(kind, name), self._limit(kind, name)
        if key in lock.holders:
            return ""
        if not limit:
            return f"Failed to get semaphore limit for {name}"
        first = lock.line[0][2] if lock.line else key
        mine = len(first.split("/")) == len(key.split("/")) and _workflow_key(first) == _workflow_key(key)
        if mine and len(lock.holders) < limit:
            return ""
        return f"Waiting for {name} lock. Lock status: {limit - len(lock.holders)}/{limit}"

    @staticmethod
    def _shown(workflow: Workflow, kind: str) -> Json:
        shown: Json = workflow.status.setdefault("synchronization", {}).setdefault(kind, {})
        return shown

    def _note(self, workflow: Workflow, kind: str, name: str, key: str, held: bool) -> None:
        """Takes the lock where `held`, and writes down what is held or waited for."""
        lock, shown = self._lock(kind, name), self._shown(workflow, kind)
        if held:
            lock.leave(key)
            lock.holders[key] = None
            _put_holder(shown.setdefault("holding", []), kind, name, [key])
        elif lock.holders or kind == "semaphore":
            waiting = shown.setdefault("waiting", [])
            entry = next((one for one in waiting if one[kind] == name), None)
            if entry is None:
                entry = {kind: name}
                waiting.append(entry)
            if kind == "mutex":
                entry["holder"] = next(iter(lock.holders))
            else:
                entry["holders"] = list(lock.holders)

    def nodes(self, workflow: Workflow) -> set[str]:
        """Ids of the workflow's nodes that hold a lock or stand in a line."""
        return {key.split("/", 2)[2] for key in self._keys.get(holder_key(workflow, ""), ()) if key.count("/") > 1}

    def release(self, workflow: Workflow, node: str) -> set[str]:
        """Gives back what a node holds and leaves its lines; the workflows to look at, as `namespace/name`."""
        key, woken = holder_key(workflow, node), set()
        for kind, name in list(self._of.pop(key, ())):
            self._lock(kind, name).leave(key)
            woken |= self._freed(kind, name, key)
            _drop_holder(self._shown(workflow, kind).get("holding") or [], kind, name, key)
        self._keys.get(_workflow_key(key), set()).discard(key)
        return woken

    def _join(self, kind: str, name: str, place: tuple[int, str, str]) -> None:
        self._lock(kind, name).join(place)
        self._known(kind, name, place[2])

    def _known(self, kind: str, name: str, key: str) -> None:
        self._of.setdefault(key, set()).add((kind, name))
        self._keys.setdefault(_workflow_key(key), set()).add(key)

    def _freed(self, kind: str, name: str, key: str) -> set[str]:
        lock = self._lock(kind, name)
        lock.holders.pop(key, None)
        free = max(0, self._limit(kind, name) - len(lock.holders))
        return {_workflow_key(one[2]) for one in lock.line[:free]}

    def turns(self, workflow: Workflow, whole: bool = False) -> list[str]:
        """Ids of the workflow's nodes that stand first in a line whose lock is free; with `whole` all that stand there."""
        start, found = holder_key(workflow, ""), []
        for (kind, name), lock in self._locks.items():
            free = self._limit(kind, name) - len(lock.holders) if lock.line else 0
            for _, _, key in lock.line[: len(lock.line) if whole and free > 0 else max(0, free)]:
                if _workflow_key(key) == start and key != start:
                    found.append(key.split("/", 2)[2])
        return found

    def release_all(self, workflow: Workflow) -> set[str]:
        """Gives back whatever a workflow or its nodes hold, and leaves every line; the other workflows to look at."""
        start, woken = holder_key(workflow, ""), set()
        for key in self._keys.pop(start, set()):
            for kind, name in self._of.pop(key, ()):
                self._lock(kind, name).leave(key)
                woken |= self._freed(kind, name, key)
        return woken - {start}


def _put_holder(holding: list[Json], kind: str, name: str, keys: list[str]) -> None:
    entry = next((one for one in holding if one[kind] == name), None)
    if entry is None:
        entry = {kind: name}
        holding.append(entry)
    if kind == "mutex":
        entry["holder"] = keys[0]
    else:
        entry["holders"] = [*entry.get("holders", []), *(key for key in keys if key not in entry.get("holders", []))]


def _drop_holder(holding: list[Json], kind: str, name: str, key: str) -> None:
    for entry in [one for one in holding if one[kind] == name]:
        if kind == "mutex" and entry.get("holder") == key:
            holding.remove(entry)
        elif kind == "semaphore":
            entry["holders"] = [one for one in entry.get("holders") or [] if one != key]
