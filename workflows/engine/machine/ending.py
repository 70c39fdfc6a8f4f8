"""How a workflow comes to its end: deadline, exit handler, phase, progress."""

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from workflows.engine.machine.calls import Call
from workflows.engine.state import BAD, FAILED, FULFILLED, OMITTED, SKIPPED, SUCCEEDED, Json, quantity_seconds, stamp

if TYPE_CHECKING:
    from workflows.engine.machine.core import Machine


class Ending:
    """Ends one workflow."""

    def __init__(self, machine: "Machine") -> None:
        self.machine = machine

    def deadline(self, spec: Json) -> None:
        """Has the workflow end where its time is over; else asks to be woken then."""
        if not spec.get("activeDeadlineSeconds") or self.machine.wf.done:
            return
        ends = datetime.fromisoformat(self.machine.wf.status["startedAt"]) + timedelta(
            seconds=quantity_seconds(spec["activeDeadlineSeconds"])
        )
        if self.machine.now < ends:
            self.machine.effects.wake_at.append(ends)
        elif not spec.get("shutdown"):
            spec["shutdown"] = "Terminate"
            self.machine.wf.status["message"] = "Max duration limit exceeded"

    def exit(self, root: Json, spec: Json) -> None:
        """Runs the exit handler once the root has ended, and ends the workflow."""
        phase, message = root["phase"], root.get("message", "")
        if phase in (SKIPPED, OMITTED):
            phase = SUCCEEDED
        if spec.get("shutdown"):
            phase, message = FAILED, f"Stopped with strategy '{spec['shutdown']}'"
        handler = spec.get("onExit")
        if handler and spec.get("shutdown") != "Terminate":
            failures = [
                {"displayName": one["displayName"], "message": one.get("message", ""), "templateName": one.get("templateName", ""),
                 "phase": one["phase"], "podName": one["id"], "finishedAt": one["finishedAt"]}
                for one in self.machine.wf.nodes.values() if one["phase"] in BAD and one["type"] == "Pod"
            ]  # fmt: skip
            self.machine.names |= {"workflow.status": phase, "workflow.failures": json.dumps(json.dumps(failures))}
            name = f"{self.machine.wf.name}.onExit"
            last = self.machine.call(
                Call(
                    {"template": handler},
                    spec.get("arguments") or {},
                    name,
                    name,
                    None,
                    "local/" + self.machine.wf.name,
                )
            )
            if last is None or last["phase"] not in FULFILLED:
                return
            if last["phase"] in BAD:
                phase, message = last["phase"], last.get("message", message)
        if outputs := root.get("outputs"):
            self.machine.wf.status.setdefault("outputs", outputs)
        self.machine.wf.status.update(phase=phase, finishedAt=stamp(self.machine.now))
        if message and not self.machine.wf.status.get("message"):
            self.machine.wf.status["message"] = message

    def count(self) -> None:
        """Counts progress: pods that succeeded of all pods."""
        pods = [node for node in self.machine.wf.nodes.values() if node["type"] == "Pod"]
        self.machine.wf.status["progress"] = f"{sum(1 for pod in pods if pod['phase'] == SUCCEEDED)}/{len(pods)}"
