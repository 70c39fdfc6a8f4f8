"""Filling `{{…}}` in templates."""

import re
from collections.abc import Mapping
from typing import TypeVar, cast

from workflows.engine.expressions import ExpressionInvalid, Value, evaluate, names_in, text_of

TAG = re.compile(r"\{\{((?:(?!\{\{).)*?)\}\}", re.DOTALL)
LATE = ("retries", "lastRetry.exitCode", "lastRetry.status", "lastRetry.duration", "lastRetry.message", "workflow.status",
        "workflow.failures")  # fmt: skip
T = TypeVar("T")


def fill_text(text: str, names: Mapping[str, Value]) -> str:
    """`text` with every tag filled whose name is known; others stay, since a later scope may know them."""
    filled = TAG.sub(lambda found: _filled(found, names), text)
    inner = filled != text and "{{" in filled and _nests(text)  # {{inputs.parameters.{{item}}}}
    return TAG.sub(lambda found: _filled(found, names), filled) if inner else filled


def _nests(text: str) -> bool:
    return re.search(r"\{\{[^}]*\{\{", text) is not None


def _filled(found: re.Match[str], names: Mapping[str, Value]) -> str:
    inner = found[1].strip()
    if inner.startswith("="):
        return _computed(inner[1:].strip(), names, found[0])
    if inner not in names:
        return found[0]
    value = names[inner]
    is_artifact = isinstance(value, dict) and ".artifacts." in inner  # `from` names it, nothing prints it
    return found[0] if is_artifact else text_of(value)


def _computed(expression: str, names: Mapping[str, Value], otherwise: str) -> str:
    """The expression's value as text; `otherwise` where it cannot be told yet."""
    try:
        if any(late in expression for late in LATE) and any(
            late not in names for late in names_in(expression).intersection(LATE)
        ):
            return otherwise
        value = evaluate(expression, names)
        return otherwise if value is None else text_of(value)
    except ExpressionInvalid:
        return otherwise


def fill(value: T, names: Mapping[str, Value]) -> T:
    """`value` (JSON) with the tags of every text in it filled."""
    if isinstance(value, str):
        return cast(T, fill_text(value, names)) if "{{" in value else value
    if isinstance(value, list):
        return cast(T, [fill(item, names) for item in value])
    if isinstance(value, dict):
        return cast(T, {fill(key, names): fill(item, names) for key, item in value.items()})
    return value
