"""A run's whole graph: its nodes, and in their places the steps of its templates that have not begun; big fan-outs are folded."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

Json = Mapping[str, Any]

DRAWN_TYPES = ("Pod", "Suspend", "Skipped", "HTTP", "Plugin")
PODS = ("container", "script", "containerSet", "data", "resource")
GROUPS = ("Retry", "TaskGroup", "StepGroup")
BAD, OPEN, DONE = ("Failed", "Error"), ("Running", "Pending", ""), ("Succeeded", "Skipped", "Omitted")
TELLING = {**dict.fromkeys(BAD, 1), "Running": 2, "Pending": 4}  # what is drawn of many first; all else is 3
MOST_BESIDE = 9  # uses of one step that are drawn beside each other
MOST_TRIES = 4  # of one step, one after the other
MOST_DRAWN = 150
MOST_COUNTED = 2000  # nodes; lists are told several times a second, and counting takes 6 ms a thousand
DEEPEST = 30
NUMBER = re.compile(r"(?:^|\()(\d+)[:)]")
TASK = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Place:
    """A place in a run's graph: the node `id`; or steps of the plan that have not begun; or nodes folded into one.

    `phases` counts the nodes of a folded place; `uses` tells how often a step of the plan will run, 0 where only the run
    itself will know; `ended`: what it belongs to has ended, so it never begins.
    """

    id: str
    name: str
    node: bool = True
    phases: Mapping[str, int] = field(default_factory=dict)
    uses: int = 1
    ended: bool = False


@dataclass(frozen=True)
class RunGraph:
    """Places, and pairs of ids of which one follows the other; how many pods of the plan have not begun, `exact`ly or
    at the least; how many places were left out.
    """

    places: Sequence[Place] = ()
    edges: Sequence[tuple[str, str]] = ()
    to_come: int = 0
    exact: bool = True
    left_out: int = 0


@dataclass
class _Ends:
    """The ids of the places with which a part of the graph begins, and of those with which it ends."""

    first: list[str] = field(default_factory=list)
    last: list[str] = field(default_factory=list)


def graph_of(workflow: Json, chosen: str = "") -> RunGraph:
    """The graph of a workflow as Argo's REST gives it; the node `chosen` is never folded.

    At most `MOST_DRAWN` places; of more uses of one step than `MOST_BESIDE` those that failed, those that run and the
    first ones are drawn, the others as one place.
    """
    return _Planner(workflow, chosen).graph()


def steps_done(progress: str, graph: RunGraph) -> str:
    """Pods done of all that are planned, `4/10`, where Argo's own `progress` counts those that began; `4/10+`: of at least so many."""
    done, _slash, begun = progress.partition("/")
    if not begun.isdigit():
        return progress
    return f"{done}/{int(begun) + graph.to_come}{'' if graph.exact else '+'}"


def steps_of(workflow: Json) -> str:
    """`steps_done` of a workflow as Argo's REST gives it; of one with more than `MOST_COUNTED` nodes as Argo counts."""
    status = workflow.get("status") or {}
    progress = str(status.get("progress") or "")
    return progress if len(status.get("nodes") or {}) > MOST_COUNTED else steps_done(progress, graph_of(workflow))


def _kind(template: Json) -> str:
    return next((kind for kind in (*PODS, "steps", "dag") if template.get(kind) is not None), "")


def _called(node: Json) -> str:
    return str(node.get("displayName") or node["name"])


def _number(node: Json) -> int:
    """Which of the uses or tries of a step a node is; -1 where there is one."""
    found = NUMBER.search(_called(node).rpartition(")(")[2])
    return int(found[1]) if found else -1


def _item(node: Json) -> str:
    """Which of the uses of a step over items a node is: `step(0:a` of `step(0:a)(1)`; the tries of one step are one."""
    said = _called(node).partition(")")[0]
    return said if ":" in said else ""


def _ended(phase: str) -> bool | None:
    """Whether what has not begun within never will; None where it was not needed."""
    return None if phase in DONE else phase not in OPEN


def _uses(step: Json) -> int:
    """How often a step runs; 0 where that is worked out by the run."""
    items, sequence = step.get("withItems"), step.get("withSequence") or {}
    if isinstance(items, list):
        return len(items)
    if str(sequence.get("count", "")).isdigit():
        return int(sequence["count"])
    return 0 if step.get("withParam") or sequence else 1


def _awaited(task: Json, known: Iterable[str]) -> list[str]:
    """The tasks that a dag's task names as those before it."""
    names = task.get("dependencies") or TASK.findall(str(task.get("depends") or ""))
    return [name for name in dict.fromkeys(names) if name in known]


@dataclass(frozen=True)
class _At:
    """Where in the templates the walk is: within which node, if there is one, and whether what has not begun never will.

    `ended` is None where what is missing was not needed; `above` are the templates around, so that one which calls itself
    ends the plan.
    """

    path: str = ""
    boundary: str | None = ""
    scope: str = ""
    ended: bool | None = False
    above: tuple[str, ...] = ()


class _Planner:
    """Walks the templates from the entrypoint on, beside the nodes that there are."""

    def __init__(self, workflow: Json, chosen: str) -> None:
        status = workflow.get("status") or {}
        self.name, self.phase = str(workflow["metadata"]["name"]), str(status.get("phase") or "")
        self.spec: Json = status.get("storedWorkflowTemplateSpec") or workflow.get("spec") or {}
        self.stored: Json = status.get("storedTemplates") or {}
        self.nodes: dict[str, Json] = {str(key): one for key, one in (status.get("nodes") or {}).items()}
        self.local: dict[str, Json] = {one["name"]: one for one in self.spec.get("templates") or []}
        self.members: dict[tuple[str, str], list[Json]] = {}
        self.inside: dict[str, list[Json]] = {}
        for one in self.nodes.values():
            around = str(one.get("boundaryID") or "")
            self.members.setdefault((around, _called(one).partition("(")[0]), []).append(one)
            self.inside.setdefault(around, []).append(one)
        self.kept = self._around(chosen)
        self.places: dict[str, Place] = {}
        self.edges: dict[tuple[str, str], None] = {}
        self.folded: dict[str, str] = {}
        self.to_come, self.exact = 0, True

    def graph(self) -> RunGraph:
        """The whole graph; see `graph_of`."""
        at = _At(ended=_ended(self.phase))
        ends = self._use({"name": self.name, "template": self.spec.get("entrypoint")}, at)
        if isinstance(self.spec.get("onExit"), str):
            leaving = self._use({"name": f"{self.name}.onExit", "template": self.spec["onExit"]}, at)
            self._join(ends.last, leaving.first)
        self._strays()
        telling = sorted(self.places, key=lambda id: (id not in self.kept, self._phase(id) not in BAD))
        drawn = set(telling[:MOST_DRAWN])
        places = [place for id, place in self.places.items() if id in drawn]
        edges = [pair for pair in self.edges if drawn.issuperset(pair)]
        return RunGraph(places, edges, self.to_come, self.exact, len(self.places) - len(places))

    def _title(self, node: Json) -> str:
        return _called(node).removeprefix(f"{self.name}.")

    def _phase(self, id: str) -> str:
        return str(self.nodes.get(id, {}).get("phase") or "")

    def _around(self, chosen: str) -> set[str]:
        found: set[str] = set()
        while chosen in self.nodes and chosen not in found:
            found.add(chosen)
            chosen = str(self.nodes[chosen].get("boundaryID") or "")
        return found

    def _template(self, use: Json, scope: str) -> tuple[Json, str]:
        """What a step or task runs, and where its own references are read; empty where that is not known."""
        if use.get("inline"):
            return use["inline"], scope
        if outside := use.get("templateRef"):
            scope = f"{'cluster' if outside.get('clusterScope') else 'namespaced'}/{outside['name']}"
            return self.stored.get(f"{scope}/{outside['template']}") or {}, scope
        name = str(use.get("template"))
        return (self.stored.get(f"{scope}/{name}") if scope else self.local.get(name)) or {}, scope

    def _join(self, before: Sequence[str], after: Sequence[str]) -> None:
        """Each of `after` follows each of `before`; of very many only enough pairs that none hangs alone."""
        if len(before) * len(after) <= MOST_BESIDE**2:
            pairs = [(one, other) for one in before for other in after]
        else:
            wide = range(max(len(before), len(after)))
            pairs = [(before[at % len(before)], after[at % len(after)]) for at in wide]
        self.edges.update(dict.fromkeys(pairs))

    def _use(self, use: Json, at: _At) -> _Ends:
        """One step, task or the entrypoint: the nodes that stand for it, else its place in the plan."""
        template, scope = self._template(use, at.scope)
        name = str(use["name"])
        inner = _At(f"{at.path}/{name}", at.boundary, scope, at.ended, at.above)
        found = self.members.get((at.boundary, name), []) if at.boundary is not None else []
        if not found:
            return self._planned(use, template, inner)
        real = sorted((one for one in found if one["type"] not in GROUPS), key=_number)
        tries = len({_item(one) for one in real}) == 1 and any(one["type"] == "Retry" for one in found)
        shown = self._kept_of(real, MOST_TRIES if tries else MOST_BESIDE, tries)
        folded = self._fold(name, [one for one in real if one not in shown])
        ways = {"": [_Ends(folded, folded)]} if tries and folded else {}
        for one in shown:
            ways.setdefault(_item(one), []).append(self._node(one, template, inner))
        for way in ways.values():  # the tries of one use follow each other
            for before, after in pairwise(way):
                self._join(before.last, after.first)
        more = ([] if tries else folded) + self._rest(use, real, template, inner)
        first, last = (
            [id for way in ways.values() for id in way[0].first],
            [id for way in ways.values() for id in way[-1].last],
        )
        return _Ends([*first, *more], [*last, *more])

    def _kept_of(self, real: list[Json], most: int, newest: bool) -> list[Json]:
        """Those of the uses or tries of one step that are drawn."""
        if len(real) <= most:
            return real

        def weight(at: int) -> tuple[int, int]:
            telling = 3 if newest else TELLING.get(real[at].get("phase") or "", 3)
            return (0 if real[at]["id"] in self.kept else telling, -at if newest else at)

        best = sorted(range(len(real)), key=weight)[: most - 1]
        return [real[at] for at in sorted(best)]

    def _fold(self, name: str, nodes: list[Json]) -> list[str]:
        if not nodes:
            return []
        id = f"folded:{nodes[0]['id']}"
        self.places[id] = Place(id, name, False, Counter(str(one.get("phase") or "Pending") for one in nodes))
        waiting = nodes
        while waiting:
            self.folded.update({one["id"]: id for one in waiting})
            waiting = [below for one in waiting for below in self.inside.get(one["id"], [])]
        return [id]

    def _rest(self, use: Json, real: list[Json], template: Json, at: _At) -> list[str]:
        """The uses of a step over items that have not begun, where others have."""
        left = _uses(use) - len({_item(one) for one in real})
        return [self._waiting(template, at, left)] if left > 0 and at.ended is not None else []

    def _node(self, node: Json, template: Json, at: _At) -> _Ends:
        id, kind = str(node["id"]), _kind(template)
        if node["type"] in ("DAG", "Steps") and kind in ("dag", "steps") and len(at.above) < DEEPEST:
            return self._inner(template, kind, replace(at, boundary=id, ended=_ended(node.get("phase") or "")))
        if node["type"] not in DRAWN_TYPES:
            return _Ends()
        self.places[id] = Place(id, self._title(node))
        return _Ends([id], [id])

    def _planned(self, use: Json, template: Json, at: _At) -> _Ends:
        if at.ended is None:
            return _Ends()
        uses, kind, again = _uses(use), _kind(template), str(template.get("name")) in at.above
        if uses == 1 and kind in ("dag", "steps") and not again and len(self.places) < MOST_DRAWN:
            return self._inner(template, kind, replace(at, boundary=None))
        id = self._waiting(template, at, uses)
        return _Ends([id], [id])

    def _waiting(self, template: Json, at: _At, uses: int) -> str:
        id, kind = f"planned:{at.path}", _kind(template)
        self.places[id] = Place(
            id, at.path.rpartition("/")[2].removeprefix(f"{self.name}."), False, uses=uses, ended=bool(at.ended)
        )
        self.to_come += max(uses, 1) if kind in PODS or not template else 0
        self.exact = self.exact and uses > 0 and bool(template) and kind not in ("dag", "steps")
        return id

    def _inner(self, template: Json, kind: str, at: _At) -> _Ends:
        at = replace(at, above=(*at.above, str(template.get("name"))))
        if kind == "dag":
            return self._dag(template["dag"].get("tasks") or [], at)
        ends = _Ends()
        for group in template["steps"]:
            beside = [self._use(one, at) for one in group]
            first, last = [id for one in beside for id in one.first], [id for one in beside for id in one.last]
            self._join(ends.last, first)
            ends = _Ends(ends.first or first, last or ends.last)
        return ends

    def _dag(self, tasks: Sequence[Json], at: _At) -> _Ends:
        known = {str(one["name"]): one for one in tasks}
        before = {name: _awaited(one, known) for name, one in known.items()}
        parts = {name: self._use(one, at) for name, one in known.items()}
        for name, awaited in before.items():
            self._join(_last(awaited, parts, before), parts[name].first)
        followed = {name for awaited in before.values() for name in awaited}
        first = [id for name, part in parts.items() if not before[name] for id in part.first]
        return _Ends(first, _last([name for name in known if name not in followed], parts, before))

    def _strays(self) -> None:
        """Nodes that no template of the plan tells of, such as hooks, hang where Argo says so."""
        strays = [
            id for id, one in self.nodes.items()
            if one["type"] in DRAWN_TYPES and id not in self.places and id not in self.folded
        ]  # fmt: skip
        for id in strays:
            self.places[id] = Place(id, self._title(self.nodes[id]))
        late = set(strays)
        for id in [*self.places] if strays else []:
            self._join([id], [one for one in self._following(id) if id in late or one in late])

    def _following(self, id: str) -> Iterator[str]:
        """The drawn nodes after one, past groups."""
        seen: set[str] = set()
        waiting = list(self.nodes.get(id, {}).get("children") or [])
        while waiting:
            child = waiting.pop()
            if child in seen or child not in self.nodes:
                continue
            seen.add(child)
            if child in self.places or child in self.folded:
                yield self.folded.get(child, child)
            else:
                waiting += self.nodes[child].get("children") or []


def _last(names: Iterable[str], parts: Mapping[str, _Ends], before: Mapping[str, Sequence[str]]) -> list[str]:
    """What the tasks `names` end with; of those without a place what those before them end with."""
    found: dict[str, None] = {}
    waiting, seen = [*names], set()
    while waiting:
        name = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        if parts[name].last:
            found.update(dict.fromkeys(parts[name].last))
        else:
            waiting += before[name]
    return [*found]
