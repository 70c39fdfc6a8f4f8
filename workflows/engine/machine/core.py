"""The state machine: from what is, and what happened, to what comes next. No I/O but the world's, no clock of its own.

`advance` may be called at any time and any number of times: it brings every node that can go on forward and says what the runner
must do. Node names, types, messages and links are those of Argo's controller. Between moves it remembers frames of the nodes in
progress (`memory`), so that a move costs what changed, not what there is; without them it works them out again from the nodes.
"""

import json
import re
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NoReturn

from workflows.engine.expressions import ExpressionInvalid
from workflows.engine.machine.arguments import (
    ArgumentsInvalid,
    filled_inputs,
    input_names,
    output_values,
    path_names,
    with_absent,
)
from workflows.engine.machine.calls import DEPTH_TEXT, Call, CallFailed, Effects, Job
from workflows.engine.machine.dag import Dag
from workflows.engine.machine.ending import Ending
from workflows.engine.machine.globals import GlobalsInvalid, global_names, note_globals, set_metadata
from workflows.engine.machine.graph import Graph
from workflows.engine.machine.limits import is_full, no_room
from workflows.engine.machine.locks import LockInvalid, Verdict
from workflows.engine.machine.memo import look_up, save
from workflows.engine.machine.memory import Frame, Memory, Names
from workflows.engine.machine.pods import start_pod
from workflows.engine.machine.repositories import RepositoryInvalid, set_repository
from workflows.engine.machine.retries import Retry
from workflows.engine.machine.steps import Steps
from workflows.engine.machine.suspends import Suspend
from workflows.engine.machine.templates import CARRIED_KINDS, NODE_TYPES, POD_KINDS, Templates, kind_of
from workflows.engine.machine.throttle import POSTPONED
from workflows.engine.machine.world import World
from workflows.engine.state import (
    ERROR,
    FAILED,
    FULFILLED,
    PENDING,
    RUNNING,
    SUCCEEDED,
    Json,
    Workflow,
    has_ended,
    node_id,
    pod_name,
    quantity_seconds,
    stamp,
)
from workflows.engine.templating import fill

DEEPEST = 100
POD_NAMES = "workflows.argoproj.io/pod-name-format"
DISPLAY_NAME = "workflows.argoproj.io/display-name"
SHOWN = re.compile(r"^[a-zA-Z0-9][a-zA-Z0-9-.]{0,61}[a-zA-Z0-9]$")
FRAMES: dict[str, Callable[["Machine", Job, Json | None], Frame]] = {"steps": Steps, "dag": Dag, "suspend": Suspend}
sys.setrecursionlimit(
    max(sys.getrecursionlimit(), 10_000)
)  # templates call each other up to 100 deep, some frames each


class Waiting:
    """A node that waits for a lock."""

    def __init__(self, job: Job, identifier: str) -> None:
        self.job, self.id = job, identifier

    def advance(self, machine: "Machine") -> None:
        """Asks for the lock again."""
        machine.memory.close(self.id)
        machine.admit(self.job, machine.wf.nodes[self.id])


class Machine:
    """Advances one workflow at one moment."""

    def __init__(self, workflow: Workflow, moment: datetime, world: World | None = None) -> None:
        self.wf, self.now = workflow, moment
        self.memory = Memory.of(workflow)
        self.world = world or self.memory.lonely
        self.effects = Effects()
        self.graph = Graph(workflow, self.memory, moment)
        self.templates, self.ending = Templates(workflow, self.memory), Ending(self)

    @property
    def names(self) -> dict[str, object]:
        """The names that every template knows."""
        return self.memory.names

    def map_value(self, name: str, key: str) -> str:
        """A parameter from a config map. Raises `ConfigMapInvalid`."""
        return self.world.parameter(self.wf.namespace, name, key)

    def advance(self) -> Effects:
        """Moves everything on that can move; changes the workflow's nodes and status."""
        if self.wf.done:
            return self.effects
        begun = self.wf.status.get("phase") == RUNNING
        try:
            if self._is_postponed() or self._is_held() or not self._has_begun():
                return self.effects
            self.ending.control()
            if not self.wf.spec.get("suspend") or self.wf.spec.get("shutdown"):
                self._move()
        except CallFailed as error:
            if error.kind == "exit":
                self.ending.end(ERROR, str(error))
            else:
                self.ending.fail(error, "entry template execution")
        except GlobalsInvalid as error:
            self.ending.end(FAILED, f"failed to set global parameters: {error}")
        self._release()
        self.wf.status["progress"] = f"{self.memory.units_done}/{self.memory.units}"
        if self.memory.wakes and not self.wf.done:
            self.effects.wake_at.append(self.memory.wakes[0][0])
        if not begun and self._tells_its_status():
            self.wf.memory = None
        return self.effects

    def _tells_its_status(self) -> bool:
        """Whether a template in use names the status, which is empty in a workflow's first move and not in later ones, as on Argo."""
        return "workflow.status" in json.dumps([self.wf.spec, list(self.memory.templates.values())])

    def _is_postponed(self) -> bool:
        """Whether too many other workflows run for this one to begin."""
        status = self.wf.status
        if status.get("phase") == RUNNING or self.wf.spec.get("shutdown") == "Terminate":
            return False
        admitted, others = self.world.throttle.admit(self.wf)
        self.effects.wake.update(others)
        if not admitted and not status.get("phase"):
            status.update(phase=PENDING, message=POSTPONED)
        elif admitted and status.get("message") == POSTPONED:
            del status["message"]
        return not admitted

    def _is_held(self) -> bool:
        """Whether the workflow waits for a lock of its own."""
        synchronization = self.wf.spec.get("synchronization")
        if not synchronization or (self.wf.spec.get("shutdown") == "Terminate" and not self.wf.nodes):
            return False
        try:
            verdict = self.world.locks.try_acquire(self.wf, "", synchronization)
        except LockInvalid as error:
            self.ending.end(FAILED, f"Failed to acquire the synchronization lock. {error}")
            return True
        if not verdict.held:
            self.wf.status.update(phase=self.wf.status.get("phase") or PENDING, message=verdict.message)
        elif self.wf.status.get("phase") == PENDING:
            self.wf.status.pop("message", None)
        return not verdict.held

    def _has_begun(self) -> bool:
        """Begins what has not begun: names, labels, phase. Raises `GlobalsInvalid`."""
        self.wf.metadata.setdefault("annotations", {})[POD_NAMES] = "v2"
        if "workflow.name" not in self.memory.names:
            self.memory.names.update(global_names(self.wf, self.map_value))
        started = self.wf.status.get("startedAt")
        lasted = (self.now - datetime.fromisoformat(started)).total_seconds() if started else 0.0
        self.names.update({"workflow.status": self.wf.status.get("phase") or "", "workflow.duration": f"{lasted:f}"})
        if not started:
            try:
                set_repository(self)
                set_metadata(self.wf, self.names)
            except RepositoryInvalid as error:
                self.ending.end(ERROR, f"failed to resolve artifact repository: {error}")
                return False
            except GlobalsInvalid as error:
                self.ending.end(ERROR, str(error))
                return False
            self.wf.status.update(phase=RUNNING, startedAt=stamp(self.now))
        return True

    def _move(self) -> None:
        """Goes over the tree until nothing more is set free by what ended. Raises `CallFailed`."""
        spec, scope = self.wf.spec, f"local/{self.wf.name}"
        arguments = fill(spec.get("arguments") or {}, self.names)
        root_call = Call({"template": spec["entrypoint"]}, arguments, self.wf.name, None, scope, depth=1)
        turns: list[str] = []
        wide = False
        while True:
            self.memory.remark(self.now)
            for identifier in turns:
                self.memory.mark(identifier)
            root = self.call(root_call)
            if root is not None:
                self._after(root)
            self._release()
            first = [] if self.wf.done else self.world.locks.turns(self.wf)
            if not first or (wide and turns == self.world.locks.turns(self.wf, whole=True)):
                return
            wide = (
                turns == first
            )  # the first may not go on, as in a template that failed fast: others of the workflow may
            turns = self.world.locks.turns(self.wf, whole=wide)

    def _after(self, root: Json) -> None:
        try:
            self.ending.after(root)
        except CallFailed as error:
            if has_ended(root):
                self.ending.fail(error, "exit template execution")
            else:
                self.graph.end(root, ERROR, str(error))
                self.ending.end(ERROR, str(error))

    def _release(self) -> None:
        """Gives back the locks of nodes that have ended."""
        for identifier in self.world.locks.nodes(self.wf):
            node = self.wf.nodes.get(identifier)
            if node is None or node["phase"] in FULFILLED:
                self.effects.wake.update(
                    self.world.locks.release(self.wf, identifier) - {f"{self.wf.namespace}/{self.wf.name}"}
                )

    # --- one template -------------------------------------------------------------------------------------------------

    def call(self, call: Call) -> Json | None:
        """Brings one node forward, making it if needed; None where there is no room for it now.

        Raises:
            CallFailed: the template cannot be used.
        """
        node = self.wf.node(call.name)
        if node is not None:
            self.memory.parents.setdefault(node["id"], call.parent)
            if self.is_underway(node):
                return self.look(node)
        job = self._opened(call, node)
        if node is None and no_room(self, call):
            return None
        return self._titled(job, self.admit(job, node))

    def _titled(self, job: Job, node: Json) -> Json:
        """The node with the name to be shown that an annotation of its template gives it. Raises `CallFailed`."""
        title = (job.template.get("annotations") or {}).get(DISPLAY_NAME)
        if not title or node["type"] == "Skipped":
            return node
        if SHOWN.match(title):
            return self.graph.change(node, displayName=title)
        self.effects.end.append(node["id"])
        raise self._wrong(job.call, node, f"displayName must match the regex {SHOWN.pattern}")

    def is_underway(self, node: Json) -> bool:
        """Whether a node has begun, as far as this machine remembers: it has ended, its pod was asked for, or it has a frame."""
        return has_ended(node) or node["id"] in self.memory.frames or node["id"] in self.wf.work

    def look(self, node: Json) -> Json:
        """A node as it is now, moved on where it must be looked at. Raises `CallFailed`."""
        identifier = node["id"]
        if identifier in self.memory.stale:
            self.memory.stale.discard(identifier)
            frame = self.memory.frames.get(identifier)
            if frame is not None and not has_ended(node):
                frame.advance(self)
            elif node["phase"] == PENDING and (due := self.wf.work.get(identifier, {}).get("timesOutAt")):
                self._request_in_time(node, datetime.fromisoformat(due))
        return self.wf.nodes[identifier]

    def _request_in_time(self, node: Json, due: datetime) -> None:
        """Ends a request that is over its template's timeout. Raises `CallFailed`."""
        if self.now <= due:
            self.memory.wake(due + timedelta(seconds=1), node["id"])
            return
        self.effects.end.append(node["id"])
        raise CallFailed("timeout", self.graph.end(node, FAILED, "timeout"), "timeout")

    def _opened(self, call: Call, node: Json | None) -> Job:
        """The call's template, found and filled. Raises `CallFailed`, with the node that tells it."""
        try:
            if call.depth >= DEEPEST:
                raise CallFailed(DEPTH_TEXT, None, "depth")
            template, scope = self.templates.find(call.reference, call.scope)
            if template.get("retryStrategy") is None and self.wf.spec.get("retryStrategy") is not None:
                template = {**template, "retryStrategy": self.wf.spec["retryStrategy"]}
            known = {**call.known, "node.name": call.name}
            if kind_of(template) in POD_KINDS and template.get("retryStrategy") is None:
                known["pod.name"] = pod_name(self.wf.name, template.get("name", ""), call.name)
            return self._filled(call, template, scope, Names(known, self.names))
        except (ArgumentsInvalid, ExpressionInvalid) as error:
            raise self._wrong(call, node, str(error)) from error
        except CallFailed as error:
            raise self._wrong(call, node, str(error), error.kind) from error

    def _filled(self, call: Call, template: Json, scope: str, names: Names) -> Job:
        inputs = filled_inputs(template, call.arguments, names, self.map_value)
        known = Names(input_names(with_absent(inputs, template)), path_names(template), names)
        body = fill(fill({key: value for key, value in template.items() if key != "inputs"}, names), known)
        return Job(call, body, scope, inputs, known)

    def _wrong(self, call: Call, node: Json | None, message: str, kind: str = "") -> CallFailed:
        made = (
            self.graph.make(call, "Skipped", ERROR, message) if node is None else self.graph.end(node, ERROR, message)
        )
        return CallFailed(message, made, kind)

    def admit(self, job: Job, node: Json | None) -> Json:
        """Lets a job begin: its time, locks and cache are looked at first. Raises `CallFailed`."""
        self._in_time(job, node)
        if node is not None and self._is_unstarted(node) and is_full(self):
            self.memory.frames[node["id"]] = Waiting(job, node["id"])
            self.memory.always.add(node["id"])
            return node
        held = self._locked(job, node)
        if held is not None and not held.held:
            return self._wait(job, node, held)
        if node is not None and node.get("synchronizationStatus"):
            self.graph.change(node, synchronizationStatus=None, message=None)
        if job.template.get("memoize") and (node is None or (held is not None and self._is_unstarted(node))):
            node = self._remembered(job, node)
            if node["phase"] in FULFILLED:
                return node
        if job.template.get("retryStrategy") is not None:
            return self._framed(Retry, job, node)
        return self.execute(job, node)

    def _is_unstarted(self, node: Json) -> bool:
        return node["phase"] == PENDING and node["id"] not in self.wf.work

    def _in_time(self, job: Job, node: Json | None) -> None:
        timeout = job.template.get("timeout")
        if timeout and node is not None and self._is_unstarted(node) and self.now > self._timed(node, timeout):
            self.graph.change(node, synchronizationStatus=None)
            raise CallFailed("timeout", self.graph.end(node, FAILED, "timeout"), "timeout")

    def _timed(self, node: Json, timeout: str) -> datetime:
        try:
            return datetime.fromisoformat(node["startedAt"]) + timedelta(seconds=quantity_seconds(timeout))
        except ValueError as error:
            raise CallFailed(f"invalid timeout format. {error}", self.graph.end(node, ERROR, str(error))) from error

    def _locked(self, job: Job, node: Json | None) -> Verdict | None:
        synchronization = job.template.get("synchronization")
        if not synchronization:
            return None
        try:
            return self.world.locks.try_acquire(self.wf, node_id(self.wf.name, job.call.name), synchronization)
        except LockInvalid as error:
            raise self._wrong(job.call, node, str(error)) from error

    def _wait(self, job: Job, node: Json | None, verdict: Verdict) -> Json:
        """Has the node wait for the lock."""
        if node is None:
            node = self.graph.make(
                job.call, self._type(job), PENDING, inputs=job.inputs, template=job.template.get("name")
            )
        if node.get("message") != verdict.message or not node.get("synchronizationStatus"):
            self.graph.change(node, synchronizationStatus={"waiting": verdict.waiting}, message=verdict.message)
        self.memory.frames[node["id"]] = Waiting(job, node["id"])
        if timeout := job.template.get("timeout"):
            self.memory.wake(self._timed(node, timeout) + timedelta(seconds=1), node["id"])
        return node

    @staticmethod
    def _type(job: Job) -> str:
        return (
            "Retry" if job.template.get("retryStrategy") is not None else NODE_TYPES.get(kind_of(job.template), "Pod")
        )

    def _remembered(self, job: Job, node: Json | None) -> Json:
        """The node with its memoizationStatus; ended where the cache has its outputs. Raises `CallFailed`."""
        try:
            status, outputs = look_up(self, job.template["memoize"])
        except ArgumentsInvalid as error:
            raise self._wrong(job.call, node, str(error)) from error
        if node is None:
            node = self.graph.make(
                job.call, self._type(job), PENDING, inputs=job.inputs, template=job.template.get("name")
            )
        self.graph.change(node, memoizationStatus=status)
        if status["hit"]:
            self.graph.end(node, SUCCEEDED, outputs=outputs)
            note_globals(self.wf, self.names, outputs or {})
        return node

    def execute(self, job: Job, node: Json | None) -> Json:
        """Runs a job that may run now. Raises `CallFailed`."""
        kind = kind_of(job.template)
        if kind in CARRIED_KINDS:
            return start_pod(self, job, node)
        if kind not in FRAMES:
            message = f"Template '{job.template.get('name', '')}' missing specification"
            raise self._wrong(job.call, node, message)
        return self._framed(FRAMES[kind], job, node)

    def _framed(self, kind: Callable[["Machine", Job, Json | None], Frame], job: Job, node: Json | None) -> Json:
        frame = kind(self, job, node)
        identifier = node_id(self.wf.name, job.call.name)
        made = self.wf.nodes[identifier]
        if made["phase"] == PENDING:
            self.graph.change(made, phase=RUNNING)
        if (memoize := job.template.get("memoize")) and not made.get("memoizationStatus") and kind is not Suspend:
            made["memoizationStatus"] = {
                "hit": False,
                "key": memoize["key"],
                "cacheName": memoize["cache"]["configMap"]["name"],
            }
        self.memory.frames[identifier] = frame
        self.memory.stale.discard(identifier)
        frame.advance(self)
        return self.wf.nodes[identifier]

    # --- ends ---------------------------------------------------------------------------------------------------------

    def succeed(self, node: Json, job: Job, names: Names, last: list[Json]) -> None:
        """Ends a steps or dag node well, with its outputs taken from `names`. Raises `CallFailed`."""
        self.graph.set_outbound(node, last)
        try:
            outputs = output_values(job.template.get("outputs") or {}, names)
        except (ArgumentsInvalid, ExpressionInvalid) as error:
            self.fail(node, job, error)
        note_globals(self.wf, self.names, outputs)
        self.finish(node, job, SUCCEEDED, None, outputs)
        save(self, node)

    def fail(self, node: Json, job: Job, error: Exception) -> NoReturn:
        """Ends a steps or dag node whose scope or outputs are wrong. Raises `CallFailed`."""
        self.finish(node, job, ERROR, str(error))
        raise CallFailed(str(error), node) from error

    def finish(self, node: Json, job: Job, phase: str, message: str | None, outputs: Json | None = None) -> None:
        """Ends a steps or dag node with the daemons in it."""
        self.graph.end(node, phase, message, outputs)
        for child in [self.wf.nodes[one] for one in self.memory.daemons]:
            if child.get("boundaryID") == node["id"]:
                self.end_daemon(child)

    def end_daemon(self, node: Json) -> None:
        """Ends a daemon, because what is around it has ended."""
        self.graph.change(node, daemoned=None)
        self.graph.end(node, SUCCEEDED)
        if node["type"] == "Pod":
            self.effects.end.append(node["id"])

    def last_try(self, node: Json) -> Json:
        """The last try of a Retry node, whose outputs count; any other node itself."""
        if node["type"] == "Retry" and not (node.get("memoizationStatus") or {}).get("hit"):
            for child in reversed(node.get("children") or []):
                if not (self.wf.nodes[child].get("nodeFlag") or {}).get("hooked"):
                    return self.wf.nodes[child]
        return node

    def note_steps(self, nodes: list[Json]) -> None:
        """Keeps global outputs of nodes that ended without a pod: supplied ones, and those of a cache."""
        for node in nodes:
            if node["type"] == "Suspend" and node.get("outputs"):
                note_globals(self.wf, self.names, node["outputs"])


def advance(workflow: Workflow, moment: datetime, world: World | None = None) -> Effects:
    """Moves `workflow` on as far as it can go at `moment`; see `Machine`."""
    return Machine(workflow, moment, world).advance()


def begin_pod(
    workflow: Workflow, identifier: str, moment: datetime, address: str | None = None, host: str = ""
) -> bool:
    """Notes that the pod of a node runs now, and tells whether anything can move for it.

    `address` is a daemon's, ready with it; `host` the name of the machine.
    """
    node = workflow.nodes[identifier]
    if node["type"] != "Pod":  # Argo shows requests and plugins as pending until they have ended
        return False
    if node["phase"] != PENDING and not (address and node["phase"] == RUNNING):
        return False
    machine = Machine(workflow, moment)
    more: Json = {"daemoned": True, "podIP": address} if address else {}
    more |= {"hostNodeName": host} if host else {}
    machine.graph.change(node, phase=RUNNING, message=None, **more)
    return bool(address or machine.memory.always or workflow.spec.get("hooks"))


def mark_container(workflow: Workflow, pod: str, container: str, phase: str, message: str, moment: datetime) -> None:
    """Notes the phase of one container of a containerSet; `pod` is its pod's node id."""
    node = workflow.node(f"{workflow.nodes[pod]['name']}.{container}")
    if node is None or node["phase"] in FULFILLED:
        return
    graph = Machine(workflow, moment).graph
    if phase in FULFILLED:
        graph.end(node, phase, message)
    else:
        graph.change(node, phase=phase, message=message or None)


def finish_pod(
    workflow: Workflow,
    identifier: str,
    phase: str,
    message: str,
    outputs: Json,
    moment: datetime,
    world: World | None = None,
) -> None:
    """Notes that the pod of a node came to its end; outputs as Argo has them (parameters, artifacts, result, exitCode)."""
    node, work = workflow.nodes[identifier], workflow.work.pop(identifier, {})
    workflow.touch(node)
    if node["phase"] in FULFILLED:
        return
    machine = Machine(workflow, moment, world)
    if work.get("daemon") and phase == SUCCEEDED:
        phase = FAILED  # a daemon is to run until what is around it ends
    machine.graph.change(node, daemoned=None)
    machine.graph.end(node, phase, message, outputs)
    note_globals(workflow, machine.names, outputs)
    save(machine, node)
