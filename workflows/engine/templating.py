"""Filling `{{…}}` in templates."""

import json
import re
from collections.abc import Mapping
from typing import TypeVar, cast

from workflows.engine.expressions import ExpressionInvalid, Value, evaluate, text_of

TAG = re.compile(r"\{\{\s*(=?)(.*?)\s*\}\}", re.DOTALL)
T = TypeVar("T")


def fill_text(text: str, names: Mapping[str, Value]) -> str:
    """`text` with every tag filled whose name is known; others stay, since a later scope may know them."""

    def fill(found: re.Match[str]) -> str:
        expression, inner = found[1], found[2]
        if not expression:
            is_artifact = ".artifacts." in inner and isinstance(
                names.get(inner), dict
            )  # `from` names it, nothing prints it
            return text_of(names[inner]) if inner in names and not is_artifact else found[0]
        try:
            return text_of(evaluate(inner, names))
        except ExpressionInvalid:
            return found[0]

    return TAG.sub(fill, text)


def fill(value: T, names: Mapping[str, Value]) -> T:
    """`value` (JSON) with the tags of every text in it filled."""
    if isinstance(value, str):
        return cast(T, fill_text(value, names)) if "{{" in value else value
    if isinstance(value, list):
        return cast(T, [fill(item, names) for item in value])
    if isinstance(value, dict):
        return cast(T, {fill(key, names): fill(item, names) for key, item in value.items()})
    return value


def unfilled(value: object) -> list[str]:
    """Names of the tags that are left in `value`."""
    return [found[2] for found in TAG.finditer(json.dumps(value))]
