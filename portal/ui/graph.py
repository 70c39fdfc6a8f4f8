"""A run's graph: layers from left to right, as many beside each other as there is room; its nodes can be clicked."""

from collections.abc import Mapping, Sequence
from typing import Any

from portal.ui.frontend import mounted
from portal.ui.states import tone
from portal.ui.times import lasted
from portal.words import _
from workflows import NodeView

LONGEST_LABEL = 20
SIGNS = {"Succeeded": "✓", "Running": "●", "Failed": "✕", "Error": "✕", "Pending": "…", "Skipped": "↷", "Omitted": "–"}
SHOWN = ("Pod", "Suspend", "Skipped")


def _edges(nodes: Sequence[NodeView]) -> dict[str, list[str]]:
    """For each shown node the shown nodes right after it, past groups."""
    known = {node.id: node for node in nodes}

    def after(node: NodeView, seen: set[str]) -> list[str]:
        found: list[str] = []
        for child in node.children:
            if child in seen or child not in known:
                continue
            seen.add(child)
            found += [child] if known[child].type in SHOWN else after(known[child], seen)
        return found

    return {node.id: after(node, set()) for node in nodes if node.type in SHOWN}


def _layers(edges: Mapping[str, list[str]]) -> dict[str, int]:
    depth = dict.fromkeys(edges, 0)
    for _round in range(len(edges)):
        moved = False
        for node, following in edges.items():
            for child in following:
                if depth[child] < depth[node] + 1:
                    depth[child], moved = depth[node] + 1, True
        if not moved:
            break
    return depth


def _drawn(node: NodeView, layer: int) -> dict[str, Any]:
    label = node.name if len(node.name) <= LONGEST_LABEL else node.name[: LONGEST_LABEL - 1] + "…"
    more = lasted(node.started_at, node.finished_at) if node.started_at else _(node.phase)
    return {
        "id": node.id, "name": node.name, "label": label, "state": _(node.phase), "tone": tone(node.phase),
        "sign": SIGNS.get(node.phase, "?"), "more": more, "message": node.message, "layer": layer,
    }  # fmt: skip


def graph_of(nodes: Sequence[NodeView], chosen: str = "") -> dict[str, Any]:
    """What the browser draws of a run: its nodes with layer, state and time, and which follows which."""
    edges = _edges(nodes)
    layers = _layers(edges)
    pairs = [[start, end] for start, following in edges.items() for end in following]
    shown = [_drawn(node, layers[node.id]) for node in nodes if node.id in layers]
    return {"nodes": shown, "edges": pairs, "chosen": chosen, "alt": _("The run's steps and their states")}


def draw_graph(key: str, nodes: Sequence[NodeView], chosen: str = "") -> str | None:
    """Draws a run's graph with the node `chosen` marked; returns the id of a node that was just clicked, else None."""
    found = mounted("graph")(key=key, data=graph_of(nodes, chosen), on_chosen_change=lambda: None)
    clicked = found.get("chosen")
    return str(clicked) if clicked else None
