"""Links between nodes, as Argo draws them: from a node to what came right after it."""

from workflows.engine.state import Json, Workflow


class Graph:
    """Reads and adds `children`."""

    def __init__(self, workflow: Workflow) -> None:
        self.wf = workflow

    def link(self, parent: Json, child: Json) -> None:
        """Adds a link once."""
        children = parent.setdefault("children", [])
        if child["id"] not in children:
            children.append(child["id"])
            self.wf.touch(parent)

    def link_after(self, root: Json, before: list[Json], child: Json) -> None:
        """Links `child` after the last nodes of each of `before`, or under `root` where it is the first."""
        if not before:
            self.link(root, child)
        for node in before:
            for last in self.outbound(node):
                self.link(last, child)

    def outbound(self, node: Json) -> list[Json]:
        """The nodes with which `node` ends: itself for a pod, the ends of the last things in it for a group."""
        if node["type"] in ("Pod", "Skipped", "Suspend") or not node.get("children"):
            return [node]
        if node["type"] == "Retry":
            return [self.wf.nodes[node["children"][-1]]]
        if node["type"] == "Steps":
            groups = [
                one
                for one in self.wf.nodes.values()
                if one["type"] == "StepGroup" and one.get("boundaryID") == node["id"]
            ]
            return self.outbound(max(groups, key=lambda one: int(one["displayName"].strip("[]")))) if groups else [node]
        if node["type"] == "DAG":
            inside = [one for one in self.wf.nodes.values() if one.get("boundaryID") == node["id"]]
            linked = {child for one in inside for child in one.get("children", [])}
            ends = [
                one
                for one in inside
                if not any(self.wf.nodes[child].get("boundaryID") == node["id"] for child in one.get("children", []))
            ]
            return [
                last
                for one in ends
                if one["id"] in linked or one["id"] in node["children"]
                for last in self.outbound(one)
            ] or [node]
        found: list[Json] = []
        for child in node["children"]:
            found += [last for last in self.outbound(self.wf.nodes[child]) if last not in found]
        return found
