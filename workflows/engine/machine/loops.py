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
DIRECTIVE = re.compile(r"%([-+ 0#]*)(\d*)(.?)", re.DOTALL)
LARGEST = 1 << 63


class Literal(str):
    """A number as it was written: a list that a step printed keeps `3.50`."""


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
        return [_stored(one) for one in step["withItems"]]
    if text := step.get("withParam"):
        try:
            items = json.loads(text, parse_int=Literal, parse_float=Literal)
        except ValueError:
            told = go_json_error(str(text))
            raise LoopInvalid(
                f"withParam value could not be parsed as a JSON list: {str(text).strip()}: {told}"
            ) from None
        if items is None:
            return []
        if not isinstance(items, list):
            raise LoopInvalid(
                f"withParam value could not be parsed as a JSON list: {str(text).strip()}: json: cannot unmarshal "
                f"{'object' if isinstance(items, dict) else 'string' if type(items) is str else 'number'} into Go value of type []v1alpha1.Item"
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
    used = False

    def one(found: re.Match[str]) -> str:
        nonlocal used
        flags, width, verb = found.groups()
        if verb == "%":
            return "%"
        if not verb:
            return "%!(NOVERB)"
        if used:
            return f"%!{verb}(MISSING)"
        used = True
        return _directive(flags, width, verb, number)

    made = DIRECTIVE.sub(one, pattern)
    return made if used else f"{made}%!(EXTRA int={number})"


def _directive(flags: str, width: str, verb: str, number: int) -> str:
    if verb in "dvoxX":
        return str(f"%{flags}{width}{'d' if verb == 'v' else verb}" % number)
    if verb == "b":
        return f"{number:{'0' if '0' in flags else ''}{width}b}"
    if verb not in "cqU":
        return f"%!{verb}(int={number})"
    letter = chr(number) if 0 <= number < 0x110000 else "\ufffd"
    quoted = letter if letter.isprintable() else letter.encode("unicode_escape").decode()
    told = {"c": letter, "q": f"'{quoted}'", "U": f"U+{number:04X}"}[verb]
    return told.ljust(int(width or 0)) if "-" in flags else told.rjust(int(width or 0))


def _stored(item: Any) -> Any:
    """An item as Kubernetes keeps it: a whole number that 64 bits cannot hold becomes a float."""
    if isinstance(item, int) and not -LARGEST <= item < LARGEST:
        return float(item)
    if isinstance(item, list):
        return [_stored(one) for one in item]
    return {key: _stored(one) for key, one in item.items()} if isinstance(item, dict) else item


def _written(value: Any) -> str:
    """JSON of a value in which numbers may be as they were written."""
    if isinstance(value, Literal):
        return str(value)
    if isinstance(value, dict):
        return f"{{{','.join(f'{compact(key)}:{_written(value[key])}' for key in sorted(value))}}}"
    return f"[{','.join(map(_written, value))}]" if isinstance(value, list) else compact(value)


def _scalar(item: Any) -> str:
    if isinstance(item, str) and not isinstance(item, Literal):
        return json.dumps(item, ensure_ascii=False)[
            1:-1
        ]  # Argo takes a text as JSON writes it, without the quotation marks
    return _written(item) if isinstance(item, (dict, list)) or item is None else text_of(item)


def _shown(item: Any) -> str:
    if isinstance(item, dict):
        return ",".join(sorted(f"{key}:{_scalar(value)}" for key, value in item.items()))
    if isinstance(item, list):
        return f"[{' '.join(_scalar(one) for one in item)}]"
    return "[]" if item is None else _scalar(item)


def item_names(item: Any) -> Mapping[str, Value]:
    """The names that an item gives: `item`, and `item.key` for a map's."""
    names: dict[str, Value] = {"item": _scalar(item)}
    if isinstance(item, dict):
        names |= {f"item.{key}": _scalar(value) for key, value in item.items()}
    return names
