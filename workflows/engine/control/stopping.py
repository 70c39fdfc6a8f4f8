"""Workflows that are told to end."""

from workflows.engine.control.errors import NotPossible
from workflows.engine.state import Workflow


def shut_down(workflow: Workflow, strategy: str) -> None:
    """Has the workflow end: `Stop` still runs its exit handler, `Terminate` does not. Raises `NotPossible`."""
    if workflow.done:
        raise NotPossible(
            f'cannot shutdown a completed workflow: workflow: "{workflow.name}", namespace: "{workflow.namespace}"',
            True,
        )
    workflow.spec["shutdown"] = strategy
