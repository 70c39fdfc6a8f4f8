"""What expr's compiler finds before it evaluates: kinds that cannot be compared, names that are declared twice, names not there."""

from collections.abc import Iterator
from functools import lru_cache

from workflows.engine.expressions import patterns, tree
from workflows.engine.expressions.builtins import FUNCTIONS
from workflows.engine.expressions.predicates import PREDICATES
from workflows.engine.expressions.values import ExpressionInvalid

LOGIC = ("||", "or", "&&", "and")
ASKS = ("==", "!=", "<", ">", "<=", ">=", "in", "matches", "contains", "startsWith", "endsWith", *LOGIC)
CONSTANTS: dict[type, str] = {bool: "bool", int: "int", float: "float64", str: "string"}
RETURNS = {
    **dict.fromkeys(("int", "len", "indexOf", "lastIndexOf", "findIndex", "findLastIndex", "count"), "int"),
    "float": "float64",
    **dict.fromkeys(("string", "upper", "lower", "trim", "trimPrefix", "trimSuffix", "replace", "repeat", "join", "type", "toJSON",
                     "toBase64", "fromBase64"), "string"),
    **dict.fromkeys(("hasPrefix", "hasSuffix", "all", "any", "none", "one"), "bool"),
    **dict.fromkeys(("map", "filter", "split", "splitAfter", "keys", "values", "concat", "flatten", "uniq", "sort", "sortBy"), "array"),
}  # fmt: skip
NUMBERS = ("int", "float64")
ORDERS, SUMS = ("<", ">", "<=", ">=", "+"), ("-", "*", "/", "%", "**", "^")


def kind(node: tree.Node) -> str | None:
    """The kind that a node's value has in any case: `int`, `float64`, `string`, `bool`, `array`, `map`; None where it is open."""
    if isinstance(node, tree.Constant):
        return CONSTANTS.get(type(node.value))
    if isinstance(node, tree.Listed):
        return "array"
    if isinstance(node, tree.Mapped):
        return "map"
    if isinstance(node, tree.Call) and isinstance(node.function, tree.Name):
        return RETURNS.get(node.function.name)
    if isinstance(node, tree.Unary):
        return "bool" if node.operator in ("!", "not") else kind(node.value)
    return "bool" if isinstance(node, tree.Binary) and node.operator in ASKS else None


def _alike(left: str, right: str) -> bool:
    return left == right or (left in NUMBERS and right in NUMBERS)


def _go_together(operator: str, left: str, right: str) -> bool:
    texts = left == right == "string" and operator in ORDERS
    return operator not in (*ORDERS, *SUMS) or texts or (left in NUMBERS and right in NUMBERS)


def _check(node: tree.Node) -> None:
    """Raises `ExpressionInvalid` where two kinds do not go together."""
    if isinstance(node, tree.Member) and kind(node.of) == "string":
        raise ExpressionInvalid("type string does not support indexing", node.place)
    if not isinstance(node, tree.Binary):
        return
    if node.operator == "matches" and isinstance(node.right, tree.Constant) and isinstance(node.right.value, str):
        try:
            patterns.check(node.right.value)
        except ExpressionInvalid as error:
            raise ExpressionInvalid(str(error), node.place) from error
    left, right = kind(node.left), kind(node.right)
    if node.operator in LOGIC:
        wrong = any(one not in (None, "bool") for one in (left, right))
    elif left is None or right is None:
        wrong = False
    else:
        wrong = (
            not _alike(left, right) if node.operator in ("==", "!=") else not _go_together(node.operator, left, right)
        )
    if wrong:
        raise ExpressionInvalid(f"invalid operation: {node.operator} (mismatched types {left} and {right})", node.place)


def _inner(node: tree.Node) -> Iterator[tree.Node]:
    for part in vars(node).values():
        for inner in part if isinstance(part, tuple) else (part,):
            for one in inner if isinstance(inner, tuple) else (inner,):
                if hasattr(one, "__dataclass_fields__"):
                    yield one


@lru_cache(maxsize=2048)
def compiled(text: str) -> tuple[tree.Node, tuple[tree.Name, ...]]:
    """The tree of an expression and the names that it needs. Raises `ExpressionInvalid`."""
    node = tree.parsed(text)
    return node, tuple(dict.fromkeys(_needed(node, frozenset())))


def _needed(node: tree.Node, local: frozenset[str]) -> Iterator[tree.Name]:
    _check(node)
    if isinstance(node, tree.Name):
        if node.name not in local and node.name != "sprig":
            yield node
        return
    if isinstance(node, tree.Let):
        if node.name in local or node.name in FUNCTIONS or node.name in PREDICATES:
            raise ExpressionInvalid(f"cannot redeclare {node.name}")
        yield from _needed(node.value, local)
        yield from _needed(node.body, local | {node.name})
        return
    called = node.function if isinstance(node, tree.Call) and isinstance(node.function, tree.Name) else None
    if called and called.name not in local and called.name not in FUNCTIONS and called.name not in PREDICATES:
        raise ExpressionInvalid(f"unknown name {called.name}", called.place)
    for one in _inner(node):
        if one is not called:
            yield from _needed(one, local)
