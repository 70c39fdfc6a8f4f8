"""A run's graph as SVG: layers from left to right, state as colour, icon and word."""

from collections.abc import Mapping, Sequence
from html import escape

from workflows import NodeView

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 168, 46, 44, 16, 8
LONGEST_LABEL = 20
LAYERS_A_BAND, BAND_GAP = 5, 28
COLOURS = {"Succeeded": "#059669", "Running": "#0284C7", "Failed": "#DC2626", "Error": "#DC2626"}
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
    for _ in range(len(edges)):
        moved = False
        for node, following in edges.items():
            for child in following:
                if depth[child] < depth[node] + 1:
                    depth[child], moved = depth[node] + 1, True
        if not moved:
            break
    return depth


def _box(node: NodeView, x: int, y: int, chosen: bool) -> str:
    colour = COLOURS.get(node.phase, "#98A2B3")
    label = node.name if len(node.name) <= LONGEST_LABEL else node.name[: LONGEST_LABEL - 1] + "…"
    return (
        f"<g><title>{escape(node.name)}: {node.phase} {escape(node.message)}</title>"
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="8" fill="none" stroke="{colour}" stroke-width="{3 if chosen else 1.5}"/>'
        f'<text x="{x + 14}" y="{y + 28}" fill="{colour}" font-size="15" font-weight="700">{SIGNS.get(node.phase, "?")}</text>'
        f'<text x="{x + 34}" y="{y + 28}" fill="currentColor" font-size="13" font-weight="550">{escape(label)}</text></g>'
    )


def _places(nodes: Sequence[NodeView], layers: Mapping[str, int]) -> tuple[dict[str, tuple[int, int]], int, int]:
    """Where each node stands, and the drawing's width and height: layers go on in a new band, so that words stay readable."""
    rows: dict[int, int] = {}
    grid: dict[str, tuple[int, int]] = {}
    for node in nodes:
        if node.id in layers:
            layer = layers[node.id]
            grid[node.id] = (layer, rows.get(layer, 0))
            rows[layer] = rows.get(layer, 0) + 1
    bands = max(rows, default=0) // LAYERS_A_BAND + 1
    heights = [
        max((count for layer, count in rows.items() if layer // LAYERS_A_BAND == band), default=1)
        for band in range(bands)
    ]
    tops = [MARGIN + sum(heights[:band]) * (HEIGHT + GAP_Y) + band * BAND_GAP for band in range(bands)]
    places = {
        key: (MARGIN + layer % LAYERS_A_BAND * (WIDTH + GAP_X), tops[layer // LAYERS_A_BAND] + row * (HEIGHT + GAP_Y))
        for key, (layer, row) in grid.items()
    }
    width = MARGIN * 2 + min(LAYERS_A_BAND, max(rows, default=0) + 1) * (WIDTH + GAP_X) - GAP_X
    return places, width, tops[-1] + heights[-1] * (HEIGHT + GAP_Y) - GAP_Y + MARGIN


def _line(start: tuple[int, int], end: tuple[int, int]) -> str:
    """A curve from a node's right side to another's left, or down to the next band."""
    if end[0] > start[0]:
        (x1, y1), (x2, y2) = (start[0] + WIDTH, start[1] + HEIGHT // 2), (end[0], end[1] + HEIGHT // 2)
        middle = (x1 + x2) // 2
        curve = f"C{middle} {y1} {middle} {y2} {x2} {y2}"
    else:
        (x1, y1), (x2, y2) = (start[0] + WIDTH // 2, start[1] + HEIGHT), (end[0] + WIDTH // 2, end[1])
        middle = (y1 + y2) // 2
        curve = f"C{x1} {middle} {x2} {middle} {x2} {y2}"
    return f'<path d="M{x1} {y1} {curve}" fill="none" stroke="#98A2B3" stroke-width="1.5"/>'


def draw_graph(nodes: Sequence[NodeView], chosen: str = "", ink: str = "#111827") -> tuple[str, str]:
    """The graph as SVG with `ink` for its words, and the same in words for those who do not see it."""
    edges = _edges(nodes)
    places, width, height = _places(nodes, _layers(edges))
    lines = [_line(places[start], places[end]) for start, following in edges.items() for end in following]
    boxes = [_box(node, *places[node.id], node.id == chosen) for node in nodes if node.id in places]
    words = ", ".join(f"{node.name} {node.phase}" for node in nodes if node.id in places)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" color="{ink}" '
        f'font-family="Inter, sans-serif">{"".join(lines)}{"".join(boxes)}</svg>'
    )
    return svg, words
