"""Evaluates trees of the expr language. Values are JSON's, texts above all; there is no way out of them."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from workflows.engine.expressions import tree
from workflows.engine.expressions.builtins import FUNCTIONS
from workflows.engine.expressions.moments import Duration, Moment
from workflows.engine.expressions.patterns import matches
from workflows.engine.expressions.predicates import PREDICATES
from workflows.engine.expressions.sprig import SPRIG
from workflows.engine.expressions.values import AnyMap, ExpressionInvalid, Value, type_name
from workflows.engine.expressions.versions import Version

LONGEST_RANGE = 100_000
MOST_ITEMS = 1_000_000
HALF = 1 << 63


def nested(names: Mapping[str, Value], root: str) -> Value:
    """What `root` stands for: the value of that name, or the names below it (`root.a.b`) as one map.

    Raises:
        KeyError: there is neither.
    """
    start, found = f"{root}.", {}
    for key in names:
        if key.startswith(start):
            found[key] = names[key]
    if not found:
        return names[root]
    made: dict[str, Value] = {}
    for key in sorted(found):
        *path, last = key[len(start) :].split(".")
        place = made
        for part in path:
            inner = place.get(part)
            if not isinstance(inner, dict):
                inner = place[part] = {}
            place = inner
        place[last] = found[key]
    return made


def equal(left: Value, right: Value) -> bool:
    """Whether two values are equal: numbers as numbers, all else only with its own kind."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right
    return type(left) is type(right) and left == right


@dataclass
class Evaluator:
    """One evaluation: the names it may read, and what closures and `let` add."""

    names: Mapping[str, Value]
    local: dict[str, Value] = field(default_factory=dict)
    pointers: dict[str, Value] = field(default_factory=dict)
    roots: dict[str, Value] = field(default_factory=dict)
    spent: list[int] = field(default_factory=lambda: [0])

    def checked(self, needed: Iterable[tree.Name]) -> "Evaluator":
        """Itself, once all these names are known to be there. Raises `ExpressionInvalid`."""
        for name in needed:
            self._name(name)
        return self

    def value(self, node: tree.Node) -> Value:
        """The value of a node. Raises `ExpressionInvalid`."""
        try:
            return READERS[type(node)](self, node)
        except ExpressionInvalid as error:
            if error.place is None:
                error.place = getattr(node, "place", None)
            raise

    def _constant(self, node: tree.Constant) -> Value:
        return node.value

    def _name(self, node: tree.Name) -> Value:
        if node.name in self.local:
            return self.local[node.name]
        if node.name == "sprig":
            return SPRIG
        if node.name not in self.roots:
            try:
                self.roots[node.name] = nested(self.names, node.name)
            except KeyError:
                raise ExpressionInvalid(f"unknown name {node.name}", node.place) from None
        return self.roots[node.name]

    def _pointer(self, node: tree.Pointer) -> Value:
        if node.name not in self.pointers:
            raise ExpressionInvalid(f"cannot use pointer #{node.name} outside of a predicate")
        return self.pointers[node.name]

    def _unary(self, node: tree.Unary) -> Value:
        value = self.value(node.value)
        if node.operator in ("!", "not"):
            return not _truth(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ExpressionInvalid(f"invalid operation: {node.operator} (mismatched type {type_name(value)})")
        return -value if node.operator == "-" else value

    def _binary(self, node: tree.Binary) -> Value:
        left = self.value(node.left)
        if node.operator in ("||", "or", "&&", "and"):
            return self._logic(node, left)
        if node.operator == "??":
            return self.value(node.right) if left is None else left
        return OPERATORS[node.operator](left, self.value(node.right))

    def _logic(self, node: tree.Binary, left: Value) -> Value:
        either = node.operator in ("||", "or")
        if node.right == tree.Constant(not either):  # expr's compiler leaves `and true`, `or false` out
            return left
        return either if _truth(left) is either else _truth(self.value(node.right))

    def _member(self, node: tree.Member) -> Value:
        of = self.value(node.of)
        if of is None and node.optional:
            return None
        return fetched(of, self.value(node.key))

    def _slice(self, node: tree.Slice) -> Value:
        of = self.value(node.of)
        if not isinstance(of, (list, str)):
            raise ExpressionInvalid(f"cannot slice {type_name(of)}")
        items = of.encode() if isinstance(of, str) else of  # Go slices the bytes of a text
        start = 0 if node.start is None else self._place(node.start, len(items))
        end = len(items) if node.end is None else self._place(node.end, len(items))
        part = items[min(start, end) : end]
        return part.decode(errors="replace") if isinstance(part, bytes) else part

    def _place(self, node: tree.Node, size: int) -> int:
        value = self.value(node)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ExpressionInvalid(f"non-integer slice index {type_name(value)}")
        return max(0, min(size, value + size if value < 0 else value))

    def _call(self, node: tree.Call) -> Value:
        if isinstance(node.function, tree.Name) and node.function.name in PREDICATES and node.arguments:
            name, closures = node.function.name, self._closures(node)
            return self._answer(node, lambda: PREDICATES[name](closures))
        function = self._function(node.function)
        given = [self.value(one) for one in node.arguments]
        return self._answer(node, lambda: function(*given))

    def _answer(self, node: tree.Call, ask: Callable[[], Value]) -> Value:
        try:
            return ask()
        except ExpressionInvalid:
            raise
        except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError) as error:
            raise ExpressionInvalid(f"{_shown(node.function)}: {error}") from error

    def _function(self, node: tree.Node) -> Callable[..., Value]:
        if isinstance(node, tree.Name) and node.name not in self.local:
            return FUNCTIONS[node.name]
        if isinstance(node, tree.Member):
            of, key = self.value(node.of), self.value(node.key)
            if isinstance(of, (Moment, Duration, Version)):
                return of.method(str(key))
            found = of.get(key) if isinstance(of, dict) else None
            if callable(found):
                return found  # type: ignore[no-any-return]  # sprig's
        raise ExpressionInvalid("reflect: call of reflect.Value.Call on zero Value")

    def _closures(self, node: tree.Call) -> list[Value]:
        """The arguments of a predicate: closures become functions of item, place and what was gathered."""
        return [
            self._closure_of(one.body) if isinstance(one, tree.Closure) else self.value(one) for one in node.arguments
        ]

    def _closure_of(self, body: tree.Node) -> Callable[..., Value]:
        def run(item: Value, index: int = 0, gathered: Value = None) -> Value:
            self.spent[0] += 1
            if self.spent[0] > MOST_ITEMS:
                raise ExpressionInvalid(f"budget exceeded: more than {MOST_ITEMS} items looked at in one expression")
            pointers = {"": item, "index": index, "acc": gathered}
            return Evaluator(self.names, self.local, pointers, self.roots, self.spent).value(body)

        return run

    def _conditional(self, node: tree.Conditional) -> Value:
        return self.value(node.yes if _truth(self.value(node.condition)) else node.no)

    def _listed(self, node: tree.Listed) -> Value:
        return [self.value(one) for one in node.items]

    def _mapped(self, node: tree.Mapped) -> Value:
        return {str(self.value(key)): self.value(one) for key, one in node.pairs}

    def _let(self, node: tree.Let) -> Value:
        local = {**self.local, node.name: self.value(node.value)}
        return Evaluator(self.names, local, self.pointers, self.roots, self.spent).value(node.body)

    def _bare(self, node: tree.Closure) -> Value:
        return self.value(node.body)


READERS: dict[type, Callable[[Evaluator, tree.Node], Value]] = {
    kind: getattr(Evaluator, name)
    for kind, name in (
        (tree.Constant, "_constant"), (tree.Name, "_name"), (tree.Pointer, "_pointer"), (tree.Unary, "_unary"),
        (tree.Binary, "_binary"), (tree.Member, "_member"), (tree.Slice, "_slice"), (tree.Call, "_call"),
        (tree.Conditional, "_conditional"), (tree.Listed, "_listed"), (tree.Mapped, "_mapped"), (tree.Let, "_let"),
        (tree.Closure, "_bare"),
    )
}  # fmt: skip


def _shown(node: tree.Node) -> str:
    if isinstance(node, tree.Name):
        return node.name
    if isinstance(node, tree.Member) and isinstance(node.key, tree.Constant):
        return f"{_shown(node.of)}.{node.key.value}"
    return "expression"


def fetched(of: Value, key: Value) -> Value:
    """`of[key]`: nil for a key that a map lacks; places from the end where negative. Raises `ExpressionInvalid`."""
    if isinstance(of, dict):
        if not isinstance(key, str) and not isinstance(of, AnyMap):
            raise ExpressionInvalid(f"cannot use {type_name(key)} to get an element from {type_name(of)}")
        return of.get(key)
    if isinstance(of, (list, str)) and isinstance(key, int) and not isinstance(key, bool):
        items = of.encode() if isinstance(of, str) else of
        place = key + len(items) if key < 0 else key
        if not 0 <= place < len(items):
            raise ExpressionInvalid(f"index out of range: {key} (array length is {len(items)})")
        return items[place]
    raise ExpressionInvalid(f"cannot fetch {key} from {type_name(of)}")


def _truth(value: Value) -> bool:
    if not isinstance(value, bool):
        raise ExpressionInvalid(f"interface conversion: interface {{}} is {type_name(value)}, not bool")
    return value


def _mismatched(operator: str, left: Value, right: Value) -> ExpressionInvalid:
    return ExpressionInvalid(f"invalid operation: {type_name(left)} {operator} {type_name(right)}")


def _numbers(left: Value, right: Value) -> bool:
    return all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in (left, right))


def _ordered(operator: str, ask: Callable[[object, object], bool]) -> Callable[[Value, Value], Value]:
    def compare(left: Value, right: Value) -> Value:
        if _numbers(left, right) or (type(left) is type(right) and isinstance(left, (str, Moment, Duration))):
            return ask(left, right)
        raise _mismatched(operator, left, right)

    return compare


def _computed(operator: str, sum_up: Callable[[float, float], float]) -> Callable[[Value, Value], Value]:
    def compute(left: Value, right: Value) -> Value:
        if _numbers(left, right):
            try:
                return _wrapped(sum_up(left, right))  # type: ignore[arg-type]  # both are numbers
            except (ZeroDivisionError, OverflowError) as error:
                raise ExpressionInvalid(f"{left} {operator} {right}: {error}") from error
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return left + right
        if operator in "+-*" and isinstance(left, (Moment, Duration)):
            return left.computed(operator, right)
        raise _mismatched(operator, left, right)

    return compute


def _wrapped(value: float) -> float:
    """A whole number as 64 bits hold it."""
    return (value + HALF) % (2 * HALF) - HALF if isinstance(value, int) and not -HALF <= value < HALF else value


def _remainder(left: float, right: float) -> float:
    if not isinstance(left, int) or not isinstance(right, int):
        raise ExpressionInvalid("invalid operation: % (mismatched types float64 and float64)")
    if right == 0:
        raise ExpressionInvalid("integer divide by zero")
    return abs(left) % abs(right) * (1 if left >= 0 else -1)


def _quotient(left: float, right: float) -> float:
    if right == 0:
        return math.copysign(math.inf, left) if left else math.nan
    return left / right


def _power(left: float, right: float) -> float:
    if abs(right) > 1024:
        raise ExpressionInvalid(f"{left} ** {right} is too large")
    return math.pow(left, right)


def _within(left: Value, right: Value) -> Value:
    if isinstance(right, list):
        return any(equal(left, one) for one in right)
    if isinstance(right, dict):
        return left in right if isinstance(left, str) else False
    if right is None:
        return False
    raise _mismatched("in", left, right)


def _texts(operator: str, ask: Callable[[str, str], bool]) -> Callable[[Value, Value], Value]:
    def check(left: Value, right: Value) -> Value:
        if left is None or right is None:
            return False
        if not isinstance(left, str) or not isinstance(right, str):
            raise _mismatched(operator, left, right)
        return ask(left, right)

    return check


def _span(left: Value, right: Value) -> Value:
    if not (isinstance(left, int) and isinstance(right, int)):
        raise _mismatched("..", left, right)
    if right - left >= LONGEST_RANGE:
        raise ExpressionInvalid(f"range {left}..{right} has more than {LONGEST_RANGE} items")
    return list(range(left, right + 1))


OPERATORS: dict[str, Callable[[Value, Value], Value]] = {
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "<": _ordered("<", lambda a, b: a < b),  # type: ignore[operator]  # of one kind
    ">": _ordered(">", lambda a, b: a > b),  # type: ignore[operator]
    "<=": _ordered("<=", lambda a, b: a <= b),  # type: ignore[operator]
    ">=": _ordered(">=", lambda a, b: a >= b),  # type: ignore[operator]
    "+": _computed("+", lambda a, b: a + b),
    "-": _computed("-", lambda a, b: a - b),
    "*": _computed("*", lambda a, b: a * b),
    "/": _computed("/", _quotient),
    "%": _computed("%", _remainder),
    "**": _computed("**", _power),
    "^": _computed("^", _power),
    "in": _within,
    "matches": _texts("matches", lambda text, pattern: matches(pattern, text)),
    "contains": _texts("contains", lambda text, part: part in text),
    "startsWith": _texts("startsWith", str.startswith),
    "endsWith": _texts("endsWith", str.endswith),
    "..": _span,
}


def named(node: tree.Node) -> Iterator[str]:
    """The dotted names that a tree reads, as far as they are written out: `steps.a.outputs.result`."""
    if isinstance(node, (tree.Name, tree.Member)) and (path := _path(node)):
        yield path
        return
    for part in vars(node).values():
        if isinstance(node, tree.Call) and part is node.function:
            continue
        for inner in part if isinstance(part, tuple) else (part,):
            for one in inner if isinstance(inner, tuple) else (inner,):
                if hasattr(one, "__dataclass_fields__"):
                    yield from named(one)


def _path(node: tree.Node) -> str:
    if isinstance(node, tree.Name):
        return node.name
    if isinstance(node, tree.Member) and isinstance(node.key, tree.Constant) and (start := _path(node.of)):
        return f"{start}.{node.key.value}"
    return ""
