"""The functions of the expr language that take plain values."""

import base64
import json
import math
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from workflows.engine.expressions import moments
from workflows.engine.expressions.gojson import go_json_error
from workflows.engine.expressions.jsonpath import query
from workflows.engine.expressions.values import ExpressionInvalid, Value, compact, printed, text_of, type_name

LONGEST_TEXT = 1_000_000


def whole(value: Value) -> int:
    """`int(value)`: of a number its whole part, of a text that holds one its number. Raises `ExpressionInvalid`."""
    if isinstance(value, str):
        try:
            return int(value.replace("_", "x"))
        except ValueError:
            raise ExpressionInvalid(f"invalid operation: int({value})") from None
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
        found: Value = json.loads(str(text))
    except ValueError as error:
        raise ExpressionInvalid(go_json_error(str(text)) or str(error)) from error
    return found


def _kind(value: Value) -> str:
    names: dict[type, str] = {bool: "bool", int: "int", float: "float", str: "string", list: "array", dict: "map"}
    return "nil" if value is None else names.get(type(value), "unknown")


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
    return numbers[half] if len(numbers) % 2 else (numbers[half - 1] + numbers[half]) / 2


def _repeat(text: str, count: int) -> str:
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
    return sorted(items, reverse=order == "desc")


def _flatten(items: list[Value]) -> list[Value]:
    found: list[Value] = []
    for one in items:
        found += _flatten(one) if isinstance(one, list) else [one]
    return found


def _unique(items: list[Value]) -> list[Value]:
    found: list[Value] = []
    for one in items:
        if not any(type(one) is type(other) and one == other for other in found):
            found.append(one)
    return found


def _get(of: Any, key: Any) -> Value:
    try:
        return of.get(key) if isinstance(of, dict) else of[key]
    except (IndexError, TypeError, AttributeError):
        return None


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
    "indexOf": str.find,
    "lastIndexOf": str.rfind,
    "hasPrefix": str.startswith,
    "hasSuffix": str.endswith,
    "max": lambda *values: max(_flat(values)),
    "min": lambda *values: min(_flat(values)),
    "mean": lambda *values: sum(_flat(values)) / len(_flat(values)) if _flat(values) else 0,
    "median": _middle,
    "first": lambda items: items[0] if items else None,
    "last": lambda items: items[-1] if items else None,
    "take": lambda items, count: items[:count],
    "get": _get,
    "keys": lambda table: sorted(table),
    "values": lambda table: [table[key] for key in sorted(table)],
    "toPairs": lambda table: [[key, table[key]] for key in sorted(table)],
    "fromPairs": lambda pairs: {str(key): value for key, value in pairs},
    "sort": _sorted,
    "concat": lambda *lists: [item for items in lists for item in items],
    "flatten": _flatten,
    "uniq": _unique,
    "reverse": lambda items: items[::-1],
    "toJSON": lambda value: json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True),
    "toJson": compact,
    "fromJSON": from_json,
    "fromJson": from_json,
    "jsonpath": query,
    "toBase64": lambda text: base64.b64encode(text.encode()).decode(),
    "fromBase64": lambda text: base64.b64decode(text).decode(),
    "now": moments.current,
    "duration": lambda text: moments.Duration(moments.seconds_of(text)),
    "date": moments.read,
    "timezone": lambda name: ZoneInfo(name),
    "bitand": lambda a, b: a & b,
    "bitor": lambda a, b: a | b,
    "bitxor": lambda a, b: a ^ b,
    "bitnand": lambda a, b: a & ~b,
    "bitnot": lambda a: ~a,
    "bitshl": _shift,
    "bitshr": lambda a, b: a >> b,
    "bitushr": lambda a, b: (a & 0xFFFFFFFFFFFFFFFF) >> b,
}
