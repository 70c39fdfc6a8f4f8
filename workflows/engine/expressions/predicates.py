"""Functions that take a closure: `map(list, # + 1)`, `filter`, `reduce` and their kin."""

from collections.abc import Callable
from typing import Any

from workflows.engine.expressions.builtins import descends
from workflows.engine.expressions.values import AnyMap, ExpressionInvalid, Value, type_name

Closure = Callable[..., Value]


def _items(value: Value) -> list[Value]:
    if isinstance(value, list):
        return value
    raise ExpressionInvalid(f"builtin takes only array (got {type_name(value)})")


def _true(answer: Value) -> bool:
    if not isinstance(answer, bool):
        raise ExpressionInvalid(f"predicate should return boolean (got {type_name(answer)})")
    return answer


def _holding(given: list[Value]) -> list[int]:
    """Places of the items for which the closure holds."""
    items, closure = _items(given[0]), _closure(given)
    return [place for place, item in enumerate(items) if _true(closure(item, place))]


def _closure(given: list[Value]) -> Closure:
    if len(given) < 2 or not callable(given[1]):
        raise ExpressionInvalid("not enough arguments: a list and a predicate are wanted")
    return given[1]


def _count(given: list[Value]) -> Value:
    if len(given) == 1:
        return sum(1 for one in _items(given[0]) if _true(one))
    return len(_holding(given))


def _sum(given: list[Value]) -> Value:
    items = _items(given[0])
    values = [_closure(given)(item, place) for place, item in enumerate(items)] if len(given) > 1 else items
    if any(isinstance(one, bool) or not isinstance(one, (int, float)) for one in values):
        raise ExpressionInvalid("sum takes numbers")
    return sum(values)  # type: ignore[arg-type]


def _find(first: bool, place: bool) -> Callable[[list[Value]], Value]:
    def find(given: list[Value]) -> Value:
        found = _holding(given)
        if not found:
            return -1 if place else None
        chosen = found[0 if first else -1]
        return chosen if place else _items(given[0])[chosen]

    return find


def _map(given: list[Value]) -> Value:
    closure = _closure(given)
    return [closure(item, place) for place, item in enumerate(_items(given[0]))]


def _group(given: list[Value]) -> Value:
    groups: dict[Any, list[Value]] = {}
    closure = _closure(given)
    for place, item in enumerate(_items(given[0])):
        groups.setdefault(closure(item, place), []).append(item)
    return AnyMap(groups)


def _sort(given: list[Value]) -> Value:
    closure, down = _closure(given), descends(given[2]) if len(given) > 2 else False
    keyed: list[Any] = [(closure(item, place), item) for place, item in enumerate(_items(given[0]))]
    try:
        return [item for _, item in sorted(keyed, key=lambda pair: pair[0], reverse=down)]
    except TypeError as error:
        raise ExpressionInvalid(f"sortBy: {error}") from error


def _reduce(given: list[Value]) -> Value:
    items, closure = _items(given[0]), _closure(given)
    if len(given) > 2:
        gathered, start = given[2], 0
    elif items:
        gathered, start = items[0], 1
    else:
        raise ExpressionInvalid("reduce of empty array with no initial value")
    for place in range(start, len(items)):
        gathered = closure(items[place], place, gathered)
    return gathered


PREDICATES: dict[str, Callable[[list[Value]], Value]] = {
    "all": lambda given: len(_holding(given)) == len(_items(given[0])),
    "any": lambda given: bool(_holding(given)),
    "none": lambda given: not _holding(given),
    "one": lambda given: len(_holding(given)) == 1,
    "filter": lambda given: [_items(given[0])[place] for place in _holding(given)],
    "map": _map,
    "count": _count,
    "sum": _sum,
    "find": _find(first=True, place=False),
    "findIndex": _find(first=True, place=True),
    "findLast": _find(first=False, place=False),
    "findLastIndex": _find(first=False, place=True),
    "groupBy": _group,
    "sortBy": _sort,
    "reduce": _reduce,
}
