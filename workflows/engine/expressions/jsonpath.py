"""JSONPath over a JSON text: names, places, slices, wildcards, `..` and simple filters.

Source: Goessner's JSONPath; a definite path gives its value, any other a list, as Argo's library does.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from workflows.engine.expressions.patterns import matches
from workflows.engine.expressions.values import ExpressionInvalid, Value

STEP = re.compile(
    r"\.\.(?P<deep>\*|[\w$-]+|(?=\[))|\.(?P<name>\*|[\w$-]+)|\[\s*(?P<quoted>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")\s*\]"
    r"|\[\?\((?P<filter>.+?)\)\]|\[(?P<slice>-?\d*:-?\d*(?::-?\d+)?)\]|\[(?P<places>\*|-?\d+(?:\s*,\s*-?\d+)*)\]"
)
FILTER = re.compile(r"^@((?:\.[\w$-]+|\['[^']+'\])*)\s*(?:(==|!=|<=|>=|<|>|=~)\s*(.+))?$")


def query(text: Value, path: Value) -> Value:
    """The part of a JSON text that a path names. Raises `ExpressionInvalid`."""
    try:
        root = json.loads(str(text), parse_int=float)
    except ValueError as error:
        raise ExpressionInvalid(f"jsonpath: not JSON: {error}") from error
    found, definite = found_at(root, str(path))
    if definite and not found:
        raise ExpressionInvalid(f"jsonpath: key not found: {path}")
    return found[0] if definite else found


def found_at(root: Any, path: str) -> tuple[list[Any], bool]:
    """What a path finds, and whether it can find one thing at most. Raises `ExpressionInvalid`."""
    found, definite = [root], True
    rest = path.strip().removeprefix("$")
    while rest:
        match = STEP.match(rest)
        if match is None:
            raise ExpressionInvalid(f"jsonpath: cannot read {path!r} at {rest!r}")
        found = [one for value in found for one in _step(match, value)]
        definite = definite and _definite(match)
        rest = rest[match.end() :]
    return found, definite


def _definite(match: re.Match[str]) -> bool:
    groups = match.groupdict()
    if groups["places"]:
        return groups["places"].lstrip("-").isdigit()
    return bool(groups["quoted"]) or (groups["name"] is not None and groups["name"] != "*")


def _step(match: re.Match[str], value: Any) -> Iterator[Any]:
    groups = match.groupdict()
    if groups["deep"] is not None:
        for one in _all_below(value):
            yield from _named(one, groups["deep"]) if groups["deep"] else [one]
    elif groups["name"] is not None:
        yield from _named(value, groups["name"])
    elif groups["quoted"]:
        yield from _named(value, re.sub(r"\\(.)", r"\1", groups["quoted"][1:-1]), wild=False)
    elif groups["filter"]:
        yield from (one for one in _children(value) if _holds(groups["filter"], one))
    elif groups["slice"]:
        parts = [int(part) if part else None for part in groups["slice"].split(":")]
        yield from value[slice(*parts)] if isinstance(value, list) else []
    else:
        yield from _placed(value, groups["places"])


def _children(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def _all_below(value: Any) -> Iterator[Any]:
    yield value
    for one in _children(value):
        yield from _all_below(one)


def _named(value: Any, name: str, wild: bool = True) -> list[Any]:
    if wild and name == "*":
        return _children(value)
    if isinstance(value, dict) and name in value:
        return [value[name]]
    return [len(value)] if name == "length" and isinstance(value, (dict, list, str)) else []


def _placed(value: Any, places: str) -> Iterator[Any]:
    if places == "*":
        yield from _children(value)
        return
    for place in map(int, places.split(",")):
        if isinstance(value, list) and -len(value) <= place < len(value):
            yield value[place]


def _holds(text: str, item: Any) -> bool:
    """Whether an item passes a filter: comparisons joined by `&&`, those by `||`."""
    return any(all(_passes(one, item) for one in either.split("&&")) for either in text.split("||"))


def _passes(text: str, item: Any) -> bool:
    match = FILTER.match(text.strip())
    if match is None:
        raise ExpressionInvalid(
            f"jsonpath: cannot read the filter {text!r}; @.name, @.name == value and the like are known"
        )
    for part in re.findall(r"\.([\w$-]+)|\['([^']+)'\]", match[1]):
        name = part[0] or part[1]
        if not isinstance(item, dict) or name not in item:
            return False
        item = item[name]
    return True if match[2] is None else _compared(item, match[2], _literal(match[3].strip()))


def _literal(text: str) -> Any:
    if text[:1] == "'" and text[-1:] == "'":
        return text[1:-1]
    try:
        return json.loads(text)
    except ValueError:
        raise ExpressionInvalid(f"jsonpath: {text!r} is no value to compare with") from None


def _compared(item: Any, operator: str, wanted: Any) -> bool:
    if operator in ("==", "!="):
        return (type(item) is type(wanted) and item == wanted) is (operator == "==")
    if operator == "=~":
        return matches(str(wanted).strip("/"), str(item))
    try:
        return bool({"<": item < wanted, ">": item > wanted, "<=": item <= wanted, ">=": item >= wanted}[operator])
    except TypeError:
        return False
