"""What a person does to a workflow: retry, resume, stop, set."""

from atrium.clock import now
from workflows.engine.state import BAD, FULFILLED, OMITTED, RUNNING, Json, Workflow, stamp

GROUPS = ("Steps", "StepGroup", "DAG", "TaskGroup", "Retry")


class NotPossible(ValueError):
    """The workflow's state excludes what was asked."""


def retry(workflow: Workflow) -> None:
    """Takes the failed parts away, so that they run again; what succeeded stays. Raises `NotPossible`."""
    if workflow.phase not in BAD:
        raise NotPossible("workflow must be Failed/Error to retry")
    keep: dict[str, Json] = {}
    for key, node in workflow.nodes.items():
        exiting = node["name"].startswith(f"{workflow.name}.onExit")
        if (
            exiting
            or (node["type"] not in GROUPS and (node["phase"] in BAD or node["phase"] == OMITTED))
            or (node["type"] == "Retry" and node["phase"] in BAD)
        ):
            workflow.dirty.add(key)
        else:
            keep[key] = node
    for key, node in keep.items():
        if node["type"] in GROUPS and node["phase"] in BAD:
            node.update(phase=RUNNING, finishedAt=None)
            node.pop("message", None)
            workflow.dirty.add(key)
        if node.get("children"):
            node["children"] = [child for child in node["children"] if child in keep]
            workflow.dirty.add(key)
    workflow.nodes = keep
    workflow.spec.pop("shutdown", None)
    for gone in ("finishedAt", "message", "outputs"):
        workflow.status.pop(gone, None)
    workflow.status["phase"] = RUNNING
    workflow.metadata["labels"] |= {"workflows.argoproj.io/completed": "false", "workflows.argoproj.io/phase": RUNNING}


def resume(workflow: Workflow, selector: str = "") -> None:
    """Ends suspended nodes well: all, or those that `selector` (`displayName=x`, `id=x`) names. Raises `NotPossible`."""
    workflow.spec.pop("suspend", None)
    resumed = 0
    for node in workflow.nodes.values():
        if node["type"] == "Suspend" and node["phase"] == RUNNING and _selected(node, selector):
            node.update(phase="Succeeded", finishedAt=stamp(now()))
            workflow.touch(node)
            resumed += 1
    if selector and not resumed:
        raise NotPossible(
            f"currently, set only targets suspend nodes: no suspend nodes matching nodeFieldSelector: {selector}"
        )


def _selected(node: Json, selector: str) -> bool:
    for part in filter(None, selector.split(",")):
        key, _, value = part.partition("=")
        found = node.get(key.strip().rsplit(".", 1)[-1], "")
        if str(found) != value.strip("= "):
            return False
    return True


def shut_down(workflow: Workflow, strategy: str, message: str = "") -> None:
    """Has the workflow end: `Stop` still runs its exit handler, `Terminate` does not. Raises `NotPossible`."""
    if workflow.phase in FULFILLED:
        raise NotPossible(f"cannot shutdown a completed workflow: {workflow.name} in {workflow.namespace}")
    workflow.spec["shutdown"] = strategy
    if message:
        workflow.status["message"] = message
