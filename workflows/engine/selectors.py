"""Kubernetes' label and field selectors, as far as workflows' clients use them."""

import re

from workflows.engine.state import Json

IN = re.compile(r"^\s*([\w./-]+)\s+(in|notin)\s+\(([^)]*)\)\s*$")


def _parts(selector: str) -> list[str]:
    return [part for part in re.split(r",(?![^(]*\))", selector) if part.strip()]


def _label(labels: Json, part: str) -> bool:
    if found := IN.match(part):
        values = {value.strip() for value in found[3].split(",")}
        return (labels.get(found[1], "") in values) is (found[2] == "in")
    if "!=" in part:
        key, value = part.split("!=", 1)
        return bool(labels.get(key.strip()) != value.strip())
    if "=" in part:
        key, value = part.replace("==", "=").split("=", 1)
        return bool(labels.get(key.strip()) == value.strip())
    return part.strip()[1:] not in labels if part.strip().startswith("!") else part.strip() in labels


def _field(document: Json, part: str) -> bool:
    key, _, value = part.replace("==", "=").partition("=")
    wanted = value.strip()
    negated = key.endswith("!")
    found: object = document
    for word in key.rstrip("!").strip().split("."):
        found = found.get(word, "") if isinstance(found, dict) else ""
    return (str(found) == wanted) is not negated


def matches(document: Json, labels: str, fields: str) -> bool:
    """Whether the object fits both selectors; empty ones fit all."""
    own = document["metadata"].get("labels") or {}
    return all(_label(own, part) for part in _parts(labels)) and all(_field(document, part) for part in _parts(fields))
