"""Kubernetes' label and field selectors: read once, then matched or turned into SQL."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from workflows.engine.labels import invalid, key_faults
from workflows.engine.state import Json

SET = re.compile(r"(?P<key>\S+)\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)")
EQUAL = re.compile(r"(?P<key>[^\s=!<>]+)\s*(?P<operator>==|!=|=|<|>)\s*(?P<value>[^\s=!<>]*)")
TWICE = re.compile(r"[^\s=!<>]+\s*(?:==|!=|=|<|>)\s*(?P<found>==|!=|=|!|<|>|\(|\)).*")
OPENED = re.compile(r"(?:^|,)\s*\S+\s+(?:in|notin)\s*\(([^)]*)$")
FIELD = re.compile(r"(?P<key>[^=!<>]+)(?P<operator>==|!=|=|<|>)(?P<value>.*)", re.DOTALL)

LISTED = ("metadata.namespace=", "metadata.name=", "spec.startedAt>", "spec.startedAt<", "ext.showRemainingItemCount")


class SelectorInvalid(ValueError):
    """A selector that Kubernetes would refuse; the text says which part."""


@dataclass(frozen=True)
class Term:
    """One requirement: `in`, `notin`, `exists`, `!`, `<` or `>`, of a label or a field."""

    key: str
    operator: str
    values: tuple[str, ...] = ()
    sign: str = field(default="", compare=False)  # the operator as it was written

    def fits(self, value: str | None) -> bool:
        """Whether a label with this value, or without one (None), meets it."""
        if self.operator == "exists":
            return value is not None
        if self.operator == "!":
            return value is None
        if self.operator in ("in", "notin"):
            return (value in self.values) is (self.operator == "in")
        if value is None:
            return False
        number = re.fullmatch(r"-?\d+", value) and re.fullmatch(r"-?\d+", self.values[0])
        left, right = (int(value), int(self.values[0])) if number else (value, self.values[0])
        return left > right if self.operator == ">" else left < right  # type: ignore[operator]


def _split(selector: str) -> Iterator[str]:
    for part in re.split(r",(?![^(]*\))", selector):
        if part.strip():
            yield part.strip()


def parse_labels(selector: str) -> list[Term]:
    """Terms of a label selector: `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b)`, `a`, `!a`, `a>1`, `a<1`. Raises `SelectorInvalid`."""
    if opened := OPENED.search(selector):
        raise SelectorInvalid(f"unable to parse requirement: {_unclosed(opened[1])}")
    return [_label_term(part) for part in _split(selector)]


def _unclosed(values: str) -> str:
    """What Kubernetes' parser says of a list of values without its end."""
    words = [*re.findall(r"[=!<>]+|[(,]|[^\s=!<>(,]+", values), ""]
    if not re.match(r"[^=!<>(]", words[0]):
        return f"found '{words[0]}', expected: ',', ')' or identifier"
    for word, following in pairwise(words):
        if word != "," and following != ",":
            return f"found '{following}', expected: ',' or ')'"
    return "found '', expected: ',', or identifier"


def _label_term(part: str) -> Term:
    if found := SET.fullmatch(part):
        term = Term(
            found["key"], found["operator"], tuple(one.strip() for one in found["values"].split(",")), found["operator"]
        )
    elif found := EQUAL.fullmatch(part):
        operator = {"!=": "notin", "<": "<", ">": ">"}.get(found["operator"], "in")
        term = Term(found["key"], operator, (found["value"],), found["operator"])
    elif twice := TWICE.fullmatch(part):
        raise SelectorInvalid(f"unable to parse requirement: found '{twice['found']}', expected: identifier")
    elif part.startswith("!"):
        term = Term(part[1:].strip(), "!", sign="!")
    else:
        term = Term(part, "exists", sign="exists")
    if faults := "; ".join(key_faults(term.key)):
        raise SelectorInvalid(f"unable to parse requirement: {invalid('<nil>', term.key, faults)}")
    return term


def parse_fields(selector: str) -> list[Term]:
    r"""Terms of a field selector: `a.b=c`, `a.b==c`, `a.b!=c`, `a.b<c`, `a.b>c`; `\\` keeps the character after it. Raises `SelectorInvalid`."""
    found = []
    for part in re.split(r"(?<!\\),", selector):
        if not part.strip():
            continue
        term = FIELD.fullmatch(part.strip())
        if term is None:
            raise SelectorInvalid(f"invalid selector: '{selector}'; can't understand '{part.strip()}'")
        operator = {"!=": "notin", "<": "<", ">": ">"}.get(term["operator"], "in")
        found.append(Term(term["key"].strip(), operator, (re.sub(r"\\(.)", r"\1", term["value"].strip()),)))
    return found


def check_listed(selector: str) -> None:
    """Raises `SelectorInvalid` in Argo's words for a field by which it lists no workflows."""
    for part in selector.split(","):
        if part and not part.startswith(LISTED):
            raise SelectorInvalid(f"unsupported requirement {part}")


def check_watched(terms: Iterable[Term], kind: str, selectors: tuple[str, str]) -> None:
    """Raises `SelectorInvalid` in Kubernetes' words for a field by which it selects no objects of its own kinds.

    `kind` is their plural, `selectors` those of labels and of fields, as they were given.
    """
    for term in terms:
        if term.key not in ("metadata.name", "metadata.namespace"):
            raise SelectorInvalid(
                f'Unable to find "argoproj.io/v1alpha1, Resource={kind}" that match label selector "{selectors[0]}", '
                f'field selector "{selectors[1]}": field label not supported: {term.key}'
            )


def value_at(document: Json, path: str) -> str:
    """What stands at a dotted path, as text; empty where nothing does."""
    found: object = document
    for word in path.split("."):
        found = found.get(word, "") if isinstance(found, dict) else ""
    return str(found).lower() if isinstance(found, bool) else "" if found is None else str(found)


def fits_fields(terms: list[Term], document: Json) -> bool:
    """Whether an object meets every term of a field selector."""
    return all(term.fits(value_at(document, term.key)) for term in terms)


def fits_labels(terms: list[Term], labels: Mapping[str, str]) -> bool:
    """Whether labels meet every term of a label selector."""
    return all(term.fits(labels.get(term.key)) for term in terms)
