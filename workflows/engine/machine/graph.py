"""Nodes: made, changed and linked as Argo does, with the memory kept in step."""

import re
from datetime import datetime

from workflows.engine.machine.calls import Call
from workflows.engine.machine.memory import UNITS, Memory
from workflows.engine.state import ESTIMATES, FULFILLED, RUNNING, Json, Workflow, node_id, stamp

GROUPS = ("Steps", "StepGroup", "DAG", "TaskGroup", "Retry")
SEPARATOR = re.compile(r"^(\[\d+\])?\.")


class Graph:
    """The tree of one workflow at one moment."""

    def __init__(self, workflow: Workflow, memory: Memory, now: datetime) -> None:
        self.wf, self.memory, self.now = workflow, memory, now

    def make(
        self,
        call: Call,
        kind: str,
        phase: str = RUNNING,
        message: str = "",
        inputs: Json | None = None,
        template: str | None = None,
    ) -> Json:
        """Adds a node; `template` for one whose call names none (an inline template)."""
        node: Json = {
            "id": node_id(self.wf.name, call.name), "name": call.name, "displayName": self._display(call), "type": kind,
            "phase": phase, "startedAt": stamp(self.now), "finishedAt": None, "templateScope": call.scope,
        }  # fmt: skip
        if kind in UNITS:
            node["progress"] = "0/1"
        name = template if template is not None else call.reference.get("template")
        if reference := call.reference.get("templateRef"):
            node["templateRef"] = reference
        elif name:
            node["templateName"] = name
        if call.boundary:
            node["boundaryID"] = call.boundary
        if call.flag:
            node["nodeFlag"] = dict(call.flag)
        if inputs:
            node["inputs"] = inputs
        if message:
            node["message"] = message
        if phase in FULFILLED:
            node["finishedAt"] = node["startedAt"]
        if took := (self.wf.status.get(ESTIMATES) or {}).get(call.name.replace(self.wf.name, "", 1)):
            node["estimatedDuration"] = took
        self.wf.nodes[node["id"]] = node
        self.memory.parents[node["id"]] = call.parent
        self.memory.count(node, 1)
        self.wf.touch(node)
        return node

    def _display(self, call: Call) -> str:
        boundary = self.wf.nodes.get(call.boundary or "")
        if boundary is None:
            return call.name
        return SEPARATOR.sub("", call.name.removeprefix(boundary["name"]))

    def change(self, node: Json, **fields: object) -> Json:
        """Changes a node; fields that are None go."""
        self.memory.count(node, -1)
        for key, value in fields.items():
            if value is None:
                node.pop(key, None)
            else:
                node[key] = value
        self.memory.count(node, 1)
        self.wf.touch(node)
        self.memory.mark(node["id"])
        return node

    def end(self, node: Json, phase: str, message: str | None = None, outputs: Json | None = None) -> Json:
        """Ends a node now, with a message and outputs where given."""
        fields: dict[str, object] = {"phase": phase}
        if message is not None:
            fields["message"] = message or None
        if outputs:
            fields["outputs"] = outputs
        if phase in FULFILLED and not node.get("finishedAt"):
            fields["finishedAt"] = stamp(self.now)
        if node["type"] in UNITS and phase == "Succeeded":
            fields["progress"] = "1/1"
        if node["type"] in GROUPS and phase in FULFILLED:
            fields |= self._sums(node)
        self.change(node, **fields)
        if phase in FULFILLED:
            self.memory.close(node["id"])
        return node

    def _sums(self, node: Json) -> dict[str, object]:
        """`progress` and `resourcesDuration` of a group: those of all that is linked below it, each once."""
        done = total = 0
        used: dict[str, int] = {}
        seen, stack = {node["id"]}, list(node.get("children") or [])
        while stack:
            identifier = stack.pop()
            if identifier in seen:
                continue
            seen.add(identifier)
            child = self.wf.nodes[identifier]
            stack += child.get("children") or []
            if child["type"] in UNITS:
                ready, of = str(child.get("progress") or "0/1").split("/")
                done, total = done + int(ready), total + int(of)
            if child["type"] == "Pod":
                for kind, amount in (child.get("resourcesDuration") or {}).items():
                    used[kind] = used.get(kind, 0) + amount
        return {"progress": f"{done}/{total}", "resourcesDuration": used or None}

    def link(self, parent: Json, child: Json) -> None:
        """Adds a link once."""
        if (parent["id"], child["id"]) not in self.memory.links:
            self.memory.links.add((parent["id"], child["id"]))
            parent.setdefault("children", []).append(child["id"])
            self.wf.touch(parent)

    def link_after(self, root: Json, before: list[Json], child: Json) -> None:
        """Links `child` after the last nodes of each of `before`, or under `root` where it is the first."""
        if not before:
            self.link(root, child)
        for node in before:
            for last in self.outbound(node):
                self.link(self.wf.nodes[last], child)

    def outbound(self, node: Json) -> list[str]:
        """Ids of the nodes with which `node` ends: itself for a pod, the ends of the last things in it for a group."""
        kind, children = node["type"], node.get("children") or []
        if kind in ("Skipped", "Suspend", "HTTP", "Plugin") or (kind == "Pod" and not self._contains(node)):
            return [node["id"]]
        if kind in ("Pod", "Container", "TaskGroup"):
            return self._ends(node, children)
        if kind == "Retry" and children:
            return [children[-1]]
        if kind in ("Steps", "DAG") and (node.get("memoizationStatus") or {}).get("hit"):
            return [node["id"]]
        found: dict[str, None] = {}
        for one in node.get("outboundNodes") or []:
            found |= dict.fromkeys(self.outbound(self.wf.nodes[one]) if one != node["id"] else [one])
        return list(found)

    def _contains(self, node: Json) -> bool:
        return any(self.wf.nodes[one]["type"] == "Container" for one in node.get("children") or [])

    def _ends(self, node: Json, children: list[str]) -> list[str]:
        if not children:
            return [node["id"]]
        found: dict[str, None] = {}
        for one in children:
            child = self.wf.nodes[one]
            beyond = node["type"] == "Container" and node.get("boundaryID") != child.get("boundaryID")
            found |= {node["id"]: None} if beyond else dict.fromkeys(self.outbound(child))
        return list(found)

    def set_outbound(self, node: Json, last: list[Json]) -> None:
        """Keeps with which nodes a steps or dag node ends."""
        found: dict[str, None] = {}
        for one in last:
            found |= dict.fromkeys(self.outbound(one))
        node["outboundNodes"] = list(found)
        self.wf.touch(node)
