"""Regular expressions that users bring: each has a second, then it is refused, so that none holds the server up."""

from collections.abc import Callable
from typing import Any, cast

import regex  # type: ignore[import-untyped]

from workflows.engine.expressions.values import ExpressionInvalid

LONGEST_SECONDS = 1.0
GO_WORDS: dict[
    str, tuple[str, Callable[[str, int], str]]
] = {  # the commonest errors in Go's words, and what Go shows of a pattern
    "unterminated character set": ("missing closing ]", lambda pattern, place: pattern[pattern.rfind("[", 0, place) :]),
    "missing )": ("missing closing )", lambda pattern, _place: pattern),
    "unbalanced parenthesis": ("unexpected )", lambda pattern, _place: pattern),
    "nothing to repeat": ("missing argument to repetition operator", lambda pattern, place: pattern[place : place + 1]),
    "bad escape (end of pattern)": ("trailing backslash at end of expression", lambda _pattern, _place: ""),
}


def _run(function: Callable[..., Any], pattern: str, *given: object, **more: object) -> Any:
    try:
        return function(pattern, *given, timeout=LONGEST_SECONDS, **more)
    except TimeoutError:
        raise ExpressionInvalid(f"regexp `{pattern}` took more than {LONGEST_SECONDS} s") from None
    except regex.error as error:
        raise ExpressionInvalid(f"error parsing regexp: {_in_go(pattern, error)}") from error


def _in_go(pattern: str, error: regex.error) -> str:
    words, shown = GO_WORDS.get(error.msg, (str(error), lambda pattern, _place: pattern))
    return f"{words}: `{shown(pattern, error.pos)}`"


def check(pattern: str) -> None:
    """Raises `ExpressionInvalid` where it is no regular expression."""
    matches(pattern, "")


def found(pattern: str, text: str) -> str | None:
    """The first match, or None. Raises `ExpressionInvalid`."""
    match = _run(regex.search, pattern, text)
    return None if match is None else cast(str, match[0])


def matches(pattern: str, text: str) -> bool:
    """Whether it matches anywhere. Raises `ExpressionInvalid`."""
    return found(pattern, text) is not None


def all_found(pattern: str, text: str, most: int) -> list[str]:
    """The matches, at most so many; all for a negative number. Raises `ExpressionInvalid`."""
    texts: list[str] = []
    for match in _run(regex.finditer, pattern, text):
        if len(texts) == most:
            break
        texts.append(match[0])
    return texts


def replaced(pattern: str, new: str | Callable[[Any], str], text: str) -> str:
    """The text with every match replaced. Raises `ExpressionInvalid`."""
    return cast(str, _run(regex.sub, pattern, new, text))


def divided(pattern: str, text: str, most: int) -> list[str]:
    """The parts between matches, at most so many; all for a negative number. Raises `ExpressionInvalid`."""
    return cast(list[str], _run(regex.split, pattern, text, maxsplit=0 if most < 0 else most - 1))
