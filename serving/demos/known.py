"""What a model's makers know beside its inputs: what is usual in a case, and questions whose answers fill an input in."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from serving.rows import input_names, input_title


def _part(value: object) -> str:
    return str(math.floor(value)) if isinstance(value, int | float) else str(value)


@dataclass(frozen=True)
class Typical:
    """What the inputs `columns` usually are: numbers parted by spaces, by the values of the inputs `by` joined by bars."""

    by: tuple[str, ...]
    columns: tuple[str, ...]
    rows: Mapping[str, str]

    def of(self, row: Mapping[str, object]) -> dict[str, float]:
        """The values for a case; what nobody saw is left out."""
        found = self.rows.get("|".join(_part(row.get(name)) for name in self.by), "")
        values = zip(self.columns, (float(one) for one in found.split()), strict=False)
        return {name: value for name, value in values if math.isfinite(value)}


@dataclass(frozen=True)
class Question:
    """A question that fills in the input `fills`: its `values` by the value of the input `by`, then by answer."""

    fills: str
    by: str
    values: Mapping[str, Mapping[str, float]]
    about: Mapping[str, object]

    def title(self, chinese: bool) -> str:
        """What is asked for."""
        return input_title("", self.about, chinese)

    def choices(self, at: object, chinese: bool = False) -> list[tuple[str, str]]:
        """The answers there are, with what they are called, by that."""
        called = input_names(self.about, chinese)
        return sorted((called.get(one, one), one) for one in self.values.get(str(at)) or {})

    def chosen(self, at: object, asked: object = None) -> str | None:
        """`asked` where it can be answered so, else the first answer that the makers name."""
        there = self.values.get(str(at)) or {}
        first = self.about.get("first")
        named = first.get(str(at)) if isinstance(first, Mapping) else None
        return next((str(one) for one in (asked, named, *there) if one in there), None)

    def value(self, at: object, asked: object) -> float | None:
        """What the answer fills in."""
        return (self.values.get(str(at)) or {}).get(str(asked))
