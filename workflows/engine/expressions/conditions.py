"""`when`: conditions as govaluate reads them, in which a bare word is a text."""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from workflows.engine.expressions.grammar import check_grammar
from workflows.engine.expressions.patterns import matches
from workflows.engine.expressions.values import ExpressionInvalid, Value, printed

WORD = re.compile(
    r"\s*(?:(?P<number>0[xX][0-9a-fA-F]+|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)"
    r"|(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")|\[(?P<escaped>[^\]]*)\]"
    r"|(?P<name>(?:[^\W\d]|\\.)(?:[\w.]|\\.)*)"
    r"|(?P<operator>&&|\|\||==|!=|<=|>=|=~|!~|\?\?|\*\*|<<|>>|[-+*/%<>!?:(),&|^~]))"
)
BINARY: list[tuple[str, ...]] = [
    ("||",), ("&&",), ("==", "!=", ">", "<", ">=", "<=", "=~", "!~", "in"), ("&", "|", "^"), ("<<", ">>"), ("+", "-"),
    ("*", "/", "%"), ("**",),
]  # fmt: skip
DEEPEST = 40


def holds(text: str) -> bool:
    """Whether the condition `text`, with all tags filled, is true; an empty one is.

    Raises:
        ExpressionInvalid: it cannot be read, or is neither true nor false; the text is Argo's.
    """
    if not text:
        return True
    try:
        check_grammar(text)
        value = _Reader(text).whole()
    except ExpressionInvalid as error:
        hint = ' (hint: try wrapping the affected expression in quotes ("))' if "Invalid token" in str(error) else ""
        raise ExpressionInvalid(f"Invalid 'when' expression '{text}': {error}{hint}") from None
    try:
        result = value()
    except ExpressionInvalid as error:
        raise ExpressionInvalid(f"Failed to evaluate 'when' expresion '{text}': {error}") from None
    if not isinstance(result, bool):
        raise ExpressionInvalid(f"Expected boolean evaluation for '{text}'. Got {printed(result)}")
    return result


Thunk = Callable[[], Value]


@dataclass
class _Reader:
    text: str
    place: int = 0
    depth: int = 0

    def peek(self) -> tuple[str, str]:
        if not self.text[self.place :].strip():
            return "end", ""
        found = WORD.match(self.text, self.place)
        if found is None:
            left = self.text[self.place :].strip()
            raise ExpressionInvalid(f"Invalid token: '{left[:1]}'")
        kind = str(found.lastgroup)
        return kind, found[kind]

    def take(self) -> tuple[str, str]:
        word = self.peek()
        found = WORD.match(self.text, self.place)
        self.place = found.end() if found else len(self.text)
        return word

    def at(self, operators: tuple[str, ...]) -> str | None:
        kind, text = self.peek()
        return text if text in operators and (kind == "operator" or text == "in") else None

    def whole(self) -> Thunk:
        value = self.ternary()
        if self.peek()[0] != "end":
            raise ExpressionInvalid(self._cannot_follow(self.peek()))
        return value

    @staticmethod
    def _cannot_follow(word: tuple[str, str]) -> str:
        return f"Invalid token: '{word[1]}'" if word[0] != "end" else "Unexpected end of expression"

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise ExpressionInvalid(f"more than {DEEPEST} parts inside each other")

    def ternary(self) -> Thunk:
        self.deeper()
        condition = self.level(0)
        if self.at(("??",)):
            self.take()
            condition = _coalesced(condition, self.level(0))
        if self.at(("?",)):
            self.take()
            yes = self.level(0)
            no: Thunk = lambda: None  # noqa: E731  a missing else is nothing
            if self.at((":",)):
                self.take()
                no = self.level(0)
            condition = _chosen(condition, yes, no)
        self.depth -= 1
        return condition

    def level(self, number: int) -> Thunk:
        if number == len(BINARY):
            return self.prefix()
        left = self.level(number + 1)
        while found := self.at(BINARY[number]):
            self.take()
            right = self.group() if found == "in" and self.at(("(",)) else self.level(number + 1)
            left = _joined(found, left, right)
        return left

    def group(self) -> Thunk:
        """`(a, b)` as a list."""
        self.take()
        items = [self.ternary()]
        while self.at((",",)):
            self.take()
            items.append(self.ternary())
        if not self.at((")",)):
            raise ExpressionInvalid("Unbalanced parenthesis")
        self.take()
        return lambda: [item() for item in items]

    def prefix(self) -> Thunk:
        if found := self.at(("!", "-", "~")):
            self.take()
            self.deeper()
            right = self.prefix()
            self.depth -= 1
            return _prefixed(found, right)
        kind, text = self.take()
        if kind == "operator" and text == "(":
            self.place -= 1
            items = self.group()
            return lambda: _alone(items())
        if kind == "number":
            value: Value = float(int(text, 16)) if text[:2].lower() == "0x" else float(text)
            return lambda: value
        if kind == "text":
            plain = re.sub(r"\\(.)", r"\1", text[1:-1])
            return lambda: plain
        if kind in ("name", "escaped"):
            return _word(text, kind == "escaped")
        raise ExpressionInvalid(self._cannot_follow((kind, text)))


def _alone(items: Value) -> Value:
    return items[0] if isinstance(items, list) and len(items) == 1 else items


def _word(text: str, escaped: bool) -> Thunk:
    if not escaped and text in ("true", "false"):
        return lambda: text == "true"
    plain = text if escaped else re.sub(r"\\(.)", r"\1", text)
    if not escaped and "." in plain.strip("."):

        def accessor() -> Value:
            raise ExpressionInvalid(f"No parameter '{plain.split('.')[0]}' found.")

        return accessor
    return lambda: plain


def _coalesced(left: Thunk, right: Thunk) -> Thunk:
    return lambda: right() if left() is None else left()


def _chosen(condition: Thunk, yes: Thunk, no: Thunk) -> Thunk:
    def choose() -> Value:
        value = condition()
        if not isinstance(value, bool):
            raise ExpressionInvalid(
                f"Value '{printed(value)}' cannot be used with the ternary operator '?', it is not a bool"
            )
        return yes() if value else no()

    return choose


def _prefixed(found: str, right: Thunk) -> Thunk:
    def value() -> Value:
        given = right()
        wanted = "bool" if found == "!" else "number"
        if wanted == "bool" and not isinstance(given, bool):
            raise ExpressionInvalid(f"Value '{printed(given)}' cannot be used with the prefix '!', it is not a bool")
        if wanted == "number" and not isinstance(given, float):
            raise ExpressionInvalid(
                f"Value '{printed(given)}' cannot be used with the prefix '{found}', it is not a number"
            )
        return not given if found == "!" else -given if found == "-" else float(~int(given))  # type: ignore[operator,call-overload]

    return value


def _joined(found: str, left: Thunk, right: Thunk) -> Thunk:
    if found in ("&&", "||"):
        return lambda: _logic(found, left, right)
    return lambda: _computed(found, left(), right())


def _logic(found: str, left: Thunk, right: Thunk) -> Value:
    value = _truth(found, left())
    if value is (found == "||"):
        return value
    return _truth(found, right())


def _truth(found: str, value: Value) -> bool:
    if not isinstance(value, bool):
        raise ExpressionInvalid(
            f"Value '{printed(value)}' cannot be used with the logical operator '{found}', it is not a bool"
        )
    return value


NUMBERS: dict[str, Callable[[float, float], Value]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "**": operator.pow, "<": operator.lt, ">": operator.gt,
    "<=": operator.le, ">=": operator.ge,
    "/": lambda a, b: a / b if b else float("inf"), "%": lambda a, b: a % b if b else float("nan"),
    "&": lambda a, b: float(int(a) & int(b)), "|": lambda a, b: float(int(a) | int(b)), "^": lambda a, b: float(int(a) ^ int(b)),
    "<<": lambda a, b: float(int(a) << int(b)), ">>": lambda a, b: float(int(a) >> int(b)),
}  # fmt: skip
TEXTS: dict[str, Callable[[str, str], Value]] = {
    "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
}  # fmt: skip


def _computed(found: str, left: Value, right: Value) -> Value:
    if found in ("==", "!="):
        return (type(left) is type(right) and left == right) is (found == "==")
    if found == "in":
        if not isinstance(right, list):
            raise ExpressionInvalid(
                f"Value '{printed(right)}' cannot be used with the comparator 'in', it is not an array"
            )
        return any(type(left) is type(one) and left == one for one in right)
    if found in ("=~", "!~"):
        return _matched(found, left, right)
    if isinstance(left, float) and isinstance(right, float):
        return NUMBERS[found](left, right)
    if found in TEXTS and isinstance(left, str) and isinstance(right, str):
        return TEXTS[found](left, right)
    if found == "+" and (isinstance(left, str) or isinstance(right, str)):
        return printed(left) + printed(right)
    wrong = left if not isinstance(left, float) else right
    kind = "comparator" if found in TEXTS else "modifier"
    raise ExpressionInvalid(f"Value '{printed(wrong)}' cannot be used with the {kind} '{found}', it is not a number")


def _matched(found: str, left: Value, right: Value) -> bool:
    for one in (left, right):
        if not isinstance(one, str):
            raise ExpressionInvalid(
                f"Value '{printed(one)}' cannot be used with the comparator '{found}', it is not a number"
            )
    return matches(str(right), str(left)) is (found == "=~")
