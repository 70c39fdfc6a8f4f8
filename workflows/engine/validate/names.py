"""Names of templates, steps, tasks, parameters and artifacts."""

import re
from collections.abc import Iterable

from workflows.engine.state import Json
from workflows.engine.validate.errors import WorkflowInvalid

FIELD = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*")
ARGUMENT = re.compile(r"[-a-zA-Z0-9_]+")
VARIABLE = re.compile(r"\{\{[-a-zA-Z0-9]+(\.[-a-zA-Z0-9_]+)*\}\}")
LONGEST_FIELD = 128
FIELD_RULE = (
    "name must consist of alpha-numeric characters or '-', and must start with an alpha-numeric character "
    "(e.g. My-name1-2, 123-NAME)"
)
ARGUMENT_RULE = (
    "Parameter/Artifact name must consist of alpha-numeric characters, '_' or '-' e.g. my_param_1, MY-PARAM-1"
)


def field_faults(name: str) -> str:
    """What is wrong with a template's, step's or task's name, or nothing."""
    faults = [f"must be no more than {LONGEST_FIELD} characters"] if len(name) > LONGEST_FIELD else []
    return ";".join(faults + ([] if FIELD.fullmatch(name) else [FIELD_RULE]))


def argument_faults(name: str) -> str:
    """What is wrong with a parameter's or artifact's name, or nothing."""
    return "" if ARGUMENT.fullmatch(name) else ARGUMENT_RULE


def is_variable(text: str) -> bool:
    """Whether there is a `{{variable}}` in it."""
    return VARIABLE.search(text) is not None


def check_names(place: str, items: Iterable[Json], arguments: bool = False) -> None:
    """Each of the items has a sound name of its own; `place` leads the message (`spec.templates`)."""
    seen: set[str] = set()
    for number, item in enumerate(items):
        name = str(item.get("name") or "")
        if not name:
            raise WorkflowInvalid(f"{place}[{number}].name is required")
        faults = argument_faults(name) if arguments else field_faults(name)
        if faults:
            raise WorkflowInvalid(f"{place}[{number}].name: '{name}' is invalid: {faults}")
        if name in seen:
            raise WorkflowInvalid(f"{place}[{number}].name '{name}' is not unique")
        seen.add(name)
