"""What Go's JSON decoder says of a text that is no JSON."""

import json
from collections.abc import Callable

SPACES = " \t\r\n"
LITERALS = {"t": "true", "f": "false", "n": "null"}
DIGITS = "0123456789"


class _Wrong(Exception):
    pass


def go_json_error(text: str) -> str | None:
    """The decoder's error, like `invalid character 'a' looking for beginning of value`; None for JSON."""
    try:
        json.loads(text, parse_constant=_refuse)
    except RecursionError:
        return "exceeded max depth"
    except ValueError:
        try:
            _Scanner(text).whole()
        except _Wrong as error:
            return str(error)
        except RecursionError:
            return "exceeded max depth"
    return None


def _refuse(word: str) -> None:
    raise ValueError(word)


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text, self.place = text, 0

    def whole(self) -> None:
        self.value()
        self.spaces()
        if self.place < len(self.text):
            raise self.wrong("after top-level value")

    def peek(self) -> str:
        if self.place >= len(self.text):
            raise _Wrong("unexpected end of JSON input")
        return self.text[self.place]

    def spaces(self) -> None:
        while self.place < len(self.text) and self.text[self.place] in SPACES:
            self.place += 1

    def wrong(self, where: str) -> _Wrong:
        one = self.peek()
        shown = {"'": "\\'", '"': '"'}.get(one) or (one if one.isprintable() else json.dumps(one)[1:-1])
        return _Wrong(f"invalid character '{shown}' {where}")

    def take(self, wanted: str, where: str) -> None:
        if self.peek() not in wanted:
            raise self.wrong(where)
        self.place += 1

    def value(self) -> None:
        self.spaces()
        one = self.peek()
        if one == '"':
            self.string()
        elif one == "{":
            self.items("}", "after object key:value pair", self.pair)
        elif one == "[":
            self.items("]", "after array element", self.value)
        elif one in LITERALS:
            self.literal(LITERALS[one])
        elif one == "-" or one in DIGITS:
            self.number()
        else:
            raise self.wrong("looking for beginning of value")

    def items(self, end: str, where: str, one: Callable[[], None]) -> None:
        self.place += 1
        self.spaces()
        if self.peek() == end:
            self.place += 1
            return
        while True:
            one()
            self.spaces()
            self.take(f",{end}", where)
            if self.text[self.place - 1] == end:
                return

    def pair(self) -> None:
        self.spaces()
        if self.peek() != '"':
            raise self.wrong("looking for beginning of object key string")
        self.string()
        self.spaces()
        self.take(":", "after object key")
        self.value()

    def string(self) -> None:
        self.place += 1
        while (one := self.peek()) != '"':
            if one < " ":
                raise self.wrong("in string literal")
            self.place += 1
            if one == "\\":
                self.take('bfnrt\\/"u', "in string escape code")
                if self.text[self.place - 1] == "u":
                    for _ in range(4):
                        self.take(f"{DIGITS}abcdefABCDEF", "in \\u hexadecimal character escape")
        self.place += 1

    def literal(self, word: str) -> None:
        self.place += 1
        for letter in word[1:]:
            self.take(letter, f"in literal {word} (expecting {letter!r})")

    def number(self) -> None:
        if self.peek() == "-":
            self.place += 1
        self.take(DIGITS, "in numeric literal")
        if self.text[self.place - 1] != "0":
            self.digits()
        if self.rest(".", "after decimal point in numeric literal"):
            self.digits()
        if self.place < len(self.text) and self.text[self.place] in "eE":
            self.place += 1
            if self.peek() in "+-":
                self.place += 1
            self.take(DIGITS, "in exponent of numeric literal")
            self.digits()

    def rest(self, sign: str, where: str) -> bool:
        if self.place >= len(self.text) or self.text[self.place] != sign:
            return False
        self.place += 1
        self.take(DIGITS, where)
        return True

    def digits(self) -> None:
        while self.place < len(self.text) and self.text[self.place] in DIGITS:
            self.place += 1
