"""Names and outputs that belong to the whole workflow."""

import json
from collections.abc import Mapping
from datetime import datetime

from workflows.engine.expressions import (
    ExpressionFailed,
    ExpressionInvalid,
    Value,
    compact,
    evaluate,
    text_of,
    type_name,
)
from workflows.engine.labels import value_faults
from workflows.engine.machine.arguments import MapValue, listed
from workflows.engine.machine.world import ConfigMapInvalid
from workflows.engine.state import Json, Workflow
from workflows.engine.templating import fill

TIME_CODES = "aAbBcdDeFhHIjklmMnpPrRStTuUwxXyYzZ"


class GlobalsInvalid(ValueError):
    """A parameter or label of the workflow itself cannot be had; the text is Argo's."""


def global_names(workflow: Workflow, map_value: MapValue) -> dict[str, Value]:
    """The names that every template of the workflow knows: `workflow.name` and the like.

    Raises:
        GlobalsInvalid: a parameter's config map is not there.
    """
    metadata, spec = workflow.metadata, workflow.spec
    parameters = (spec.get("arguments") or {}).get("parameters") or []
    names: dict[str, Value] = {
        "workflow.name": workflow.name, "workflow.namespace": workflow.namespace, "workflow.uid": workflow.uid,
        "workflow.mainEntrypoint": spec.get("entrypoint", ""), "workflow.serviceAccountName": spec.get("serviceAccountName", ""),
        "workflow.parameters": listed(parameters), "workflow.parameters.json": listed(parameters),
    }  # fmt: skip
    if spec.get("priority") is not None:
        names["workflow.priority"] = str(spec["priority"])
    names |= _time_names(str(metadata.get("creationTimestamp", "")))
    for one in parameters:
        names[f"workflow.parameters.{one['name']}"] = _parameter(one, map_value)
    for one in (spec.get("arguments") or {}).get("artifacts") or []:
        names[f"workflow.artifacts.{one['name']}"] = one
    for kind in ("labels", "annotations"):
        found = metadata.get(kind) or {}
        names |= dict.fromkeys((f"workflow.{kind}", f"workflow.{kind}.json"), compact(found or None))
        names |= {f"workflow.{kind}.{key}": value for key, value in found.items()}
    if scheduled := (metadata.get("annotations") or {}).get("workflows.argoproj.io/scheduled-time"):
        names["workflow.scheduledTime"] = scheduled
    outputs = workflow.status.get("outputs") or {}
    names |= {
        f"workflow.outputs.parameters.{one['name']}": one.get("value", "") for one in outputs.get("parameters") or []
    }
    names |= {f"workflow.outputs.artifacts.{one['name']}": one for one in outputs.get("artifacts") or []}
    return names


def _parameter(one: Json, map_value: MapValue) -> str:
    if one.get("value") is not None:
        return text_of(one["value"])
    source = one.get("valueFrom") or {}
    reference = source.get("configMapKeyRef")
    if reference:
        try:
            return map_value(reference["name"], reference["key"])
        except ConfigMapInvalid as error:
            if source.get("default") is not None:
                return text_of(source["default"])
            where = f"configmap with name {reference['name']} and key {reference['key']}"
            raise GlobalsInvalid(f"failed to set global parameter {one['name']} from {where}: {error}") from error
    raise GlobalsInvalid(f"either value or valueFrom must be specified in order to set global parameter {one['name']}")


def _time_names(created: str) -> dict[str, Value]:
    names: dict[str, Value] = {"workflow.creationTimestamp": created}
    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        return names
    start = "workflow.creationTimestamp"
    names |= {f"{start}.{code}": moment.strftime(f"%{code}") for code in TIME_CODES}
    return names | {f"{start}.s": str(int(moment.timestamp())), f"{start}.RFC3339": created}


def set_metadata(workflow: Workflow, names: dict[str, Value]) -> None:
    """Gives the workflow the labels and annotations of `spec.workflowMetadata`. Raises `GlobalsInvalid`."""
    wanted = workflow.spec.get("workflowMetadata") or {}
    for kind in ("labels", "annotations"):
        found = workflow.metadata.setdefault(kind, {}) if wanted.get(kind) else {}
        for key, value in (wanted.get(kind) or {}).items():
            _put(found, kind, key, text_of(fill(value, names)), names)
    for key, source in (wanted.get("labelsFrom") or {}).items():
        value = _label(key, str(source.get("expression", "")), names)
        _put(workflow.metadata.setdefault("labels", {}), "labels", key, value, names)


def _label(key: str, expression: str, names: dict[str, Value]) -> str:
    """A label's value from an expression. Raises `GlobalsInvalid`."""
    shown = f"label {json.dumps(key)} expression {json.dumps(expression)}"
    try:
        value = evaluate(expression, names)
    except ExpressionFailed as error:
        raise GlobalsInvalid(f"failed to evaluate {shown}: {error}") from error
    except ExpressionInvalid as error:
        raise GlobalsInvalid(f"Failed to compile function for expression {json.dumps(expression)}: {error}") from error
    if not isinstance(value, str):
        raise GlobalsInvalid(f"failed to evaluate {shown} evaluted to {type_name(value)} but must be a string")
    if faults := ";".join(value_faults(value)):
        where = f"label {json.dumps(key)} and expression {json.dumps(expression)}"
        raise GlobalsInvalid(f"invalid label value {json.dumps(value)} for {where}: {faults}")
    return value


def _put(found: dict[str, str], kind: str, key: str, value: str, names: dict[str, Value]) -> None:
    if kind == "labels" and (faults := ";".join(value_faults(value))):
        raise GlobalsInvalid(f"invalid label value {json.dumps(value)} for label {json.dumps(key)}: {faults}")
    found[key] = value
    names[f"workflow.{kind}.{key}"] = value


def note_globals(workflow: Workflow, names: dict[str, Value], outputs: Mapping[str, list[Json]]) -> None:
    """Keeps outputs that have a globalName among the workflow's own, and in `names`."""
    for kind in ("parameters", "artifacts"):
        for one in outputs.get(kind) or []:
            exported = one.get("globalName")
            if not exported or (kind == "parameters" and one.get("value") is None):
                continue
            kept = workflow.status.setdefault("outputs", {}).setdefault(kind, [])
            made = {key: value for key, value in one.items() if key not in ("globalName", "path", "valueFrom")} | {
                "name": exported
            }
            place = next((number for number, other in enumerate(kept) if other["name"] == exported), len(kept))
            kept[place : place + 1] = [made]
            names[f"workflow.outputs.{kind}.{exported}"] = (
                made if kind == "artifacts" else text_of(made.get("value", ""))
            )
