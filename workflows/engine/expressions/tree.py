"""From words to a tree: a Pratt parser of the expr language."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from workflows.engine.expressions.tokens import Token, pointed, tokens
from workflows.engine.expressions.values import ExpressionInvalid

PIPE, NEGATION, SIGN = 0, 50, 90
BINARY = {
    "|": 0, "or": 10, "||": 10, "and": 15, "&&": 15, "==": 20, "!=": 20, "<": 20, ">": 20, ">=": 20, "<=": 20, "in": 20,
    "matches": 20, "contains": 20, "startsWith": 20, "endsWith": 20, "..": 25, "+": 30, "-": 30, "*": 60, "/": 60, "%": 60,
    "**": 100, "^": 100, "??": 500,
}  # fmt: skip
COMPARISONS = ("<", ">", "<=", ">=")
NEGATED = ("contains", "matches", "startsWith", "endsWith", "in")
PREDICATES = (
    "all", "any", "none", "one", "filter", "map", "count", "find", "findIndex", "findLast", "findLastIndex", "groupBy",
    "sortBy", "reduce", "sum",
)  # fmt: skip
DEEPEST = 100


@dataclass(frozen=True)
class Constant:
    """A literal."""

    value: object


@dataclass(frozen=True)
class Name:
    """A variable, or a function where it is called."""

    name: str
    place: int | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Pointer:
    """`#`, `#index`, `#acc`: the item at which a closure is."""

    name: str


@dataclass(frozen=True)
class Unary:
    """`!`, `-`, `+`."""

    operator: str
    value: "Node"
    place: int | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Binary:
    """Two sides and what is between them."""

    operator: str
    left: "Node"
    right: "Node"
    place: int | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Member:
    """`a.b`, `a["b"]`; `optional` for `?.`, which gives nil where `a` is nil."""

    of: "Node"
    key: "Node"
    optional: bool = False
    place: int | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Slice:
    """`a[from:to]`."""

    of: "Node"
    start: "Node | None"
    end: "Node | None"


@dataclass(frozen=True)
class Call:
    """A function with its arguments; `predicate` where the second is a closure."""

    function: "Node"
    arguments: "tuple[Node, ...]"
    place: int | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Closure:
    """What is evaluated for each item."""

    body: "Node"


@dataclass(frozen=True)
class Conditional:
    """`a ? b : c`, `if a { b } else { c }`."""

    condition: "Node"
    yes: "Node"
    no: "Node"


@dataclass(frozen=True)
class Listed:
    """`[a, b]`."""

    items: "tuple[Node, ...]"


@dataclass(frozen=True)
class Mapped:
    """`{a: b}`."""

    pairs: "tuple[tuple[Node, Node], ...]"


@dataclass(frozen=True)
class Let:
    """`let name = value; body`."""

    name: str
    value: "Node"
    body: "Node"


Node = (
    Constant | Name | Pointer | Unary | Binary | Member | Slice | Call | Closure | Conditional | Listed | Mapped | Let
)  # fmt: skip


class _Parser:
    def __init__(self, text: str) -> None:
        self.text, self.tokens, self.place, self.depth = text, tokens(text), 0, 0

    @property
    def now(self) -> Token:
        return self.tokens[self.place]

    def take(self) -> Token:
        token = self.now
        if token.kind != "end":
            self.place += 1
        return token

    def at(self, *texts: str) -> bool:
        return self.now.kind in ("operator", "name") and self.now.text in texts

    def takes(self, *texts: str) -> bool:
        if self.at(*texts):
            self.place += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.takes(text):
            raise self.unexpected()

    def unexpected(self) -> ExpressionInvalid:
        shown, place = self.now.shown, self.now.place
        if self.now.kind == "end":
            place = max(0, place - 1)
        return ExpressionInvalid(f"unexpected token {shown} {pointed(self.text, place)}")

    def whole(self) -> Node:
        node = self.sequence()
        if self.now.kind != "end":
            raise self.unexpected()
        return node

    def sequence(self) -> Node:
        node = self.expression(0)
        while self.takes(";"):
            if self.now.kind == "end" or self.at(")", "}"):
                break
            node = self.expression(0)
        return node

    def expression(self, lowest: int) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise ExpressionInvalid(f"{self.text[:60]!r} is nested more than {DEEPEST} deep")
        try:
            return self._expression(lowest)
        finally:
            self.depth -= 1

    def _expression(self, lowest: int) -> Node:
        if lowest == 0 and self.at("let"):
            return self.let()
        if lowest == 0 and self.at("if"):
            return self.branch()
        left = self.prefix()
        while (found := self._operator()) and BINARY[found[0]] >= lowest:
            operator, negated = found
            place = self.now.place
            self.place += 1 + negated
            left = self.pipe(left) if operator == "|" else self._right(operator, left, place)
            if negated:
                left = Unary("not", left, place)
        return self.conditional(left) if lowest == 0 else left

    def _operator(self) -> tuple[str, bool] | None:
        if self.at("not") and self.tokens[self.place + 1].text in NEGATED:
            return self.tokens[self.place + 1].text, True
        if self.now.kind in ("operator", "name") and self.now.text in BINARY:
            return self.now.text, False
        return None

    def _right(self, operator: str, left: Node, place: int) -> Node:
        strength = BINARY[operator]
        right = self.expression(strength if operator in ("**", "^") else strength + 1)
        made: Node = Binary(operator, left, right, place)
        while operator in COMPARISONS and self.at(*COMPARISONS):  # `1 < a < 5`
            token, left = self.take(), right
            operator, right = token.text, self.expression(strength + 1)
            made = Binary("&&", made, Binary(operator, left, right, token.place))
        return made

    def let(self) -> Node:
        self.take()
        name = self.take()
        if name.kind != "name":
            raise self.unexpected()
        self.expect("=")
        value = self.expression(0)
        self.expect(";")
        return Let(name.text, value, self.sequence())

    def branch(self) -> Node:
        self.take()
        condition = self.expression(0)
        self.expect("{")
        yes = self.sequence()
        self.expect("}")
        self.expect("else")
        if self.at("if"):
            return Conditional(condition, yes, self.branch())
        self.expect("{")
        no = self.sequence()
        self.expect("}")
        return Conditional(condition, yes, no)

    def conditional(self, left: Node) -> Node:
        while self.takes("?"):
            if self.takes(":"):
                left = Conditional(left, left, self.expression(0))
                continue
            yes = self.expression(0)
            self.expect(":")
            left = Conditional(left, yes, self.expression(0))
        return left

    def prefix(self) -> Node:
        place = self.now.place
        if self.at("not", "!"):
            self.take()
            return self.postfix(Unary("not", self.expression(NEGATION), place))
        if self.at("-", "+"):
            return Unary(self.take().text, self.expression(SIGN), place)
        return self.postfix(self.atom())

    def atom(self) -> Node:
        token = self.now
        if token.kind in ("number", "text"):
            self.take()
            return Constant(token.value)
        if token.kind == "pointer":
            self.take()
            return Pointer(token.text[1:])
        if token.kind == "name":
            return self.named(self.take())
        readers: dict[str, Callable[[], Node]] = {"(": self.grouped, "[": self.listed, "{": self.mapped}
        if token.text in readers:
            return readers[token.text]()
        if token.text == ".":  # `.field` inside a closure is `#.field`
            return Pointer("")
        raise self.unexpected()

    def named(self, token: Token) -> Node:
        constants: dict[str, object] = {"true": True, "false": False, "nil": None}
        if token.text in constants:
            return Constant(constants[token.text])
        name = Name(token.text, token.place)
        return Call(name, self.arguments(token.text in PREDICATES), token.place) if self.at("(") else name

    def grouped(self) -> Node:
        self.take()
        node = self.sequence()
        self.expect(")")
        return node

    def listed(self) -> Node:
        self.take()
        items = []
        while not self.takes("]"):
            items.append(self.expression(0))
            if not self.takes(",") and not self.at("]"):
                raise self.unexpected()
        return Listed(tuple(items))

    def mapped(self) -> Node:
        self.take()
        pairs: list[tuple[Node, Node]] = []
        while not self.takes("}"):
            pairs.append((self.map_key(), self.map_value()))
            if not self.takes(",") and not self.at("}"):
                raise self.unexpected()
        return Mapped(tuple(pairs))

    def map_key(self) -> Node:
        token = self.take()
        if token.kind in ("number", "text"):
            return Constant(str(token.value))
        if token.kind == "name":
            return Constant(token.text)
        if token.text == "(":
            node = self.expression(0)
            self.expect(")")
            return node
        raise self.unexpected()

    def map_value(self) -> Node:
        self.expect(":")
        return self.expression(0)

    def arguments(self, predicate: bool) -> tuple[Node, ...]:
        self.expect("(")
        found: list[Node] = []
        while not self.takes(")"):
            found.append(self.closure() if predicate and found and not self._plain_last(found) else self.expression(0))
            if not self.takes(",") and not self.at(")"):
                raise self.unexpected()
        return tuple(found)

    @staticmethod
    def _plain_last(found: list[Node]) -> bool:
        """After the closure come plain values: the start of `reduce`, the order of `sortBy`."""
        return any(isinstance(one, Closure) for one in found)

    def closure(self) -> Node:
        if self.takes("{"):
            body = self.sequence()
            self.expect("}")
            return Closure(body)
        return Closure(self.expression(0))

    def pipe(self, left: Node) -> Node:
        name = self.take()
        if name.kind != "name":
            raise self.unexpected()
        function: Name | Member = Name(name.text, name.place)
        while self.takes("."):
            member = self.take()
            function = Member(function, Constant(member.text), place=member.place)
        inner = self._piped_arguments(left, name.text in PREDICATES)
        return self.postfix(Call(function, inner, function.place))

    def _piped_arguments(self, left: Node, predicate: bool) -> tuple[Node, ...]:
        self.expect("(")
        found: list[Node] = [left]
        while not self.takes(")"):
            found.append(self.closure() if predicate and not self._plain_last(found) else self.expression(0))
            if not self.takes(",") and not self.at(")"):
                raise self.unexpected()
        return tuple(found)

    def postfix(self, node: Node) -> Node:
        while True:
            if self.at(".", "?."):
                optional = self.take().text == "?."
                if optional and self.at("["):
                    node = self.index(node, True)
                    continue
                word = self.now
                if word.kind not in ("name", "operator") or not word.text.replace("_", "a").isalnum():
                    raise self.unexpected()
                self.take()
                node = Member(node, Constant(word.text), optional, word.place)
            elif self.at("["):
                node = self.index(node, False)
            elif self.at("(") and isinstance(node, (Member, Name)):
                node = Call(node, self.arguments(False), node.place)
            else:
                return node

    def index(self, node: Node, optional: bool) -> Node:
        place = self.now.place
        self.expect("[")
        if self.takes(":"):
            return self.slice(node, None)
        start = self.expression(0)
        if self.takes(":"):
            return self.slice(node, start)
        self.expect("]")
        return Member(node, start, optional, place)

    def slice(self, node: Node, start: Node | None) -> Node:
        end = None if self.at("]") else self.expression(0)
        self.expect("]")
        return Slice(node, start, end)


@lru_cache(maxsize=2048)
def parsed(text: str) -> Node:
    """The tree of an expression. Raises `ExpressionInvalid`."""
    return _Parser(text).whole()
