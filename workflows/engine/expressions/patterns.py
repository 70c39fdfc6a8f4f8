"""Regular expressions that users bring: each has a second, then it is refused, so that none holds the server up."""

from collections.abc import Callable
from typing import Any, cast

import regex  # type: ignore[import-untyped]

from workflows.engine.expressions.values import ExpressionInvalid

LONGEST_SECONDS = 1.0


def _run(function: Callable[..., Any], pattern: str, *given: object, **more: object) -> Any:
    try:
        return function(pattern, *given, timeout=LONGEST_SECONDS, **more)
    except TimeoutError:
        raise ExpressionInvalid(f"regexp `{pattern}` took more than {LONGEST_SECONDS} s") from None
    except regex.error as error:
        raise ExpressionInvalid(f"error parsing regexp: {error}: `{pattern}`") from error


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
