"""Names and outputs that belong to the whole workflow."""

import json

from workflows.engine.expressions import Value
from workflows.engine.state import Json, Workflow


def global_names(workflow: Workflow) -> dict[str, Value]:
    """The names that every template of the workflow knows: `workflow.name` and the like."""
    metadata, spec = workflow.metadata, workflow.spec
    parameters = (spec.get("arguments") or {}).get("parameters") or []
    names: dict[str, Value] = {
        "workflow.name": workflow.name, "workflow.namespace": workflow.namespace, "workflow.uid": workflow.uid,
        "workflow.mainEntrypoint": spec.get("entrypoint", ""), "workflow.serviceAccountName": "default",
        "workflow.creationTimestamp": metadata.get("creationTimestamp", ""), "workflow.priority": str(spec.get("priority", 0)),
        "workflow.parameters": json.dumps([{"name": one["name"], "value": one.get("value", "")} for one in parameters]),
        "workflow.status": workflow.phase,
    }  # fmt: skip
    names |= {f"workflow.parameters.{one['name']}": one["value"] for one in parameters if "value" in one}
    if scheduled := (metadata.get("annotations") or {}).get("workflows.argoproj.io/scheduled-time"):
        names["workflow.scheduledTime"] = scheduled
    for kind in ("labels", "annotations"):
        names |= {f"workflow.{kind}.{key}": value for key, value in (metadata.get(kind) or {}).items()}
    for one in (workflow.status.get("outputs") or {}).get("parameters") or []:
        names[f"workflow.outputs.parameters.{one['name']}"] = one.get("value", "")
    for one in (workflow.status.get("outputs") or {}).get("artifacts") or []:
        names[f"workflow.outputs.artifacts.{one['name']}"] = one
    names["workflow.parameters.json"] = names["workflow.parameters"]
    for one in (spec.get("arguments") or {}).get("artifacts") or []:
        names[f"workflow.artifacts.{one['name']}"] = one
    return names


def note_globals(workflow: Workflow, names: dict[str, Value], outputs: Json) -> None:
    """Keeps outputs that have a globalName among the workflow's own, and in `names`."""
    for parameter in outputs.get("parameters") or []:
        if exported := parameter.get("globalName"):
            kept = workflow.status.setdefault("outputs", {}).setdefault("parameters", [])
            kept[:] = [one for one in kept if one["name"] != exported] + [
                {"name": exported, "value": parameter.get("value", "")}
            ]
            names[f"workflow.outputs.parameters.{exported}"] = parameter.get("value", "")
    for artifact in outputs.get("artifacts") or []:
        if exported := artifact.get("globalName"):
            kept = workflow.status.setdefault("outputs", {}).setdefault("artifacts", [])
            made = {key: value for key, value in artifact.items() if key != "globalName"} | {"name": exported}
            kept[:] = [one for one in kept if one["name"] != exported] + [made]
            names[f"workflow.outputs.artifacts.{exported}"] = made
