"""Conditions and expressions of Argo's templates: `when`, `depends`, `{{=…}}`. A recursive-descent parser, no eval.

Sources: Argo Workflows' field reference ("when", "enhanced depends logic", "expression templates"); govaluate for `when`, in
which a bare word is a text; expr-lang for the rest, of which this reads the usual part.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Value = object
TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)(?![\w.-])|(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<op>\.(?=[A-Za-z_])|&&|\|\||==|!=|<=|>=|=~|!~|\?\?|[-+*/%<>!?:(),\[\]{}])|(?P<word>[A-Za-z0-9_$#][\w.#$/@-]*))"
)
FUNCTIONS: dict[str, Callable[..., Value]] = {
    "asInt": lambda value: int(str(value)),
    "asFloat": lambda value: float(str(value)),
    "int": lambda value: int(float(str(value))),
    "float": lambda value: float(str(value)),
    "string": lambda value: value if isinstance(value, str) else text_of(value),
    "toJson": lambda value: compact(value),
    "fromJson": lambda value: json.loads(str(value)),
    "len": lambda value: len(value),
    "sprig.trim": lambda value: str(value).strip(),
    "sprig.upper": lambda value: str(value).upper(),
    "sprig.lower": lambda value: str(value).lower(),
}


class ExpressionInvalid(ValueError):
    """An expression cannot be read, or names what is not there."""


def compact(value: Value) -> str:
    """JSON without spaces, as Go writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def text_of(value: Value) -> str:
    """A value as Argo prints it into a template."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else compact(value) if isinstance(value, (dict, list)) else str(value)


@dataclass
class _Reader:
    text: str
    names: Mapping[str, Value]
    words_are_texts: bool
    place: int = 0
    muted: int = 0  # inside a part whose value is not wanted: read, never looked up

    def aside(self, read: Callable[[], Value], wanted: bool) -> Value:
        """What `read` gives; where it is not wanted, unknown names and failed sums in it are passed over."""
        self.muted += not wanted
        try:
            return read()
        finally:
            self.muted -= not wanted

    def peek(self) -> tuple[str, str]:
        """Kind and text of the next token, `("end", "")` after the last."""
        if not self.text[self.place :].strip():
            return "end", ""
        found = TOKEN.match(self.text, self.place)
        if found is None:
            raise ExpressionInvalid(f"cannot read {self.text!r} at {self.text[self.place :]!r}")
        kind = str(found.lastgroup)
        return kind, found[kind]

    def take(self) -> tuple[str, str]:
        kind, text = self.peek()
        found = TOKEN.match(self.text, self.place)
        self.place = found.end() if found else len(self.text)
        return kind, text

    def takes(self, *operators: str) -> str | None:
        kind, text = self.peek()
        if (kind == "op" and text in operators) or (kind == "word" and text in operators):
            self.take()
            return text
        return None

    def expect(self, operator: str) -> None:
        if not self.takes(operator):
            raise ExpressionInvalid(f"expected {operator!r} in {self.text!r} before {self.text[self.place :]!r}")

    def ternary(self) -> Value:
        condition = self.either()
        if not self.takes("?"):
            return condition
        yes = self.aside(self.ternary, bool(condition))
        self.expect(":")
        no = self.aside(self.ternary, not condition)
        return yes if condition else no

    def either(self) -> Value:
        value = self.both()
        while self.takes("||", "or"):
            other = self.aside(self.both, not value)
            value = bool(value) or bool(other)
        return value

    def both(self) -> Value:
        value = self.compared()
        while self.takes("&&", "and"):
            other = self.aside(self.compared, bool(value))
            value = bool(value) and bool(other)
        return value

    def compared(self) -> Value:
        value = self.summed()
        operator = self.takes("==", "!=", "<=", ">=", "<", ">", "=~", "!~", "in")
        if not operator:
            return value
        other = self.summed()
        return None if self.muted else compare(operator, value, other)

    def computed(self, operator: str, left: Value, right: Value) -> Value:
        return None if self.muted else _arithmetic(operator, left, right)

    def summed(self) -> Value:
        value = self.product()
        while operator := self.takes("+", "-"):
            value = self.computed(operator, value, self.product())
        return value

    def product(self) -> Value:
        value = self.unary()
        while operator := self.takes("*", "/", "%"):
            value = self.computed(operator, value, self.unary())
        return value

    def unary(self) -> Value:
        if self.takes("!", "not"):
            return not self.unary()
        if self.takes("-"):
            return self.computed("-", 0, self.unary())
        return self.indexed(self.atom())

    def indexed(self, value: Value) -> Value:
        while opened := self.takes("[", "."):
            key = self.ternary() if opened == "[" else self.take()[1]
            if opened == "[":
                self.expect("]")
            if self.muted:
                continue
            try:
                value = value[key]  # type: ignore[index]  # what cannot be indexed is told below
            except (KeyError, IndexError, TypeError) as error:
                raise ExpressionInvalid(f"{key!r} is not in {value!r}") from error
        return value

    def listed(self, end: str) -> list[Value]:
        items: list[Value] = []
        while not self.takes(end):
            items.append(self.ternary())
            self.takes(",")
        return items

    def atom(self) -> Value:
        kind, text = self.take()
        if kind == "number":
            return float(text) if "." in text else int(text)
        if kind == "text":
            return re.sub(r"\\(.)", r"\1", text[1:-1])
        if kind == "op" and text == "(":
            items = self.listed(")")
            return items[0] if len(items) == 1 else items
        if kind == "op" and text == "[":
            return self.listed("]")
        if kind == "word":
            return self.named(text)
        raise ExpressionInvalid(f"cannot read {self.text!r} at {text!r}")

    def longer(self, word: str) -> str | None:
        """`word` with the `["name"]` or `.name` that follows it, where one does: names hold dots, and dashes in brackets."""
        if self.words_are_texts:
            return None
        if self.takes("."):
            return f"{word}.{self.take()[1]}"
        if self.peek() != ("op", "["):
            return None
        before = self.place
        self.take()
        kind, text = self.take()
        if kind == "text" and self.takes("]"):
            return f"{word}.{text[1:-1]}"
        self.place = before
        return None

    def longest(self, word: str) -> str:
        """`word` with all that follows it and still is part of a name."""
        while True:
            before, known = self.place, word in self.names
            longer = self.longer(word)
            if longer is None or (known and longer not in self.names):
                self.place = before
                return word
            word = longer

    def named(self, word: str) -> Value:
        if word in ("true", "false"):
            return word == "true"
        if word == "nil":
            return None
        if word in FUNCTIONS and self.takes("("):
            given = self.listed(")")
            return None if self.muted else FUNCTIONS[word](*given)
        word = self.longest(word)
        if word in self.names:
            return self.names[word]
        if self.words_are_texts:
            return word
        if self.muted:
            return None
        raise ExpressionInvalid(f"unknown name {word!r} in {self.text!r}")


def _jsonpath(text: Value, path: Value) -> Value:
    """The part of a JSON text that a plain path like `$.a[0].b` names."""
    value: Value = json.loads(str(text))
    for name, number in re.findall(r"\.?([A-Za-z_][\w-]*)|\[(\d+)\]", str(path).removeprefix("$")):
        value = value[name if name else int(number)]  # type: ignore[index]  # what cannot be indexed is told by `evaluate`
    return value


FUNCTIONS["jsonpath"] = _jsonpath


def _number(value: Value) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(str(value))
    except ValueError:
        return None


def compare(operator: str, left: Value, right: Value) -> bool:
    """Compares as govaluate does: numbers as numbers also where one is a text that looks like one, else texts."""
    if operator == "in":
        return isinstance(right, (list, str)) and left in right
    if operator in ("=~", "!~"):
        return bool(re.search(str(right), str(left))) is (operator == "=~")
    a, b = _number(left), _number(right)
    x, y = (a, b) if a is not None and b is not None else (text_of(left), text_of(right))
    table: dict[str, Callable[[], bool]] = {
        "==": lambda: x == y,
        "!=": lambda: x != y,
        "<": lambda: x < y,  # type: ignore[operator]  # both numbers or both texts
        ">": lambda: x > y,  # type: ignore[operator]
        "<=": lambda: x <= y,  # type: ignore[operator]
        ">=": lambda: x >= y,  # type: ignore[operator]
    }
    return table[operator]()


def _arithmetic(operator: str, left: Value, right: Value) -> Value:
    if operator == "+" and (isinstance(left, str) or isinstance(right, str)):
        return text_of(left) + text_of(right)
    a, b = _number(left), _number(right)
    if a is None or b is None or (operator in "/%" and b == 0):
        raise ExpressionInvalid(f"cannot compute {left!r} {operator} {right!r}")
    results = {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else 0, "%": a % b if b else 0}
    result = results[operator]
    return int(result) if float(result).is_integer() and operator != "/" else result


def evaluate(text: str, names: Mapping[str, Value], words_are_texts: bool = False) -> Value:
    """The value of an expression. `words_are_texts` reads unknown bare words as texts, as `when` does.

    Raises:
        ExpressionInvalid: it cannot be read, or names what is not there.
    """
    reader = _Reader(text, names, words_are_texts)
    try:
        value = reader.ternary()
    except (ValueError, TypeError, LookupError) as error:
        raise ExpressionInvalid(f"{text!r}: {error}") from error
    if reader.peek()[0] != "end":
        raise ExpressionInvalid(f"cannot read {text!r} after {text[: reader.place]!r}")
    return value
