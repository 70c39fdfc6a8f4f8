"""Retry: what failed, or was chosen, is taken away together with what came after it, so that it runs again."""

from collections import deque

from atrium.clock import now
from workflows.engine.control.errors import NotPossible
from workflows.engine.control.suspending import fits_node, node_terms
from workflows.engine.state import BAD, RUNNING, SKIPPED, SUCCEEDED, Json, Workflow, stamp
from workflows.engine.submit import put_parameters

GROUPS = ("DAG", "TaskGroup", "StepGroup", "Steps")
EXECUTED = ("Container", "Pod", "HTTP", "Plugin")


def retry(workflow: Workflow, restart_successful: bool, selector: str, parameters: list[str]) -> list[Json]:
    """Brings a workflow that has ended back to Running; the pods' nodes that were taken away are returned.

    With `restart_successful` the nodes that `selector` names run again too, whatever their phase.

    Raises:
        NotPossible: it runs, or succeeded and no node is chosen. WorkflowInvalid: a parameter that is none.
    """
    if workflow.phase == SUCCEEDED and not (restart_successful and selector):
        raise NotPossible("To retry a succeeded workflow, set the options restartSuccessful and nodeFieldSelector")
    if workflow.phase not in (*BAD, SUCCEEDED):
        raise NotPossible(f"Cannot retry a workflow in phase {workflow.phase}")
    tree = _Tree(workflow)
    terms = node_terms(selector)
    chosen = {key for key, node in workflow.nodes.items() if restart_successful and selector and fits_node(terms, node)}
    chosen |= {key for key in workflow.nodes if tree.has_failed(key, chosen)}
    put_parameters(workflow, parameters)
    for key in tree.ordered():
        if key in chosen and key not in tree.gone:
            tree.take_away(key)
    gone = tree.apply()
    _reopen(workflow)
    return gone


def _reopen(workflow: Workflow) -> None:
    labels = workflow.metadata.setdefault("labels", {})
    for key in ("completed", "workflow-archiving-status"):
        labels.pop(f"workflows.argoproj.io/{key}", None)
    labels["workflows.argoproj.io/phase"] = RUNNING
    workflow.spec.pop("shutdown", None)
    workflow.document["spec"].pop("shutdown", None)
    for key in ("finishedAt", "message"):
        workflow.status.pop(key, None)
    workflow.status.update(phase=RUNNING, startedAt=stamp(now()), _past=["retried"])


class _Tree:
    """A workflow's nodes with their parents."""

    def __init__(self, workflow: Workflow) -> None:
        self.workflow, self.nodes = workflow, workflow.nodes
        self.parent = {child: key for key, node in self.nodes.items() for child in node.get("children") or []}
        self.gone: set[str] = set()
        self.again: set[str] = set()

    def ordered(self) -> list[str]:
        """Ids from the root down, each after its parent; exit handlers apart."""
        seen, todo = dict.fromkeys([self.workflow.name]), deque([self.workflow.name])
        while todo:
            for child in self.nodes[todo.popleft()].get("children") or []:
                if child in self.nodes and child not in seen:
                    seen[child] = None
                    todo.append(child)
        return list(seen)

    def has_failed(self, key: str, chosen: set[str]) -> bool:
        """Whether it ran, failed, and nothing after it succeeded that stays."""
        node = self.nodes[key]
        if node["phase"] not in BAD or node["type"] not in EXECUTED:
            return False
        parent = self.parent.get(key, "")
        start = parent if self.nodes.get(parent, {}).get("type") == "Retry" else key
        return not any(self.nodes[one]["phase"] == SUCCEEDED and one not in chosen for one in self.after(start))

    def after(self, key: str) -> set[str]:
        """Every node that came after."""
        found: set[str] = set()
        todo = [key]
        while todo:
            for child in self.nodes[todo.pop()].get("children") or []:
                if child in self.nodes and child not in found:
                    found.add(child)
                    todo.append(child)
        return found

    def take_away(self, key: str) -> None:
        """Takes a node away with all that came after it; the groups around it run again."""
        self.gone |= {key} | self.after(key)
        self._open(key)
        current: str | None = key
        while current is not None:
            node = self.nodes[current]
            if node["type"] in GROUPS:
                self.again.add(current)
                current = self._open_around(current)
                continue
            if node["type"] == "Retry" and node["phase"] in BAD:
                self.again.add(current)
            elif node["type"] == "Container":
                while self.nodes[current]["type"] != "Pod":
                    current = self.parent[current]
                self.gone |= {current} | self.after(current)
            current = self.parent.get(current)

    def _open(self, key: str) -> None:
        boundary = self.nodes[key].get("boundaryID")
        while boundary:
            self.again.add(boundary)
            boundary = self.nodes[boundary].get("boundaryID")

    def _open_around(self, key: str) -> str | None:
        """Opens what is around a group, up to the top; None when there is no more."""
        current = key
        while True:
            parent = self.parent.get(current)
            if parent is not None and self.nodes[parent]["type"] == "Retry":
                self.again.add(parent)
                current = parent
                parent = self.parent.get(current)
            if parent is not None and self.nodes[parent]["type"] in ("StepGroup", "TaskGroup"):
                self.again.add(parent)
            boundary = self.nodes[current].get("boundaryID")
            if not boundary:
                return self.parent.get(current)
            self.again.add(boundary)
            current = boundary

    def apply(self) -> list[Json]:
        """Changes the workflow's nodes; the pods that are gone."""
        exiting = f"{self.workflow.name}.onExit"
        self.gone |= {key for key, node in self.nodes.items() if node["name"].startswith(exiting)}
        pods = [self.nodes[key] for key in self.gone if self.nodes[key]["type"] == "Pod"]
        for key in self.again - self.gone:
            _run_again(self.nodes[key])
            self.workflow.dirty.add(key)
        for key in self.gone:
            del self.nodes[key]
            self.workflow.work.pop(key, None)
            self.workflow.dirty.add(key)
        for key, node in self.nodes.items():
            children = node.get("children") or []
            if any(child in self.gone for child in children):
                node["children"] = [child for child in children if child not in self.gone]
                self.workflow.dirty.add(key)
        return pods


def _run_again(node: Json) -> None:
    if node["type"] == "Suspend":
        for one in (node.get("outputs") or {}).get("parameters") or []:
            one.pop("value", None)
            one["valueFrom"] = {"supplied": {}}
    if node["phase"] != SKIPPED:
        node["phase"] = RUNNING
    node.pop("message", None)
    node.update(startedAt=stamp(now()), finishedAt=None)
