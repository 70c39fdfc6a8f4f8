"""Loops of steps and tasks: withItems, withParam, withSequence."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from workflows.engine.expressions import ExpressionInvalid, Value, compact, evaluate, go_json_error, holds, text_of
from workflows.engine.state import Json
from workflows.engine.templating import fill

MOST_ITEMS = 10_000
KEYS = ("withItems", "withParam", "withSequence")
LEFT = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
ORDER = (
    "name",
    "template",
    "inline",
    "arguments",
    "templateRef",
    "dependencies",
    "when",
    "continueOn",
    "onExit",
    "depends",
    "hooks",
)
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
        if not lenient:
            _check_resolved(filled, item)
        shown = _shown(item).replace("(", "").replace(")", "")
        return f"({number}:{shown})", filled
    raise LoopInvalid(f"withItems[{number}] expected string, number, list, or map. received: {item}")


def _check_resolved(filled: Json, item: Any) -> None:
    """Raises `LoopInvalid` for the first tag that is left, in the order of Argo's fields: of a loop all must be known by now."""
    ordered = [filled[key] for key in ORDER if key in filled]
    for left in texts_in(ordered):
        for found in LEFT.finditer(left):
            tag = found[1]
            if not tag.strip().startswith("="):
                raise LoopInvalid(f"failed to resolve {{{{{tag}}}}}")
            expression = tag.strip()[1:]
            try:
                evaluate(expression, item_names(item))
            except ExpressionInvalid as error:
                raise LoopInvalid(f"failed to evaluate expression: {error}") from None
            raise LoopInvalid(f"failed to evaluate expression {json.dumps(expression)}")


def texts_in(value: Any) -> Iterator[str]:
    """The texts in a JSON value, in order, that hold a tag."""
    if isinstance(value, str):
        if "{{" in value:
            yield value
    elif isinstance(value, (list, dict)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from texts_in(one)


def _items(step: Json) -> list[Any]:
    if step.get("withItems"):
        return list(step["withItems"])
    if text := step.get("withParam"):
        try:
            items = json.loads(text)
        except ValueError:
            told = go_json_error(str(text))
            raise LoopInvalid(
                f"withParam value could not be parsed as a JSON list: {str(text).strip()}: {told}"
            ) from None
        if not isinstance(items, list):
            raise LoopInvalid(
                f"withParam value could not be parsed as a JSON list: {str(text).strip()}: json: cannot unmarshal "
                f"{'object' if isinstance(items, dict) else 'string' if isinstance(items, str) else 'number'} into Go value of type []v1alpha1.Item"
            )
        return items
    return _sequence(step["withSequence"])


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
    made = [_formatted(pattern, number) for number in numbers]
    for one in made:
        if told := go_json_error(f'"{one}"'):
            raise LoopInvalid(told)
    return made


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
    if isinstance(item, str):
        return json.dumps(item, ensure_ascii=False)[
            1:-1
        ]  # Argo takes a text as JSON writes it, without the quotation marks
    return "null" if item is None else compact(item) if isinstance(item, (dict, list)) else text_of(item)


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
