"""How many workflows may run at once: on the whole server, and in each project.

The rules of Argo's controller (`parallelism` and `namespaceParallelism` of its config map, `workflows.argoproj.io/parallelism-limit` of a
namespace): a line a project, by priority, then age; the best of the lines' heads is let in where both limits allow it. Who was let in counts
until its end, also while it is suspended or waits for a lock of its own. Nothing of it is on disk: a workflow that runs was let in.
"""

import bisect
from collections import Counter
from collections.abc import Iterable, Mapping

from workflows.engine.state import RUNNING, Workflow

POSTPONED = "Workflow processing has been postponed because too many workflows are already running"
Place = tuple[int, str, int, str]  # -priority, created, number of asking, key


class Throttle:
    """Who runs and who waits, by `namespace/name`. A limit of 0 is none. Not for several threads at once."""

    def __init__(self, limit: int = 0, namespace_limit: int = 0) -> None:
        self.limit, self.namespace_limit = limit, namespace_limit
        self.own_limits: Mapping[str, int] = {}
        self._running: dict[str, str] = {}  # key -> namespace
        self._counts: Counter[str] = Counter()
        self._lines: dict[str, list[Place]] = {}
        self._places: dict[str, Place] = {}
        self._asked = 0

    def take_up(self, workflows: Iterable[Workflow]) -> set[str]:
        """Lays out who runs and who waits: after a restart, and where one goes on after its end (a retry is never held up). Who was let in."""
        waiting = []
        for workflow in workflows:
            if workflow.phase == RUNNING:
                self._let_in(_key(workflow), workflow.namespace)
            else:
                waiting.append(workflow)
        for workflow in waiting:
            self._join(workflow)
        return self._serve()

    def admit(self, workflow: Workflow) -> tuple[bool, set[str]]:
        """Whether a workflow may begin now, else it stands in line; and which others were let in by the way."""
        key = _key(workflow)
        if key in self._running:
            return True, set()
        self._join(workflow)
        let_in = self._serve()
        return key in let_in, let_in - {key}

    def remove(self, workflow: Workflow) -> set[str]:
        """Forgets a workflow that has ended or is gone; the others that were let in for it."""
        key = _key(workflow)
        self._leave(key)
        namespace = self._running.pop(key, None)
        if namespace is None:
            return set()
        self._counts[namespace] -= 1
        return self._serve()

    def set_limits(self, own: Mapping[str, int]) -> set[str]:
        """Sets the limits of projects that have one of their own; the workflows that were let in for it."""
        if own == self.own_limits:
            return set()
        self.own_limits = dict(own)
        return self._serve()

    def _join(self, workflow: Workflow) -> None:
        key, priority = _key(workflow), -int(workflow.spec.get("priority") or 0)
        if key in self._running:  # let in, and pending for a lock
            return
        before = self._places.get(key)
        if before is not None and before[0] == priority:
            return
        self._leave(key)
        self._asked += 1
        place = (priority, str(workflow.metadata.get("creationTimestamp", "")), self._asked, key)
        self._places[key] = place
        bisect.insort(self._lines.setdefault(workflow.namespace, []), place)

    def _leave(self, key: str) -> None:
        place = self._places.pop(key, None)
        if place is not None:
            namespace = key.partition("/")[0]
            line = self._lines[namespace]
            del line[bisect.bisect_left(line, place)]
            if not line:
                del self._lines[namespace]

    def _let_in(self, key: str, namespace: str) -> None:
        if key not in self._running:
            self._leave(key)
            self._running[key] = namespace
            self._counts[namespace] += 1

    def _has_room(self, namespace: str) -> bool:
        limit = self.own_limits.get(namespace, self.namespace_limit)
        return not limit or self._counts[namespace] < limit

    def _serve(self) -> set[str]:
        """Lets in whoever may, best first; their keys."""
        found: set[str] = set()
        while self._lines and not (self.limit and len(self._running) >= self.limit):
            heads = [line[0] for namespace, line in self._lines.items() if self._has_room(namespace)]
            if not heads:
                break
            key = min(heads)[3]
            self._let_in(key, key.partition("/")[0])
            found.add(key)
        return found


def _key(workflow: Workflow) -> str:
    return f"{workflow.namespace}/{workflow.name}"
