"""Loops of steps and tasks: withItems, withParam, withSequence."""

import json
from collections.abc import Iterator, Mapping

from workflows.engine.expressions import Value, text_of
from workflows.engine.state import Json
from workflows.engine.templating import fill

MOST_ITEMS = 10_000


class LoopInvalid(ValueError):
    """A loop's items cannot be read."""


def expand(step: Json, names: Mapping[str, Value]) -> Iterator[tuple[str, dict[str, Value]]]:
    """For each item the node name's tail, like `(0:red)`, and the names that the item gives; one empty pair without a loop.

    Raises:
        LoopInvalid: the items are no list, or more than 10,000.
    """
    items = _items(step, names)
    if items is None:
        yield "", {}
        return
    if len(items) > MOST_ITEMS:
        raise LoopInvalid(f"{len(items)} items; a loop has at most {MOST_ITEMS}")
    for number, item in enumerate(items):
        yield f"({number}:{_shown(item)})", _item_names(item)


def _items(step: Json, names: Mapping[str, Value]) -> list[Value] | None:
    if "withItems" in step and step["withItems"] is not None:
        return list(fill(step["withItems"], names))
    if step.get("withParam"):
        text = fill(step["withParam"], names)
        try:
            items = json.loads(text)
        except ValueError:
            raise LoopInvalid(f"withParam value could not be parsed as a JSON list: {text}") from None
        if not isinstance(items, list):
            raise LoopInvalid(f"withParam value could not be parsed as a JSON list: {text}")
        return items
    return _sequence(fill(step["withSequence"], names)) if step.get("withSequence") else None


def _sequence(sequence: Json) -> list[Value]:
    pattern = str(sequence.get("format") or "%d")
    start = int(str(sequence.get("start") or 0))
    if sequence.get("count") is not None:
        numbers = range(start, start + int(str(sequence["count"])))
    else:
        end = int(str(sequence["end"]))
        numbers = range(start, end + 1) if end >= start else range(start, end - 1, -1)
    return [pattern % number for number in numbers]


def _shown(item: Value) -> str:
    if isinstance(item, dict):
        return ",".join(f"{key}:{text_of(value)}" for key, value in sorted(item.items()))
    return text_of(item)


def _item_names(item: Value) -> dict[str, Value]:
    names: dict[str, Value] = {"item": item}
    if isinstance(item, dict):
        names |= {f"item.{key}": value for key, value in item.items()}
    return names
