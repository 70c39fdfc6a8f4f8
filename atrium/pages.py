"""Lists that are paged by key."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some items of a list in its order; `next_key` asks for the following ones, None after the last."""

    items: list[T]
    next_key: str | None
