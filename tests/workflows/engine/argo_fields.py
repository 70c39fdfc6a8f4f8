"""Makes workflows/engine/validate/fields.json from Hera's models, which are made from Argo's and Kubernetes' OpenAPI.

`python tests/workflows/engine/argo_fields.py` writes it; a test holds it to the Hera that is installed.
"""

import json
import types
import typing
from enum import Enum
from pathlib import Path

from pydantic import BaseModel

FILE = Path(__file__).resolve().parents[3] / "workflows/engine/validate/fields.json"
ROOTS = ("Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow")
FREE = {"Item", "IntOrString", "Quantity", "Plugin", "FieldsV1", "Amount", "ObjectReference", "Time", "MicroTime"}
SCALARS = {"Parameter": ("value", "default", "enum", "description"), "ValueFrom": ("default",)}
NARROW = {
    "WorkflowSpec": ("priority",), "Artifact": ("mode",), "CronWorkflowSpec": ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"),
    "TTLStrategy": ("secondsAfterCompletion", "secondsAfterFailure", "secondsAfterSuccess"), "Template": ("priority",),
    "ContainerPort": ("containerPort", "hostPort"),
}  # fmt: skip
OF_37 = {
    "CronWorkflowSpec": {"schedule": "string"}, "HTTPHeader": {"valueFrom": "HTTPHeaderSource"},
    "Synchronization": {"mutex": "Mutex", "semaphore": "SemaphoreRef"}, "Cache": {"configMap": "ConfigMapKeySelector"},
}  # fmt: skip
BASIC = {str: "string", int: "int64", bool: "bool", float: "number", object: "any", typing.Any: "any"}


def fields() -> dict[str, dict[str, str]]:
    """Type name -> field -> type: string, int64, int32, bool, number, any, AnyString, a type's name; `[]` a list of, `{}` a table of."""
    import hera.workflows.models as models

    table: dict[str, dict[str, str]] = {}
    todo = [getattr(models, name) for name in (*ROOTS, "HTTPHeaderSource", "Mutex", "SemaphoreRef")]
    while todo:
        model = todo.pop()
        if model.__name__ in table:
            continue
        row = table[model.__name__] = {}
        for name, field in model.model_fields.items():
            key = field.alias or name
            row[key] = (
                "any" if (model.__name__, key) == ("ManagedFieldsEntry", "fieldsV1") else named(field.annotation, todo)
            )
            if key in SCALARS.get(model.__name__, ()):
                row[key] = "[]AnyString" if row[key].startswith("[]") else "AnyString"
            if key in NARROW.get(model.__name__, ()):
                row[key] = "int32"
        row |= OF_37.get(model.__name__, {})
    return {name: dict(sorted(row.items())) for name, row in sorted(table.items())}


def named(annotation: object, todo: list[type]) -> str:
    """A type's name in the table; the models that it leads to are appended to `todo`."""
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        kinds = [one for one in inside if one is not type(None)]
        return named(kinds[0], todo) if len(kinds) == 1 else "any"
    if origin is typing.Annotated:
        return named(inside[0], todo)
    if origin is list:
        return f"[]{named(inside[0], todo)}"
    if origin is dict:
        return f"{{}}{named(inside[1], todo)}"
    if annotation in BASIC:
        return BASIC[annotation]
    if isinstance(annotation, type) and annotation.__name__ not in FREE:
        if issubclass(annotation, Enum):
            return "string"
        if issubclass(annotation, BaseModel):
            if set(annotation.model_fields) in ({"root"}, {"__root__"}):
                return named(annotation.model_fields["root"].annotation, todo)
            todo.append(annotation)
            return annotation.__name__
    return "any"


if __name__ == "__main__":
    FILE.write_text(json.dumps(fields(), separators=(",", ":")).replace("},", "},\n") + "\n")
