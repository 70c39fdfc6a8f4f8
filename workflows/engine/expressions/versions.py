"""Semantic versions and what may be asked of one, as sprig's `semver` and `semverCompare` take them (semver.org 2.0)."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from workflows.engine.expressions.values import ExpressionInvalid, Value

VERSION = re.compile(r"[vV]?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?")
RULE = re.compile(
    r"(=|!=|>=|=>|<=|=<|>|<|\^|~>|~)?\s*[vV]?(\d+|[xX*])(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?"
)
HYPHEN = re.compile(r"(\S+)\s+-\s+(\S+)")


@dataclass(frozen=True)
class Version:
    """One version."""

    numbers: tuple[int, int, int]
    before: str = ""  # a pre-release's name
    build: str = ""

    @classmethod
    def read(cls, text: str) -> "Version":
        """The version that a text names. Raises `ExpressionInvalid`."""
        match = VERSION.fullmatch(text)
        if match is None:
            raise ExpressionInvalid("Invalid Semantic Version")
        major, minor, patch, before, build = match.groups()
        return cls((int(major), int(minor or 0), int(patch or 0)), before or "", build or "")

    def __str__(self) -> str:
        """All of it, as `1.2.3-beta+build`."""
        marks = f"{f'-{self.before}' if self.before else ''}{f'+{self.build}' if self.build else ''}"
        return ".".join(map(str, self.numbers)) + marks

    def as_json(self) -> object:
        """Its text."""
        return str(self)

    def method(self, name: str) -> Callable[..., Value]:
        """Go's method of that name. Raises `ExpressionInvalid`."""
        table: dict[str, Callable[..., Value]] = {
            "Major": lambda: self.numbers[0],
            "Minor": lambda: self.numbers[1],
            "Patch": lambda: self.numbers[2],
            "Prerelease": lambda: self.before,
            "Metadata": lambda: self.build,
            "String": lambda: str(self),
            "Compare": lambda other: (self.rank > other.rank) - (self.rank < other.rank),
        }
        if name not in table:
            raise ExpressionInvalid(f"a version has no method {name}; it has {', '.join(table)}")
        return table[name]

    @property
    def rank(self) -> tuple[tuple[int, int, int], bool, list[tuple[bool, int, str]]]:
        """What orders versions: a pre-release comes before its version, numbers in its name before words."""
        parts = [
            (not one.isdigit(), int(one) if one.isdigit() else 0, one) for one in self.before.split(".") if self.before
        ]
        return self.numbers, not self.before, parts


def _holds(rule: str, version: Version) -> bool:
    match = RULE.fullmatch(rule)
    if match is None:
        raise ExpressionInvalid(f"improper constraint: {rule}")
    operator, *written, before = match.groups()
    if version.before and not before:
        return False  # pre-releases are only asked for by name
    given = []
    for one in written:
        if one is None or not one.isdigit():
            break
        given.append(int(one))
    wanted = Version((*given, *[0] * (3 - len(given))), before or "")  # type: ignore[arg-type]  # three numbers
    return _compares(operator or "", given, wanted, version)


def _compares(operator: str, given: list[int], wanted: Version, version: Version) -> bool:
    have, same = version.numbers, version.numbers[: len(given)] == tuple(given)
    least = version.rank >= wanted.rank
    if operator in ("", "=", "!="):
        equal = same if len(given) < 3 else version.rank == wanted.rank
        return equal is not (operator == "!=")
    if operator == "^":
        fixed = next((place for place, one in enumerate(given) if one), len(given) - 1) + 1
        return least and have[:fixed] == tuple(given[:fixed])
    if operator in ("~", "~>"):
        return least and have[: min(2, len(given))] == tuple(given[:2])
    if operator in (">=", "=>"):
        return least
    if operator == "<":
        return not least
    above = have[: len(given)] > tuple(given) if len(given) < 3 else version.rank > wanted.rank
    return above if operator == ">" else not above


def meets(rules: str, text: str) -> bool:
    """Whether a version meets rules like `>=1.2, <2 || ^3`. Raises `ExpressionInvalid`."""
    version = Version.read(text)
    return any(
        all(_holds(one, version) for one in re.split(r"\s*,\s*|(?<=[\dxX*])\s+(?=[<>=!^~\dvxX*])", group.strip()))
        for group in HYPHEN.sub(r">=\1, <=\2", rules).split("||")
    )
