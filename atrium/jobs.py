"""Work that the worker process repeats."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """`run` is called every `every_seconds`, in a thread of its own, never twice at once."""

    name: str
    every_seconds: float
    run: Callable[[], None]
