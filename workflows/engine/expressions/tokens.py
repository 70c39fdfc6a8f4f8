"""Words of the expr language: numbers, texts, names and operators."""

import ast
import re
from dataclasses import dataclass

from workflows.engine.expressions.values import ExpressionInvalid, compact

PATTERN = re.compile(
    r"(?P<space>\s+|//[^\n]*|/\*.*?\*/)"
    r"|(?P<number>0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*\.(?!\.)[\d_]*|\.\d[\d_]*|\d[\d_]*)(?:[eE][+-]?\d+)?)"
    r"|(?P<text>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`)"
    r"|(?P<pointer>#[A-Za-z_]\w*|#)"
    r"|(?P<name>[A-Za-z_$][\w$]*)"
    r"|(?P<operator>\?\.|\?\?|\|\||&&|==|!=|<=|>=|\*\*|\.\.|::|[-+*/%^<>!?:.,;|=()\[\]{}])",
    re.DOTALL,
)
KINDS = {"number": "Number", "text": "String", "name": "Identifier", "pointer": "Operator", "operator": "Operator"}
ESCAPES = re.compile(
    r"""(?:[^\\]|\\(?:[abfnrtv\\'"?`]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}))*""", re.DOTALL
)
LARGEST = (1 << 63) - 1
RANGE = re.compile(r"(\d[\d_]*)\.\.")


@dataclass(frozen=True)
class Token:
    """A word: its kind (`number`, `text`, `pointer`, `name`, `operator`, `end`), its text, and what it stands for."""

    kind: str
    text: str
    value: object = None
    place: int = 0

    @property
    def shown(self) -> str:
        """The word as expr names it in its errors."""
        if self.kind == "end":
            return "EOF"
        kind = "Bracket" if self.text in "()[]{}" else KINDS[self.kind]
        return f"{kind}({compact(self.value if self.kind == 'text' else self.text)})"


def pointed(text: str, place: int) -> str:
    """Where in a text something is wrong, as expr shows it: line and column, the line, and a mark below."""
    begin = text.rfind("\n", 0, place) + 1
    column, line = place - begin, text[begin:].partition("\n")[0]
    return f"({text.count(chr(10), 0, place) + 1}:{column + 1})\n | {line}\n | {'.' * column}^"


def tokens(text: str) -> list[Token]:
    """The words of an expression, ended by one of kind `end`. Raises `ExpressionInvalid`."""
    found, place = [], 0
    while place < len(text):
        whole = RANGE.match(text, place)
        match = re.compile(r"(?P<number>\d[\d_]*)").match(text, place) if whole else PATTERN.match(text, place)
        if match is None or match.end() == place:
            raise ExpressionInvalid(f"unrecognized character: {text[place]!r} in {text!r}")
        kind = str(match.lastgroup)
        if kind != "space":
            found.append(Token(kind, match[0], _value(kind, match[0]), place))
        place = match.end()
    return [*found, Token("end", "", None, place)]


def _value(kind: str, text: str) -> object:
    if kind == "number":
        plain = text.replace("_", "")
        if plain[:2].lower() in ("0x", "0o", "0b"):
            return _whole(plain, 0)
        return float(plain) if any(mark in plain for mark in ".eE") else _whole(plain, 10)
    if kind == "text":
        return text[1:-1] if text[0] == "`" else _unescaped(text)
    return None


def _whole(text: str, base: int) -> int:
    value = int(text, base)
    if value > LARGEST:
        raise ExpressionInvalid("integer literal is too large")
    return value


def _unescaped(text: str) -> str:
    if not ESCAPES.fullmatch(text[1:-1]):
        raise ExpressionInvalid(f"unable to unescape string: {text}")
    try:
        return str(ast.literal_eval(text.replace("\n", "\\n")))
    except (ValueError, SyntaxError):
        raise ExpressionInvalid(f"unable to unescape string: {text}") from None
