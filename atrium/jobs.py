"""Work that the worker process repeats, and how it goes."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from atrium.home import get_home


@dataclass(frozen=True)
class Job:
    """`run` is called every `every_seconds`, in a thread of its own, never twice at once."""

    name: str
    every_seconds: float
    run: Callable[[], None]


@dataclass
class JobRecord:
    """How a job went since the worker began; `done_at` is the monotonic time of its last success, or of the beginning."""

    every_seconds: float
    succeeded: int = 0
    failed: int = 0
    failures_in_a_row: int = 0
    done_at: float = field(default_factory=time.monotonic)

    def note(self, good: bool) -> None:
        """Notes that a run of the job ended."""
        self.succeeded += good
        self.failed += not good
        self.failures_in_a_row = 0 if good else self.failures_in_a_row + 1
        if good:
            self.done_at = time.monotonic()

    def told(self) -> dict[str, float]:
        """What others read of it; `lag_seconds` is how long ago it should have succeeded again."""
        lag = max(0.0, time.monotonic() - self.done_at - self.every_seconds)
        return {
            "succeeded": self.succeeded, "failed": self.failed, "failures_in_a_row": self.failures_in_a_row,
            "lag_seconds": lag, "every_seconds": self.every_seconds,
        }  # fmt: skip


def jobs_file() -> Path:
    """Where the worker tells how its jobs go (JSON by job), every two seconds."""
    return get_home().run / "worker.jobs.json"
