"""Workflows whose `ttlStrategy` has them leave the lists some seconds after their end: one timer for all of them."""

import asyncio
import heapq
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from atrium.clock import now
from workflows.engine.state import COMPLETED, FAILED, SUCCEEDED, Json

LONGEST_WAIT_SECONDS = 600.0  # the machine's clock may be set while the timer runs
Listed = tuple[str, str, str]  # uid, namespace, name


def leaves_at(document: Json) -> datetime | None:
    """When a workflow (Argo's object) leaves the lists, or None; the seconds of its phase go before those of any completion."""
    status = document.get("status") or {}
    stored = status.get("storedWorkflowTemplateSpec") or {}
    strategy = document["spec"].get("ttlStrategy") or stored.get("ttlStrategy") or {}
    phase = status.get("phase")
    if phase not in COMPLETED or not status.get("finishedAt"):
        return None
    own = {FAILED: "secondsAfterFailure", SUCCEEDED: "secondsAfterSuccess"}.get(phase, "")
    seconds = strategy.get(own)
    if seconds is None:
        seconds = strategy.get("secondsAfterCompletion")
    return None if seconds is None else datetime.fromisoformat(status["finishedAt"]) + timedelta(seconds=int(seconds))


class Expiry:
    """Calls `leave` with uid, namespace and name of each workflow whose time has come, one after the other."""

    def __init__(self, leave: Callable[[Listed], None]) -> None:
        self.leave = leave
        self.heap: list[tuple[datetime, Listed]] = []
        self.timer: asyncio.TimerHandle | None = None

    def add(self, documents: Iterable[Json]) -> None:
        """Takes workflows that have ended (Argo's objects); those without a time are passed over."""
        for document in documents:
            if moment := leaves_at(document):
                metadata = document["metadata"]
                heapq.heappush(self.heap, (moment, (metadata["uid"], metadata["namespace"], metadata["name"])))
        self._arm()

    def _arm(self) -> None:
        if self.timer:
            self.timer.cancel()
            self.timer = None
        if self.heap:
            wait = (self.heap[0][0] - now()).total_seconds()
            wait = min(max(wait, 0.0), LONGEST_WAIT_SECONDS)
            self.timer = asyncio.get_running_loop().call_later(wait, self._look)

    def _look(self) -> None:
        try:
            if self.heap and self.heap[0][0] <= now():
                self.leave(heapq.heappop(self.heap)[1])
        finally:
            self._arm()
