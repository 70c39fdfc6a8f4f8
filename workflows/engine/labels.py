"""Names and labels of objects, as Kubernetes checks them and says so."""

import json
import re
from collections.abc import Iterator

from workflows.engine.state import Json

NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
KEY = re.compile("([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
VALUE = re.compile(f"({KEY.pattern})?")
LONGEST_NAME, LONGEST_LABEL = 253, 63
NAME_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'example.com', regex used for validation is '" + NAME.pattern + "')"
)
OF_LABELS = "consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
KEY_RULE = (
    f"must {OF_LABELS} (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{KEY.pattern}')"
)
VALUE_RULE = (
    f"a valid label must be an empty string or {OF_LABELS} "
    f"(e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '{VALUE.pattern}')"
)
OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


def _too_long(text: str, most: int) -> list[str]:
    return [f"must be no more than {most} characters"] if len(text) > most else []


def name_faults(name: str) -> list[str]:
    """What is wrong with an object's name."""
    return _too_long(name, LONGEST_NAME) + ([] if NAME.fullmatch(name) else [NAME_RULE])


def key_faults(key: str) -> list[str]:
    """What is wrong with a label's or an annotation's key."""
    prefix, slash, name = key.rpartition("/")
    if "/" in prefix:
        return [
            f"a qualified name {KEY_RULE} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        ]
    found = ["must be non-empty"] if slash and not prefix else name_faults(prefix) if slash else []
    faults = ["must be non-empty"] if not name else _too_long(name, LONGEST_LABEL)
    faults += [] if KEY.fullmatch(name) else [KEY_RULE]
    return [f"prefix part {one}" for one in found] + [f"name part {one}" for one in faults]


def value_faults(value: str) -> list[str]:
    """What is wrong with a label's value."""
    return _too_long(value, LONGEST_LABEL) + ([] if VALUE.fullmatch(value) else [VALUE_RULE])


def invalid(place: str, value: str, fault: str) -> str:
    """What Kubernetes says of a value in that place."""
    return f"{place}: Invalid value: {json.dumps(value, ensure_ascii=False)}: {fault}"


def metadata_faults(metadata: Json) -> Iterator[str]:
    """What is wrong with the labels and the annotations of an object."""
    for key, value in sorted((metadata.get("labels") or {}).items()):
        yield from (invalid("metadata.labels", key, one) for one in key_faults(key))
        yield from (invalid("metadata.labels", value, one) for one in value_faults(value or ""))
    for key in sorted(metadata.get("annotations") or {}):
        yield from (invalid("metadata.annotations", key, one) for one in key_faults(key.lower()))


def selector_fault(selector: Json) -> str:
    """What is wrong with a label selector of matchLabels and matchExpressions, or nothing."""
    for key, value in (selector.get("matchLabels") or {}).items():
        if faults := _requirement_faults(key, [value]):
            return faults
    for one in selector.get("matchExpressions") or []:
        operator, values = str(one.get("operator") or ""), one.get("values") or []
        if operator not in OPERATORS:
            return f"{json.dumps(operator)} is not a valid label selector operator"
        told = ""
        if operator in ("In", "NotIn") and not values:
            told = "values: Invalid value: []string(nil): for 'in', 'notin' operators, values set can't be empty"
        elif operator in ("Exists", "DoesNotExist") and values:
            listed = ", ".join(json.dumps(value) for value in values)
            told = (
                f"values: Invalid value: []string{{{listed}}}: values set must be empty for exists and does not exist"
            )
        if faults := _requirement_faults(str(one.get("key") or ""), values, told):
            return faults
    return ""


def _requirement_faults(key: str, values: list[str], told: str = "") -> str:
    of_key = "; ".join(key_faults(key))
    found = [invalid("key", key, of_key)] if of_key else []
    found += [told] if told else []
    for number, value in enumerate(values):
        if faults := "; ".join(value_faults(value)):
            found.append(invalid(f"values[{number}][{key}]", value, faults))
    return aggregated(found)


def aggregated(faults: list[str]) -> str:
    """Several faults in one text."""
    return f"[{', '.join(faults)}]" if len(faults) > 1 else "".join(faults)
