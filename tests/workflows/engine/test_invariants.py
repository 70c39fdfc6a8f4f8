"""Whatever a workflow is made of and wherever the server is killed: nothing runs twice, nothing is lost, no limit is passed."""

import json
import zlib
from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.engine.machine import World, advance, begin_pod, finish_pod
from workflows.engine.state import FULFILLED, Workflow

START = datetime(2026, 1, 1, tzinfo=UTC)
POD = {"image": "busybox", "command": ["true"]}
LIMIT = 2


class Maps:
    """Config maps in memory; they outlive the server."""

    def __init__(self) -> None:
        self.kept = {"limits": {"metadata": {"name": "limits"}, "data": {"two": str(LIMIT)}}}

    def config_map(self, namespace: str, name: str) -> dict | None:
        return self.kept.get(name)

    def put_config_map(self, namespace: str, document: dict) -> None:
        self.kept[document["metadata"]["name"]] = json.loads(json.dumps(document))


LEAVES = {
    "plain": {"container": POD},
    "fails": {"container": POD},
    "tries": {"container": POD, "retryStrategy": {"limit": "2", "retryPolicy": "Always"}},
    "later": {
        "container": POD,
        "retryStrategy": {"limit": 1, "backoff": {"duration": "10s", "factor": 2, "cap": "15s"}},
    },
    "mutex": {"container": POD, "synchronization": {"mutex": {"name": "one"}}},
    "some": {
        "container": POD,
        "synchronization": {"semaphores": [{"configMapKeyRef": {"name": "limits", "key": "two"}}]},
    },
    "known": {"container": POD, "memoize": {"key": "k", "cache": {"configMap": {"name": "cache"}}}},
    "pause": {"suspend": {"duration": "5"}},
}
ITEMS = st.sampled_from([{}, {}, {}, {"withItems": [1, 2, 3]}, {"withParam": "[]"}, {"withSequence": {"count": "2"}}])
WHEN = st.sampled_from([{}, {}, {}, {"when": "1 == 2"}, {"when": "a == a"}])
CONTINUES = st.sampled_from([{}, {}, {"continueOn": {"failed": True, "error": True}}])
HOOKS = st.sampled_from(
    [
        {},
        {},
        {},
        {"onExit": "plain"},
        {"hooks": {"exit": {"template": "plain"}}},
        {"hooks": {"running": {"template": "plain", "expression": "workflow.status == 'Running'"}}},
        {"hooks": {"never": {"template": "plain", "expression": "1 == 2"}}},
    ]
)


@st.composite
def uses(draw, names, prefix):
    found = []
    for number in range(draw(st.integers(1, 3))):
        one = {"name": f"{prefix}{number}", "template": draw(st.sampled_from(names))}
        for part in (ITEMS, WHEN, CONTINUES, HOOKS):
            one |= draw(part)
        found.append(one)
    return found


@st.composite
def specs(draw):
    """A workflow of templates on three floors, each using those below."""
    templates = [{"name": name, **body} for name, body in LEAVES.items()]
    below = list(LEAVES)
    for floor in range(draw(st.integers(1, 3))):
        made = []
        for number in range(draw(st.integers(1, 2))):
            name = f"floor{floor}x{number}"
            if draw(st.booleans()):
                groups = [draw(uses(below, f"g{group}n")) for group in range(draw(st.integers(1, 2)))]
                template = {"name": name, "steps": groups}
            else:
                tasks = draw(uses(below, "t"))
                for place, task in enumerate(tasks):
                    if place and draw(st.booleans()):
                        state = draw(st.sampled_from(["", ".Succeeded", ".Failed", ".Skipped", ".Omitted", ".Errored"]))
                        task["depends"] = f"t{place - 1}{state}" + draw(
                            st.sampled_from(["", " || t0", " && t0.Succeeded"])
                        )
                template = {"name": name, "dag": {"tasks": tasks, "failFast": draw(st.booleans())}}
            template |= draw(
                st.sampled_from([{}, {}, {"parallelism": 1}, {"failFast": True}, {"retryStrategy": {"limit": 1}}])
            )
            made.append(template)
        templates += made
        below = [one["name"] for one in made] + ["plain", "fails", "mutex"]
    spec = {"entrypoint": made[0]["name"], "templates": templates}
    return spec | draw(st.sampled_from([{}, {}, {"parallelism": LIMIT}, {"onExit": "plain"}]))


def workflow(spec: dict) -> Workflow:
    metadata = {"name": "wf", "namespace": "flights", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"}
    return Workflow(json.loads(json.dumps({"metadata": metadata, "spec": spec, "status": {}})))


def ends(node: dict) -> str:
    """How a pod ends: by its name alone, so that a second run is the same."""
    if "fails" in str(node.get("templateName")):
        return "Failed"
    dice = zlib.crc32(node["name"].encode()) % 5
    return "Failed" if dice == 0 else "Error" if dice == 1 and node["templateName"] == "tries" else "Succeeded"


def waits_for_ever(node: dict) -> bool:
    """Nodes that never had a pod: outputs came from the cache, or the template around failed fast while they waited for a lock."""
    return node.get("memoizationStatus", {}).get("hit", False) or bool(node.get("synchronizationStatus"))


class Run:
    """One simulated run: a pod at a time ends, in the order of names; every write is a moment at which the server may be killed."""

    def __init__(self, spec: dict, crashes: bool) -> None:
        self.maps, self.crashes = Maps(), crashes
        self.wf, self.moment = workflow(spec), START
        self.world = World.of(self.maps)
        self.started: Counter[str] = Counter()
        self.terminal: dict[str, str] = {}
        self.most: Counter[str] = Counter()

    def killed(self) -> None:
        """The server is killed and reads again what it had written."""
        if self.crashes:
            self.wf = Workflow(*json.loads(json.dumps([self.wf.document, self.wf.nodes, self.wf.work])))
            self.world = World.of(self.maps)
            self.world.take_up([self.wf])

    def look(self) -> None:
        """What must hold at every write."""
        for key, phase in self.terminal.items():
            assert key in self.wf.nodes, f"{key} is lost"
            assert self.wf.nodes[key]["phase"] == phase, f"{key} was {phase}"
        self.terminal = {key: node["phase"] for key, node in self.wf.nodes.items() if node["phase"] in FULFILLED}
        active = [node for node in self.wf.pods("Pending", "Running") if node["id"] in self.wf.work]
        for kind in ("mutex", "some"):
            self.most[kind] = max(self.most[kind], sum(1 for node in active if node["templateName"] == kind))
        self.most["all"] = max(self.most["all"], len(active))
        linked = {child for node in self.wf.nodes.values() for child in node.get("children") or []}
        assert linked <= set(self.wf.nodes), "a link leads nowhere"

    def whole(self) -> "Run":
        for _ in range(3000):
            effects = advance(self.wf, self.moment, self.world)
            self.started.update(self.wf.nodes[one]["name"] for one in effects.start)
            self.look()
            self.killed()
            if self.wf.done:
                return self
            self.moment += timedelta(seconds=1)
            active = sorted(
                (node for node in self.wf.pods("Pending", "Running") if node["id"] in self.wf.work),
                key=lambda one: one["name"],
            )
            if active:
                begin_pod(self.wf, active[0]["id"], self.moment)
                effects = advance(self.wf, self.moment, self.world)
                self.started.update(self.wf.nodes[one]["name"] for one in effects.start)
                self.look()
                self.killed()
                node = self.wf.nodes[active[0]["id"]]
                phase = ends(node)
                message = "" if phase == "Succeeded" else "main: Error (exit code 1)"
                finish_pod(
                    self.wf,
                    node["id"],
                    phase,
                    message,
                    {"exitCode": "0" if phase == "Succeeded" else "1"},
                    self.moment,
                    self.world,
                )
            elif effects.wake_at:
                self.moment = max(self.moment, min(effects.wake_at))
        raise AssertionError(
            f"never ended: {json.dumps({n['name']: n['phase'] for n in self.wf.nodes.values()}, indent=1)}"
        )

    def tree(self) -> dict:
        """What must be the same after every crash."""
        keys = (
            "type",
            "phase",
            "message",
            "children",
            "outboundNodes",
            "boundaryID",
            "memoizationStatus",
            "templateName",
        )
        nodes = {node["name"]: {key: node.get(key) for key in keys} for node in self.wf.nodes.values()}
        return nodes | {"": [self.wf.phase, self.wf.status.get("message"), self.wf.status.get("progress")]}


@settings(max_examples=120, deadline=None)
@given(specs())
def test_a_crash_at_every_write_gives_the_same_tree_and_no_limit_is_ever_passed(spec):
    calm, stormy = Run(spec, crashes=False).whole(), Run(spec, crashes=True).whole()
    assert calm.tree() == stormy.tree()
    for run in (calm, stormy):
        assert max(run.started.values(), default=1) == 1, "a pod was asked for twice"
        assert run.most["mutex"] <= 1
        assert run.most["some"] <= LIMIT
        if spec.get("parallelism"):
            assert run.most["all"] <= spec["parallelism"]
        pods = {node["name"] for node in run.wf.nodes.values() if node["type"] == "Pod" and not waits_for_ever(node)}
        assert set(run.started) == pods
