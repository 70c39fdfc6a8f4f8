"""Loops of steps and tasks: withItems, withParam, withSequence."""

import json
import re
from collections.abc import Mapping
from typing import Any

from workflows.engine.expressions import ExpressionInvalid, Value, compact, holds, text_of
from workflows.engine.state import Json
from workflows.engine.templating import fill

MOST_ITEMS = 10_000
KEYS = ("withItems", "withParam", "withSequence")
LEFT = re.compile(r"\{\{\s*(item[\w.-]*)\s*\}\}")
NUMBER = re.compile(r"%([-+ 0#]*)(\d*)([dioxXbc])")


class LoopInvalid(ValueError):
    """A loop's items cannot be read; the text is Argo's."""


def loops(step: Json) -> bool:
    """Whether a step or task is one for each item of a list."""
    return bool(step.get("withItems") or step.get("withParam") or step.get("withSequence"))


def expand(step: Json) -> list[tuple[str, Json]] | None:
    """For each item the node name's tail, like `(0:red)`, and the step with the item filled in; None without a loop.

    Raises:
        LoopInvalid: the items are no list, more than 10,000, or lack what the step asks of them.
    """
    if not loops(step):
        return None
    plain = {key: value for key, value in step.items() if key not in KEYS}
    try:
        items = _items(step)
    except LoopInvalid:
        if _surely_not(step.get("when")):
            return []
        raise
    if len(items) > MOST_ITEMS:
        raise LoopInvalid(f"{len(items)} items; a loop has at most {MOST_ITEMS}")
    lenient = _surely_not(step.get("when"))
    return [_expanded(plain, number, item, lenient) for number, item in enumerate(items)]


def _surely_not(when: object) -> bool:
    try:
        return not holds(str(when or ""))
    except ExpressionInvalid:
        return False


def _expanded(plain: Json, number: int, item: Any, lenient: bool) -> tuple[str, Json]:
    if item is None or isinstance(item, (dict, list, str, int, float)):
        filled = fill(plain, item_names(item))
        left = None if lenient else LEFT.search(json.dumps(filled))
        if left:
            raise LoopInvalid(f"failed to resolve {{{{{left[1]}}}}}")
        shown = _shown(item).replace("(", "").replace(")", "")
        return f"({number}:{shown})", filled
    raise LoopInvalid(f"withItems[{number}] expected string, number, list, or map. received: {item}")


def _items(step: Json) -> list[Any]:
    if step.get("withItems"):
        return list(step["withItems"])
    if text := step.get("withParam"):
        try:
            items = json.loads(text)
        except ValueError as error:
            told = (
                f"withParam value could not be parsed as a JSON list: {str(text).strip()}: {go_error(str(text), error)}"
            )
            raise LoopInvalid(told) from None
        if not isinstance(items, list):
            raise LoopInvalid(
                f"withParam value could not be parsed as a JSON list: {str(text).strip()}: json: cannot unmarshal "
                f"{'object' if isinstance(items, dict) else 'string' if isinstance(items, str) else 'number'} into Go value of type []v1alpha1.Item"
            )
        return items
    return _sequence(step["withSequence"])


def go_error(text: str, error: ValueError) -> str:
    """What Go's decoder says of a text that is no JSON."""
    place = getattr(error, "pos", 0)
    left = text[place:].lstrip()
    if not left:
        return "unexpected end of JSON input"
    inside = text[:place].rstrip()[-1:]
    where = (
        "looking for beginning of object key string"
        if inside in ("{", ",") and "property name" in str(error)
        else "looking for beginning of value"
    )
    if "Extra data" in str(error):
        where = "after top-level value"
    return f"invalid character {left[0]!r} {where}"


def _whole(value: object) -> int:
    text = str(value)
    if not re.fullmatch(r"[+-]?\d+", text):
        raise LoopInvalid(f'strconv.Atoi: parsing "{text}": invalid syntax')
    return int(text)


def _sequence(sequence: Json) -> list[Any]:
    pattern = str(sequence.get("format") or "%d")
    start = _whole(sequence.get("start") or 0)
    if sequence.get("end") is not None:
        end = _whole(sequence["end"])
    elif sequence.get("count") is not None:
        count = _whole(sequence["count"])
        if count == 0:
            return []
        end = start + count - 1
    else:
        raise LoopInvalid("neither end nor count was specified in withSequence")
    if abs(end - start) >= MOST_ITEMS:
        raise LoopInvalid(f"{abs(end - start) + 1} items; a loop has at most {MOST_ITEMS}")
    numbers = range(start, end + 1) if end >= start else range(start, end - 1, -1)
    return [_formatted(pattern, number) for number in numbers]


def _formatted(pattern: str, number: int) -> str:
    """The number in a format of Go's `Sprintf`."""

    def one(found: re.Match[str]) -> str:
        flags, width, verb = found.groups()
        if verb == "b":
            return f"{number:{'0' if '0' in flags else ''}{width}b}"
        return str(f"%{flags}{width}{'d' if verb == 'i' else verb}" % number)

    try:
        return NUMBER.sub(one, pattern).replace("%%", "%")
    except ValueError as error:
        raise LoopInvalid(f"withSequence format {pattern!r}: {error}") from error


def _scalar(item: Any) -> str:
    if item is None:
        return "null"
    return compact(item) if isinstance(item, (dict, list)) else text_of(item)


def _shown(item: Any) -> str:
    if isinstance(item, dict):
        return ",".join(sorted(f"{key}:{_scalar(value)}" for key, value in item.items()))
    if isinstance(item, list):
        return f"[{' '.join(_scalar(one) for one in item)}]"
    return _scalar(item)


def item_names(item: Any) -> Mapping[str, Value]:
    """The names that an item gives: `item`, and `item.key` for a map's."""
    names: dict[str, Value] = {"item": _scalar(item)}
    if isinstance(item, dict):
        names |= {f"item.{key}": _scalar(value) for key, value in item.items()}
    return names
