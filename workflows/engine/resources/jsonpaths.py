"""JSONPath as kubectl prints it: text with paths in braces (`{.metadata.name}`)."""

import json
import re
from typing import Any

from workflows.engine.expressions import ExpressionInvalid, compact, printed
from workflows.engine.expressions.jsonpath import found_at
from workflows.engine.resources.carrying import ResourceFailed

BRACED = re.compile(r"\{((?:\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^{}])*)\}")
ESCAPED = re.compile(r"\.((?:[\w-]|\\.)*\\.(?:[\w-]|\\.)*)")  # `.a\.b` names the field `a.b`


def text_by_path(found: object, template: str) -> str:
    """What kubectl's `-o jsonpath=` prints of an object; nothing for what is not there. Raises `ResourceFailed`."""
    try:
        return BRACED.sub(lambda match: _shown(found, match[1].strip()), template)
    except (ExpressionInvalid, ValueError) as error:
        raise ResourceFailed(f"error: error parsing jsonpath {template}, {error}") from error


def _shown(found: object, path: str) -> str:
    if path[:1] in ("'", '"'):
        return str(json.loads(f'"{path[1:-1]}"'))
    if path.split(" ", 1)[0] in ("range", "end"):
        raise ResourceFailed(f"{{{path}}}: loops of kubectl's JSONPath are not known here; use jqFilter")
    plain = ESCAPED.sub(lambda match: "['" + match[1].replace("\\", "") + "']", path.removeprefix("@"))
    return " ".join(_printed(one) for one in found_at(found, plain)[0])


def _printed(value: Any) -> str:
    return compact(value) if isinstance(value, (dict, list)) else printed(value)
