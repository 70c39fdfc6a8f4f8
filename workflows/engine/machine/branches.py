"""With which phase each branch of a dag ended: what did not run inherits it from what was before."""

from collections import deque
from collections.abc import Mapping

from workflows.engine.state import BAD, COMPLETED, SUCCEEDED, Json


def phase_of(nodes: Mapping[str, Json], root: Json, targets: Mapping[str, str]) -> dict[str, str]:
    """The phase of each target (node id -> name) that was reached, failed ones preferred, by a walk along the links from `root`."""
    found: dict[str, str] = {}
    queue = deque((child, SUCCEEDED) for child in root.get("children") or [])
    seen = set(queue)
    while queue:
        identifier, before = queue.popleft()
        node = nodes[identifier]
        phase = node["phase"] if node["phase"] in COMPLETED else before
        name = targets.get(identifier)
        if name is not None and found.get(name) not in BAD:
            found[name] = phase
        for step in ((child, phase) for child in _next(nodes, node)):
            if step not in seen:
                seen.add(step)
                queue.append(step)
    return found


def _next(nodes: Mapping[str, Json], node: Json) -> list[str]:
    """What comes after a node; after a Retry what comes after its tries, since it has their phase already."""
    children: list[str] = node.get("children") or []
    if node["type"] != "Retry":
        return children
    found: list[str] = []
    for child in children:
        hooked = (nodes[child].get("nodeFlag") or {}).get("hooked")
        found += [child] if hooked else nodes[child].get("children") or []
    return found
