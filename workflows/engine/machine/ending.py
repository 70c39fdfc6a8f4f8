"""How a workflow comes to its end: deadline, shutdown, hooks, exit handler, phase."""

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from workflows.engine.machine.calls import Call, CallFailed
from workflows.engine.machine.hooks import HOOKED, condition, exit_hook
from workflows.engine.state import (
    BAD,
    ERROR,
    FAILED,
    FULFILLED,
    OMITTED,
    PENDING,
    RUNNING,
    SKIPPED,
    SUCCEEDED,
    Json,
    has_ended,
    pod_name,
    quantity_seconds,
    stamp,
)
from workflows.engine.templating import fill

if TYPE_CHECKING:
    from workflows.engine.machine.core import Machine


class Ending:
    """Watches over one workflow as a whole."""

    def __init__(self, machine: "Machine") -> None:
        self.machine = machine

    def deadline(self) -> datetime:
        """When the workflow's time is over; far in the future where it has no deadline."""
        wf = self.machine.wf
        limit, started = wf.spec.get("activeDeadlineSeconds"), wf.status.get("startedAt")
        if limit is None or not started:
            return datetime.max.replace(tzinfo=self.machine.now.tzinfo)
        return datetime.fromisoformat(started) + timedelta(seconds=quantity_seconds(limit))

    def is_over_time(self) -> bool:
        """Whether the deadline has passed."""
        now: datetime = self.machine.now
        return now >= self.deadline()

    def control(self) -> None:
        """Fails what a shutdown or the deadline leaves no more time."""
        wf, graph = self.machine.wf, self.machine.graph
        if not wf.spec.get("shutdown") and wf.spec.get("activeDeadlineSeconds") is None:
            return
        shutdown, late = wf.spec.get("shutdown"), self.is_over_time()
        if not late and wf.spec.get("activeDeadlineSeconds") is not None:
            self.machine.memory.wake(self.deadline(), wf.name)
        if not shutdown and not late:
            return
        for node in [one for one in wf.nodes.values() if one["phase"] in (PENDING, RUNNING)]:
            exiting = self._exits(node)
            if shutdown and not (shutdown == "Stop" and exiting):
                self._shut(node, str(shutdown))
            elif late and not exiting and (node["type"] in ("Pod", "Suspend") or node["phase"] == PENDING):
                graph.end(node, FAILED, "Step exceeded its deadline")
                self.machine.effects.end.append(node["id"])

    def _shut(self, node: Json, strategy: str) -> None:
        if node["type"] in ("HTTP", "Plugin") or (node["type"] == "Suspend" and node["phase"] == RUNNING):
            self.machine.graph.end(node, FAILED, f"Stopped with strategy '{strategy}'")
            self.machine.effects.end.append(node["id"])
        elif node["phase"] == PENDING and node.get("synchronizationStatus"):
            self.machine.graph.change(node, synchronizationStatus=None)
            self.machine.graph.end(node, FAILED, f"workflow shutdown with strategy: {strategy}")

    def _exits(self, node: Json) -> bool:
        """Whether a node is part of an exit handler."""
        place: Json | None = node
        while place is not None:
            if str(place["displayName"]).endswith(".onExit"):
                return True
            place = self.machine.wf.nodes.get(place.get("boundaryID", ""))
        return False

    # --- after the root -----------------------------------------------------------------------------------------------

    def after(self, root: Json) -> None:
        """Runs the workflow's hooks, and once the root has ended the exit handler; then ends the workflow."""
        spec, ended = self.machine.wf.spec, has_ended(root)
        if not ended and not spec.get("hooks"):
            return
        phase = SUCCEEDED if root["phase"] in (SKIPPED, OMITTED) else str(root["phase"])
        self.machine.names.update({"workflow.status": phase, "workflow.failures": self._failures()})
        hooked = self._hooks()
        if not hooked or not ended:
            return
        last = self._exit()
        if last is not None and last["phase"] not in FULFILLED:
            return
        message = str(root.get("message", ""))
        if root["phase"] in BAD and spec.get("shutdown"):
            message = f"Stopped with strategy '{spec['shutdown']}'"
        if phase == SUCCEEDED and last is not None and last["phase"] in BAD:
            phase, message = last["phase"], str(last.get("message", ""))
        self.end(phase if phase in FULFILLED else SUCCEEDED, message if phase in BAD else "")

    def _failures(self) -> str:
        failures = [
            {"displayName": one["displayName"], "message": one.get("message", ""), "templateName": self._template_name(one),
             "phase": one["phase"], "podName": pod_name(self.machine.wf.name, self._template_name(one), one["name"]),
             "finishedAt": one["finishedAt"]}
            for one in self.machine.wf.nodes.values() if one["phase"] in BAD
        ]  # fmt: skip
        return json.dumps(json.dumps(failures, separators=(",", ":"))) if failures else '"null"'

    @staticmethod
    def _template_name(node: Json) -> str:
        return str(node.get("templateName") or (node.get("templateRef") or {}).get("template") or "")

    def _hooks(self) -> bool:
        """Starts the workflow's hooks whose condition holds; whether all have ended. Raises `CallFailed`."""
        machine, done = self.machine, True
        hooks = fill(machine.wf.spec.get("hooks") or {}, machine.names)
        for name, hook in hooks.items():
            if name == "exit":
                continue
            full = f"{machine.wf.name}.hooks.{name}"
            if machine.wf.node(full) is None and not condition(hook, full, machine.names):
                continue
            made = self._called(full, hook, exiting=False)
            if made is not None:
                machine.graph.link(machine.wf.nodes[machine.wf.name], made)
            done = done and made is not None and has_ended(made)
        return done

    def _exit(self) -> Json | None:
        """The exit handler's node; None without one, and a pending one where there was no room. Raises `CallFailed`."""
        machine = self.machine
        hook = exit_hook(machine, machine.wf.spec)
        name = f"{machine.wf.name}.onExit"
        if hook is None or (machine.wf.spec.get("shutdown") == "Terminate" and machine.wf.node(name) is None):
            return None
        return self._called(name, fill(hook, machine.names), exiting=True) or {"phase": PENDING}

    def _called(self, name: str, hook: Json, exiting: bool) -> Json | None:
        reference = {key: hook[key] for key in ("template", "templateRef") if hook.get(key)}
        scope = f"local/{self.machine.wf.name}"
        return self.machine.call(
            Call(reference, hook.get("arguments") or {}, name, None, scope, None, 1, exiting, HOOKED)
        )

    def end(self, phase: str, message: str) -> None:
        """Ends the workflow: daemons end, locks are free."""
        machine, wf = self.machine, self.machine.wf
        for node in [wf.nodes[one] for one in machine.memory.daemons]:
            machine.end_daemon(node)
        root = wf.nodes.get(wf.name)
        if phase == ERROR and root is not None and root["phase"] in (PENDING, RUNNING):
            machine.graph.end(root, ERROR, "Workflow operation error")
        machine.effects.end.extend(one["id"] for one in wf.pods(PENDING, RUNNING))
        machine.effects.wake.update(machine.world.release_all(wf))
        wf.status.pop("synchronization", None)
        wf.status.setdefault("startedAt", stamp(machine.now))
        wf.status.update(phase=phase, finishedAt=stamp(machine.now))
        if message:
            wf.status["message"] = message
        else:
            wf.status.pop("message", None)

    def fail(self, error: CallFailed, what: str) -> None:
        """Ends the workflow because its entry or exit template could not be used."""
        self.end(ERROR, f"error in {what} : {error}" if what.startswith("exit") else f"error in {what}: {error}")
