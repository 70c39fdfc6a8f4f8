"""A run's graph, whole from the beginning: what has not begun stands muted in its place; its steps can be clicked."""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from portal.ui.frontend import mounted
from portal.ui.states import Tone, state_word, tone
from portal.ui.times import lasted
from portal.words import _
from portal.words.engine import of_engine
from workflows import NodeView, Place, RunGraph

SIGNS = {"Succeeded": "✓", "Running": "●", "Failed": "✕", "Error": "✕", "Pending": "…", "Skipped": "↷", "Omitted": "–"}
GRAVEST: Sequence[Tone] = ("bad", "warn", "busy", "idle", "good")  # of many folded into one

Following = Mapping[str, Sequence[str]]


def _ordered(graph: RunGraph) -> tuple[list[str], Following]:
    """The places' ids, each after those that it follows, and for each those right after it, without the detours' short cuts."""
    before: dict[str, set[str]] = {place.id: set() for place in graph.places}
    after: dict[str, list[str]] = {place.id: [] for place in graph.places}
    for one, other in graph.edges:
        before[other].add(one)
        after[one].append(other)
    try:
        order = list(TopologicalSorter(before).static_order())
    except CycleError:  # a cluster's status may say anything: then the steps stand in the order told, unconnected
        return list(before), dict.fromkeys(before, ())
    reach: dict[str, int] = {}
    bit = {id: 1 << number for number, id in enumerate(order)}
    direct: dict[str, list[str]] = {}
    for id in reversed(order):
        beyond = [reach[one] for one in after[id]]
        direct[id] = [one for one in after[id] if not any(far & bit[one] for far in beyond)]
        reach[id] = 0
        for one, far in zip(after[id], beyond, strict=True):
            reach[id] |= bit[one] | far
    return order, direct


def _layers(order: Sequence[str], after: Following) -> dict[str, int]:
    depth = dict.fromkeys(order, 0)
    for id in order:
        for one in after[id]:
            depth[one] = max(depth[one], depth[id] + 1)
    return depth


def _begun(node: NodeView) -> dict[str, Any]:
    word = state_word(node.phase)
    more = lasted(node.started_at, node.finished_at) if node.started_at else word
    return {"state": word, "tone": tone(node.phase), "sign": SIGNS.get(node.phase, "?"), "more": more, "message": of_engine(node.message)}  # fmt: skip


def _folded(place: Place) -> dict[str, Any]:
    words = [f"{count} {state_word(phase)}" for phase, count in sorted(place.phases.items())]
    worst = min((tone(phase) for phase in place.phases), key=GRAVEST.index)
    more = _("{n} more").format(n=sum(place.phases.values()))
    return {"state": ", ".join(words), "tone": worst, "sign": "⋯", "more": more, "message": ""}


def _planned(place: Place) -> dict[str, Any]:
    word = _("not run") if place.ended else _("not begun")
    uses = "" if place.uses == 1 else f" × {place.uses or '?'}"
    told = "" if place.uses else _("How often it runs is known once the step before has ended.")
    return {"state": word, "tone": "planned", "sign": "○", "more": word + uses, "message": told}


def _drawn(place: Place, nodes: Mapping[str, NodeView]) -> dict[str, Any]:
    if place.node:
        return _begun(nodes[place.id])
    return _folded(place) if place.phases else _planned(place)


def drawing(graph: RunGraph, nodes: Sequence[NodeView], chosen: str = "") -> dict[str, Any]:
    """What the browser draws of a run: its places with layer, state and time, and which follows which."""
    order, after = _ordered(graph)
    layers, known = _layers(order, after), {node.id: node for node in nodes}
    pairs = [[start, end] for start in order for end in after[start]]
    shown = [
        {"id": one.id, "name": one.name, "layer": layers[one.id], "opens": one.node, **_drawn(one, known)}
        for one in graph.places
    ]
    return {"nodes": shown, "edges": pairs, "chosen": chosen, "alt": _("The run's steps and their states")}


def draw_graph(key: str, graph: RunGraph, nodes: Sequence[NodeView], chosen: str = "") -> str | None:
    """Draws a run's graph with the node `chosen` marked; returns the id of a node that was just clicked, else None."""
    found = mounted("graph")(key=key, data=drawing(graph, nodes, chosen), on_chosen_change=lambda: None)
    clicked = found.get("chosen")
    return str(clicked) if clicked else None
