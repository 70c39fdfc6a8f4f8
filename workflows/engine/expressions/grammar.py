"""What govaluate refuses in a condition before it evaluates it, in its words: tokens, parentheses, which token may follow which."""

from collections.abc import Callable
from dataclasses import dataclass

from workflows.engine.expressions.values import ExpressionInvalid, Value, printed

MODIFIERS = frozenset(("+", "-", "*", "/", "%", "**", "&", "|", "^", ">>", "<<"))
KINDS: tuple[tuple[str, frozenset[str]], ...] = (
    ("MODIFIER", MODIFIERS),
    ("LOGICALOP", frozenset(("&&", "||"))),
    ("COMPARATOR", frozenset(("==", "!=", ">", ">=", "<", "<=", "=~", "!~"))),
    ("TERNARY", frozenset(("?", ":", "??"))),
)
PREFIXES = ("-", "!", "~")
OPERANDS = frozenset(("PREFIX", "NUMERIC", "BOOLEAN", "VARIABLE", "ACCESSOR", "STRING", "CLAUSE"))
AFTER_VALUE = frozenset(("MODIFIER", "COMPARATOR", "LOGICALOP", "CLAUSE_CLOSE", "TERNARY", "SEPARATOR"))
NEXT: dict[str, frozenset[str]] = {
    "UNKNOWN": OPERANDS,
    "CLAUSE": OPERANDS | {"CLAUSE_CLOSE"},
    "CLAUSE_CLOSE": AFTER_VALUE | {"NUMERIC", "BOOLEAN", "VARIABLE", "STRING", "CLAUSE"},
    **dict.fromkeys(("NUMERIC", "BOOLEAN", "STRING", "VARIABLE"), AFTER_VALUE),
    "ACCESSOR": AFTER_VALUE | {"CLAUSE"},
    **dict.fromkeys(("MODIFIER", "COMPARATOR", "LOGICALOP"), OPERANDS | {"CLAUSE_CLOSE"}),
    "PREFIX": (OPERANDS - {"PREFIX", "STRING"}) | {"CLAUSE_CLOSE"},
    "TERNARY": OPERANDS | {"SEPARATOR"},
    "SEPARATOR": OPERANDS,
}
ENDS = AFTER_VALUE - {"MODIFIER", "COMPARATOR", "LOGICALOP", "TERNARY", "SEPARATOR"} | {
    "NUMERIC",
    "BOOLEAN",
    "STRING",
    "VARIABLE",
    "ACCESSOR",
}


@dataclass(frozen=True)
class Token:
    """One token; `shown` is how Go prints its value."""

    kind: str
    shown: str


def check_grammar(text: str) -> None:
    """Raises `ExpressionInvalid` in govaluate's words where it would not take `text`."""
    tokens = _Lexer(text).tokens()
    balance = sum({"CLAUSE": 1, "CLAUSE_CLOSE": -1}.get(one.kind, 0) for one in tokens)
    if balance:
        raise ExpressionInvalid("Unbalanced parenthesis")
    last = Token("UNKNOWN", "<nil>")
    for one in tokens:
        if one.kind not in NEXT[last.kind]:
            if (last.kind, one.kind) == ("VARIABLE", "CLAUSE"):
                raise ExpressionInvalid(f"Undefined function {last.shown}")
            told = f"{last.kind} [{last.shown}] to {one.kind} [{one.shown}]"
            raise ExpressionInvalid(f"Cannot transition token types from {told}")
        last = one
    if last.kind not in ENDS:
        raise ExpressionInvalid("Unexpected end of expression")


class _Lexer:
    def __init__(self, text: str) -> None:
        self.text, self.place = text, 0

    def tokens(self) -> list[Token]:
        found: list[Token] = []
        while self.place < len(self.text):
            if self.text[self.place].isspace():
                self.place += 1
            else:
                found.append(self._token(found[-1].kind if found else "UNKNOWN"))
        return found

    def _token(self, before: str) -> Token:
        first = self.text[self.place]
        if first.isdigit() or first == ".":
            return self._number()
        if first == ",":
            self.place += 1
            return Token("SEPARATOR", ",")
        if first in "()":
            self.place += 1
            return Token(
                "CLAUSE" if first == "(" else "CLAUSE_CLOSE", str(ord(first))
            )  # Go prints a rune as its number
        if first == "[":
            return Token("VARIABLE", self._closed("]", "Unclosed parameter bracket"))
        if first in "'\"":
            return Token("STRING", self._closed("'\"", "Unclosed string literal"))
        if first.isalpha():
            return self._word()
        return self._symbol(before)

    def _until(self, goes_on: Callable[[str], bool], spaces: bool = False) -> str:
        """The text from here on as long as `goes_on`; a backslash lets any character pass."""
        found = ""
        while self.place < len(self.text):
            one = self.text[self.place]
            if one == "\\" and self.place + 1 < len(self.text):
                found += self.text[self.place + 1]
                self.place += 2
                continue
            if (one.isspace() and not spaces) or not goes_on(one):
                break
            found += one
            self.place += 1
        return found

    def _closed(self, ends: str, otherwise: str) -> str:
        self.place += 1
        found = self._until(lambda one: one not in ends, spaces=True)
        if self.place >= len(self.text):
            raise ExpressionInvalid(otherwise)
        self.place += 1
        return found

    def _number(self) -> Token:
        if self.text[self.place : self.place + 2] == "0x":
            self.place += 2
            digits = self._until(lambda one: one in "0123456789abcdefABCDEF")
            if not digits:
                raise ExpressionInvalid("Unable to parse hex value '' to uint64\n")
            return Token("NUMERIC", printed(float(int(digits, 16))))
        digits = self._until(lambda one: one.isdigit() or one == ".")
        try:
            value: Value = float(digits)
        except ValueError:
            raise ExpressionInvalid(f"Unable to parse numeric value '{digits}' to float64\n") from None
        return Token("NUMERIC", printed(value))

    def _word(self) -> Token:
        word = self._until(lambda one: one.isalnum() or one in "_.")
        if word in ("true", "false"):
            return Token("BOOLEAN", word)
        if word in ("in", "IN"):
            return Token("COMPARATOR", "in")
        if "." not in word:
            return Token("VARIABLE", word)
        if word.endswith("."):
            raise ExpressionInvalid(f"Hanging accessor on token '{word}'")
        parts = word.split(".")
        for one in parts[1:]:
            if one[:1].upper() != one[:1]:
                raise ExpressionInvalid(f"Unable to access unexported field '{one}' in token '{word}'")
        return Token("ACCESSOR", f"[{' '.join(parts)}]")

    def _symbol(self, before: str) -> Token:
        word = self._until(lambda one: not (one.isalnum() or one in "()[]'\""))
        if word in PREFIXES and "PREFIX" in NEXT[before]:
            return Token("PREFIX", word)
        for kind, words in KINDS:
            if word in words:
                return Token(kind, word)
        raise ExpressionInvalid(f"Invalid token: '{word}'")
