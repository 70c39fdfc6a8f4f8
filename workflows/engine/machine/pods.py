"""Pods: what a container or script asks the runner to start, and when there is room for one more."""

import json
import re
from typing import TYPE_CHECKING

from workflows.engine.machine.calls import Call
from workflows.engine.state import PENDING, RUNNING, Json, pod_name

if TYPE_CHECKING:
    from workflows.engine.machine.core import Machine

RESULT = re.compile(r"(?:steps|tasks)(?:\.([\w-]+)|\[\W*([\w-]+)\W*\])\.outputs\.result")


class Pods:
    """Starts the pods of one workflow at one moment."""

    def __init__(self, machine: "Machine") -> None:
        self.machine = machine

    def start(self, call: Call, template: Json, inputs: Json) -> Json | None:
        """Makes the pod's node and asks for its start; None where there is no room now."""
        if self.machine.wf.spec.get("shutdown") or self._full(call):
            return None
        node = self.machine.make(call, "Pod", template["name"], inputs, phase=PENDING)
        self.machine.wf.work[node["id"]] = {
            **template,
            "inputs": inputs,
            "pod": pod_name(self.machine.wf.name, template["name"], call.name),
            "wantsResult": self._wants_result(call),
        }
        self.machine.effects.start.append(node["id"])
        return node

    def _wants_result(self, call: Call) -> bool:
        """Whether the template around reads this step's standard output; Argo keeps it only then."""
        around = self.machine.templates.around(call)
        if around is None:
            return call.boundary is not None
        if around["name"] not in self.machine.wanted:
            found = RESULT.findall(json.dumps(around))
            self.machine.wanted[around["name"]] = {plain or quoted for plain, quoted in found}
        return call.name.rsplit(".", 1)[-1].split("(")[0] in self.machine.wanted[around["name"]]

    def _full(self, call: Call) -> bool:
        """Whether parallelism of the workflow or of the template around forbids one more pod."""
        limit = self.machine.wf.spec.get("parallelism")
        if limit and sum(1 for _ in self.machine.wf.pods(PENDING, RUNNING)) >= int(limit):
            return True
        inner = (self.machine.templates.around(call) or {}).get("parallelism")
        active = sum(1 for pod in self.machine.wf.pods(PENDING, RUNNING) if pod.get("boundaryID") == call.boundary)
        return inner is not None and active >= int(inner)
