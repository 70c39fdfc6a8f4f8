"""Fields and their types, as Argo's server reads JSON: what has the wrong type or no place is refused in its words.

`fields.json` holds the types of Argo's and Kubernetes' public OpenAPI, as Hera's models have them.
"""

import json
import math
import re
from decimal import Decimal
from functools import cache
from pathlib import Path

from workflows.engine.validate.errors import WorkflowInvalid

WORDS = {bool: "bool", str: "string", int: "number", float: "number", list: "array", dict: "object"}
QUANTITY = re.compile("([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)")
ANY_STRING = "AnyString"
OURS = ("apiVersion", "kind", "metadata", "spec", "status")


@cache
def _table() -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(Path(__file__).with_name("fields.json").read_text())
    return found


def read_fields(kind: str, document: object, prefix: str) -> None:
    """Every field of an object of that kind is known and has its type; values of parameters become texts in place, as Argo's `AnyString`.

    `prefix` is where the object lies in the request, with a dot (`workflow.`): Argo's messages name it.

    Raises:
        WorkflowInvalid: "json: cannot unmarshal …" or "strict decoding error: unknown field …".
    """
    if not isinstance(document, dict):
        raise WorkflowInvalid(f"{kind} expected: send an object with metadata and spec, see docs/pipelines.md")
    unknown: list[str] = []
    for key in ("metadata", "spec"):
        if document.get(key) is not None:
            wanted = _table()[kind][key]
            _check(wanted, document[key], kind, f"{prefix}{key}", key, unknown)
    unknown += [key for key in document if key not in OURS]
    if unknown:
        listed = ", ".join(f'unknown field "{name}"' for name in unknown)
        raise WorkflowInvalid(f"strict decoding error: {listed}")


def _check(wanted: str, value: object, owner: str, path: str, place: str, unknown: list[str]) -> None:
    """`path` names a field as Go's decoder does (no numbers), `place` as the strict one does (`spec.templates[0]`)."""
    if value is None or wanted in ("any", ANY_STRING):
        return
    if wanted.startswith("[]"):
        if not isinstance(value, list):
            raise _mismatch(value, owner, path, wanted)
        for number, item in enumerate(value):
            if item is None and wanted not in ("[]any", f"[]{ANY_STRING}"):
                raise WorkflowInvalid(f'strict decoding error: null value in list "{place}[{number}]"')
            if wanted == "[][]WorkflowStep" and isinstance(item, dict):  # a group that stands alone
                _check("WorkflowStep", item, owner, path, f"{place}[{number}]", unknown)
            else:
                _check(wanted[2:], item, owner, path, f"{place}[{number}]", unknown)
    elif wanted.startswith("{}"):
        if not isinstance(value, dict):
            raise _mismatch(value, owner, path, wanted)
        for key, item in value.items():
            _check(wanted[2:], item, owner, path, f"{place}.{key}", unknown)
    elif wanted in _table():
        if not isinstance(value, dict):
            raise _mismatch(value, owner, path, wanted)
        fields = _table()[wanted]
        if wanted == "ResourceRequirements":
            _check_quantities(value)
        for key, item in value.items():
            if key in fields:
                _check(fields[key], item, wanted, f"{path}.{key}", f"{place}.{key}", unknown)
                if fields[key] == ANY_STRING and item is not None:
                    value[key] = _any_string(item)
                elif fields[key] == f"[]{ANY_STRING}" and item is not None:
                    value[key] = [_any_string(one) for one in item]
            elif ".steps[" in place:  # Argo reads steps strictly, and says what comes first
                raise WorkflowInvalid(f'json: unknown field "{key}"', unread=True)
            else:
                unknown.append(f"{place}.{key}")
    elif not _fits(wanted, value):
        raise _mismatch(value, owner, path, wanted)


def _any_string(value: object) -> str:
    """What Argo's `AnyString` makes of JSON: a number is a float without an exponent, and of a list or an object nothing is left."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, (int, float)):
        return value if isinstance(value, str) else ""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise WorkflowInvalid("json: cannot unmarshal number into Go value of type float64", unread=True)
    return format(Decimal(repr(number)).normalize(), "f")


def _check_quantities(resources: dict[str, object]) -> None:
    for kind in ("limits", "requests"):
        given = resources.get(kind)
        for amount in given.values() if isinstance(given, dict) else ():
            if not QUANTITY.fullmatch(str(amount)):
                raise WorkflowInvalid(
                    f"quantities must match the regular expression '^{QUANTITY.pattern}$'", unread=True
                )


def _fits(wanted: str, value: object) -> bool:
    if wanted == "bool":
        return isinstance(value, bool)
    if wanted == "string":
        return isinstance(value, str)
    whole = wanted in ("int32", "int64")
    return isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)


def _mismatch(value: object, owner: str, path: str, wanted: str) -> WorkflowInvalid:
    word = WORDS[type(value)] + (f" {value}" if isinstance(value, float) else "")
    holder = "Template" if ".templates.steps." in path else owner  # steps have a reader of their own in Go
    go = "[]v1alpha1.Item" if path.endswith(".withItems") else _go(wanted)
    return WorkflowInvalid(
        f"json: cannot unmarshal {word} into Go struct field {holder}.{path} of type {go}", unread=True
    )


def _go(wanted: str) -> str:
    if wanted.startswith("[]"):
        return f"[]{_go(wanted[2:])}"
    if wanted.startswith("{}"):
        return f"map[string]{_go(wanted[2:])}"
    simple = {"number": "float64", "any": "interface {}"}
    return simple.get(wanted, wanted if wanted in ("string", "bool", "int32", "int64") else f"v1alpha1.{wanted}")
