"""The functions of the expr language that take plain values."""

import base64
import json
import math
import re
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from workflows.engine.expressions import moments
from workflows.engine.expressions.gojson import go_json_error
from workflows.engine.expressions.jsonpath import query
from workflows.engine.expressions.values import AnyMap, ExpressionInvalid, Value, compact, printed, text_of, type_name

LONGEST_TEXT = 1_000_000


def whole(value: Value) -> int:
    """`int(value)`: of a number its whole part, of a text that holds one its number. Raises `ExpressionInvalid`."""
    if isinstance(value, str):
        if not re.fullmatch(r"[+-]?[0-9]+", value):
            raise ExpressionInvalid(f"invalid operation: int({value})")
        return int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ExpressionInvalid(f"invalid operation: int({type_name(value)})")
    return math.trunc(value)


def real(value: Value) -> float:
    """`float(value)`. Raises `ExpressionInvalid`."""
    try:
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            return float(value)
    except ValueError:
        pass
    raise ExpressionInvalid(f"invalid operation: float({text_of(value)})")


def size(value: Value) -> int:
    """`len(value)`: characters of a text, items of a list or map. Raises `ExpressionInvalid`."""
    if isinstance(value, (str, list, dict)):
        return len(value)
    raise ExpressionInvalid(f"invalid argument for len (type {type_name(value)})")


def from_json(text: Value) -> Value:
    """What a JSON text holds. Raises `ExpressionInvalid`."""
    try:
        found: Value = json.loads(str(text), parse_int=float)  # Go has no other numbers there
    except ValueError as error:
        raise ExpressionInvalid(go_json_error(str(text)) or str(error)) from error
    return found


def _kind(value: Value) -> str:
    names: dict[type, str] = {
        bool: "bool", int: "int", float: "float", str: "string", list: "array", dict: "map", AnyMap: "map",
        moments.Moment: "time.Time", moments.Duration: "time.Duration",
    }  # fmt: skip
    return "nil" if value is None else names.get(type(value), "unknown")


def _items(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ExpressionInvalid(f"a list is wanted, not {type_name(value)}")
    return value


def _table(value: Any) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise ExpressionInvalid(f"a map is wanted, not {type_name(value)}")
    return value


def _flat(values: tuple[Value, ...]) -> list[Any]:
    found: list[Any] = []
    for one in values:
        found += _flat(tuple(one)) if isinstance(one, list) else [one]
    if any(isinstance(one, bool) or not isinstance(one, (int, float)) for one in found):
        raise ExpressionInvalid("numbers are wanted")
    return found


def _middle(*values: Value) -> Value:
    numbers = sorted(_flat(values))
    half = len(numbers) // 2
    if not numbers:
        return 0
    return numbers[half] if len(numbers) % 2 else (numbers[half - 1] + numbers[half]) / 2


def _repeat(text: str, count: int) -> str:
    if count < 0:
        raise ExpressionInvalid(f"invalid argument for repeat (expected positive integer, got {count})")
    if len(text) * count > LONGEST_TEXT:
        raise ExpressionInvalid(f"memory budget exceeded: a text of {len(text) * count} characters")
    return text * count


def _split(text: str, separator: str, most: int = -1) -> list[str]:
    parts = list(text) if separator == "" else text.split(separator)
    return parts if most < 0 or len(parts) <= most else [*parts[: most - 1], separator.join(parts[most - 1 :])]


def _split_after(text: str, separator: str) -> list[str]:
    *before, last = text.split(separator)
    return [f"{one}{separator}" for one in before] + [last]


def _sorted(items: list[Any], order: str = "asc") -> list[Any]:
    return sorted(_items(items), reverse=descends(order))


def descends(order: Value) -> bool:
    """Whether an order is from the largest down. Raises `ExpressionInvalid`."""
    if order not in ("asc", "desc"):
        raise ExpressionInvalid(f"invalid order {printed(order)}, expected asc or desc")
    return order == "desc"


def _flatten(items: list[Value]) -> list[Value]:
    found: list[Value] = []
    for one in items:
        found += _flatten(one) if isinstance(one, list) else [one]
    return found


def _unique(items: list[Value]) -> list[Value]:
    found: list[Value] = []
    for one in items:
        if not any(one == other and isinstance(one, bool) is isinstance(other, bool) for other in found):
            found.append(one)
    return found


def _get(of: Any, key: Any) -> Value:
    if isinstance(of, str):
        raise ExpressionInvalid("type string does not support indexing")
    try:
        return of.get(key) if isinstance(of, dict) else of[key]
    except (IndexError, TypeError, AttributeError):
        return None


def _taken(items: Any, count: int) -> Value:
    if count < 0:
        raise ExpressionInvalid(f"take takes no negative count ({count})")
    return _items(items)[:count]


def _place(text: str, part: str, last: bool = False) -> int:
    """Where a part begins, in bytes as Go counts them; -1 where it does not stand."""
    whole_text, wanted = text.encode(), part.encode()
    return whole_text.rfind(wanted) if last else whole_text.find(wanted)


def _joined(items: list[Any], separator: str = "") -> str:
    return separator.join(items)


def _shift(value: int, by: int) -> int:
    return value << by if 0 <= by < 64 else 0


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "int": whole,
    "asInt": whole,
    "float": real,
    "asFloat": real,
    "string": printed,
    "len": size,
    "type": _kind,
    "abs": abs,
    "ceil": lambda value: float(math.ceil(value)),
    "floor": lambda value: float(math.floor(value)),
    "round": lambda value: float(math.floor(abs(value) + 0.5)) * (1 if value >= 0 else -1),
    "trim": lambda text, marks=None: text.strip(marks),
    "trimPrefix": lambda text, part=" ": text.removeprefix(part),
    "trimSuffix": lambda text, part=" ": text.removesuffix(part),
    "upper": str.upper,
    "lower": str.lower,
    "split": _split,
    "splitAfter": _split_after,
    "replace": lambda text, old, new, most=-1: text.replace(old, new, most),
    "repeat": _repeat,
    "join": _joined,
    "indexOf": _place,
    "lastIndexOf": lambda text, part: _place(text, part, last=True),
    "hasPrefix": str.startswith,
    "hasSuffix": str.endswith,
    "max": lambda *values: max(_flat(values)),
    "min": lambda *values: min(_flat(values)),
    "mean": lambda *values: sum(_flat(values)) / len(_flat(values)) if _flat(values) else 0,
    "median": _middle,
    "first": lambda items: items[0] if _items(items) else None,
    "last": lambda items: items[-1] if _items(items) else None,
    "take": _taken,
    "get": _get,
    "keys": lambda table: sorted(_table(table), key=str),
    "values": lambda table: [table[key] for key in sorted(_table(table), key=str)],
    "toPairs": lambda table: [[key, table[key]] for key in sorted(_table(table), key=str)],
    "fromPairs": lambda pairs: AnyMap({key: value for key, value in pairs}),
    "sort": _sorted,
    "concat": lambda *lists: [item for items in lists for item in _items(items)],
    "flatten": _flatten,
    "uniq": _unique,
    "reverse": lambda items: _items(items)[::-1],
    "toJSON": lambda value: compact(value, indent=2),
    "toJson": compact,
    "fromJSON": from_json,
    "jsonpath": query,
    "toBase64": lambda text: base64.b64encode(text.encode()).decode(),
    "fromBase64": lambda text: base64.b64decode(text, validate=True).decode(),
    "now": moments.current,
    "duration": lambda text: moments.Duration(moments.seconds_of(text)),
    "date": moments.read,
    "timezone": lambda name: moments.Zone(ZoneInfo(name)),
    "bitand": lambda a, b: a & b,
    "bitor": lambda a, b: a | b,
    "bitxor": lambda a, b: a ^ b,
    "bitnand": lambda a, b: a & ~b,
    "bitnot": lambda a: ~a,
    "bitshl": _shift,
    "bitshr": lambda a, b: a >> b,
    "bitushr": lambda a, b: (a & 0xFFFFFFFFFFFFFFFF) >> b,
}
