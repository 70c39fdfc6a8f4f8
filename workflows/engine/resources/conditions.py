"""Success and failure conditions: label selectors over paths of an object's JSON, as Argo reads them (k8s.io labels over gjson)."""

import json
import re
from dataclasses import dataclass
from typing import Any

from workflows.engine.selectors import SelectorInvalid, Term, parse_labels

SIGNS = {"<": "lt", ">": "gt"}


class ConditionMet(ValueError):
    """The failure condition holds; the text is Argo's."""


@dataclass(frozen=True)
class Conditions:
    """What is waited for, and what fails."""

    success: tuple[Term, ...]
    failure: tuple[Term, ...]

    @classmethod
    def of(cls, success: str, failure: str) -> "Conditions":
        """From their texts. Raises `SelectorInvalid` in Argo's words."""
        return cls(_parsed("success", success), _parsed("fail", failure))

    def hold(self, found: object) -> bool:
        """Whether an object meets all of the success condition. Raises `ConditionMet`."""
        for term in self.failure:
            if term.fits(text_at(found, term.key)):
                sign = SIGNS.get(term.sign, term.sign)
                raise ConditionMet(
                    f"failure condition '{{{term.key} {sign} [{' '.join(term.values)}]}}' evaluated true"
                )
        return all(term.fits(text_at(found, term.key)) for term in self.success)


def _parsed(which: str, text: str) -> tuple[Term, ...]:
    try:
        return tuple(parse_labels(text))
    except SelectorInvalid as error:
        raise SelectorInvalid(f"{which} condition '{text}' failed to parse: {error}") from error


def text_at(found: Any, path: str) -> str | None:
    """The text at a gjson path (names and places with dots between, `#` for a length, backslashes before dots); None where nothing is."""
    for part in re.split(r"(?<!\\)\.", path):
        name = part.replace("\\", "")
        if isinstance(found, list) and part == "#":
            found = len(found)
        elif isinstance(found, list) and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        elif isinstance(found, dict) and name in found:
            found = found[name]
        else:
            return None
    if isinstance(found, str):
        return found
    return "" if found is None else json.dumps(found, separators=(",", ":"))
