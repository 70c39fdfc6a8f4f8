"""Resubmit: the same workflow once more under a new name; memoized, with what succeeded taken over."""

import re
import secrets
from copy import deepcopy

from atrium.clock import now
from workflows.engine.control.errors import NotPossible
from workflows.engine.state import BAD, SUCCEEDED, Json, Workflow, node_id, stamp, suffix

LEFT = ("creator", "creator-email", "creator-preferred-username", "phase", "completed", "workflow-archiving-status")
FROM = "workflows.argoproj.io/resubmitted-from-workflow"


def resubmitted(workflow: Workflow, memoized: bool) -> Json:
    """The document to submit; with `memoized` it holds `status.nodes`, those of pods that succeeded as Skipped.

    Raises:
        NotPossible: memoized, and it did not fail.
    """
    metadata = workflow.metadata
    prefix = metadata.get("generateName") or f"{workflow.name}-"
    left = {f"workflows.argoproj.io/{key}" for key in LEFT}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key not in left}
    fresh: Json = {"generateName": prefix, "labels": labels | {FROM: workflow.name}}
    if metadata.get("annotations"):
        fresh["annotations"] = dict(metadata["annotations"])
    spec = {key: value for key, value in deepcopy(workflow.document["spec"]).items() if key != "shutdown"}
    again: Json = {"metadata": fresh, "spec": spec}
    if memoized:
        if workflow.phase not in BAD:
            raise NotPossible("workflow must be Failed/Error to resubmit in memoized mode")
        fresh["name"] = prefix + suffix(secrets.token_hex(8))
        again["status"] = {"nodes": _taken_over(workflow, fresh["name"])}
    return again


def _taken_over(workflow: Workflow, name: str) -> dict[str, Json]:
    old = re.compile("^" + re.escape(workflow.name))
    ids = {key: node_id(name, old.sub(name, node["name"])) for key, node in workflow.nodes.items()}
    found: dict[str, Json] = {}
    for key, node in workflow.nodes.items():
        if node["name"].startswith(f"{workflow.name}.onExit"):
            continue
        made = deepcopy(node)
        made.update(id=ids[key], name=old.sub(name, node["name"]))
        if node.get("boundaryID"):
            made["boundaryID"] = ids[node["boundaryID"]]
        made["children"] = [ids[child] for child in node.get("children") or [] if child in ids]
        made.update(startedAt=stamp(now()), finishedAt=stamp(now()))
        if node["type"] == "Pod" and node["phase"] not in BAD:
            made.update(phase="Skipped", type="Skipped", message=f"original pod: {key}")
        elif node["type"] == "Skipped" and not _led_to_success(workflow, key):
            continue
        elif node["type"] in ("Pod", "Suspend"):
            continue  # it starts anew
        else:
            made.update(phase="Running", finishedAt=None)
            made.pop("message", None)
        found[made["id"]] = made
    for made in found.values():
        made["children"] = [child for child in made["children"] if child in found]
    return found


def _led_to_success(workflow: Workflow, key: str) -> bool:
    todo = list(workflow.nodes[key].get("children") or [])
    while todo:
        node = workflow.nodes.get(todo.pop())
        if node is not None:
            if node["phase"] == SUCCEEDED:
                return True
            todo += node.get("children") or []
    return False
