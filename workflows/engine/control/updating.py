"""Workflows whose object is changed: labels, annotations, and the few fields of the spec that mean something while it runs."""

from workflows.engine.control.errors import NotPossible
from workflows.engine.control.stopping import shut_down
from workflows.engine.state import Json, Workflow

OURS = ("workflows.argoproj.io/creator", "workflows.argoproj.io/phase", "workflows.argoproj.io/completed")
CHANGING = ("suspend", "shutdown", "parallelism", "activeDeadlineSeconds", "priority", "ttlStrategy", "podGC")


def update(workflow: Workflow, wanted: Json) -> None:
    """Makes metadata and spec what is wanted; the creator, and what the server itself says, stay. Raises `NotPossible`."""
    metadata, spec = wanted.get("metadata") or {}, dict(wanted.get("spec") or {})
    before = workflow.document["spec"]
    changed = [key for key in {*before, *spec} if before.get(key) != spec.get(key)]
    if fixed := sorted(set(changed) - set(CHANGING)):
        raise NotPossible(
            f'workflow "{workflow.name}": spec.{fixed[0]} of a workflow does not change; {", ".join(CHANGING)} do: submit another workflow'
        )
    shutdown = spec.pop("shutdown", None)
    if shutdown and shutdown != before.get("shutdown"):
        shut_down(workflow, str(shutdown))
    for key in set(changed) - {"shutdown"}:
        for holder in (before, workflow.spec):
            holder.pop(key, None)
            if spec.get(key) is not None:
                holder[key] = spec[key]
    kept = {key: value for key, value in (workflow.metadata.get("labels") or {}).items() if key in OURS}
    workflow.metadata["labels"] = {**(metadata.get("labels") or {}), **kept}
    for key in ("annotations", "ownerReferences"):
        workflow.metadata.pop(key, None)
        if metadata.get(key):
            workflow.metadata[key] = metadata[key]
