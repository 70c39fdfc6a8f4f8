"""Retries: whether a template that failed runs once more, and when."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from workflows.engine.expressions import Value, printed, truth
from workflows.engine.machine.calls import Call, CallFailed, Job
from workflows.engine.machine.limits import is_full
from workflows.engine.machine.memory import Names
from workflows.engine.state import BAD, ERROR, FAILED, FULFILLED, SUCCEEDED, Json, pod_name, quantity_seconds
from workflows.engine.templating import fill

if TYPE_CHECKING:
    from workflows.engine.machine.core import Machine

POLICIES: dict[str, frozenset[str]] = {
    "Always": BAD, "OnFailure": frozenset({FAILED}), "OnError": frozenset({ERROR}), "OnTransientError": frozenset(),
}  # fmt: skip
TRANSIENT = (
    "exceeded quota",
    "i/o timeout",
    "connection refused",
    "connection reset",
    "TLS handshake timeout",
    "timeout",
)


class Retry:
    """A node whose children are the tries of one template."""

    def __init__(self, machine: "Machine", job: Job, node: Json | None) -> None:
        self.job, self.strategy = job, job.template["retryStrategy"]
        if node is None:
            node = machine.graph.make(job.call, "Retry", inputs=job.inputs, template=job.template.get("name"))
            if job.call.flag:  # Argo marks the tries of a hook in what the hook itself holds too
                machine.graph.change(node, nodeFlag={**job.call.flag, "retried": True})
        self.id = node["id"]

    def tries(self, machine: "Machine") -> list[Json]:
        """The tries so far, in order; hooks are children too, but none of these."""
        nodes = machine.wf.nodes
        children = [nodes[child] for child in nodes[self.id].get("children", [])]
        return [child for child in children if (child.get("nodeFlag") or {}).get("retried")]

    def advance(self, machine: "Machine") -> None:
        """Goes on with the last try, makes one more, or ends. Raises `CallFailed`."""
        while machine.wf.nodes[self.id]["phase"] not in FULFILLED:
            tries = self.tries(machine)
            last = tries[-1] if tries else None
            if last is not None and last["phase"] not in FULFILLED:
                made = self._try(machine, len(tries) - 1, tries[-2] if len(tries) > 1 else None)
            else:
                if last is not None and not self._goes_on(machine, tries):
                    return
                made = self._try(machine, len(tries), last)
            if made is None:
                machine.memory.always.add(self.id)
                return
            machine.memory.always.discard(self.id)
            self._mirror_daemon(machine, made)
            if made["phase"] not in FULFILLED:
                return

    def _mirror_daemon(self, machine: "Machine", made: Json) -> None:
        node = machine.wf.nodes[self.id]
        if bool(made.get("daemoned")) != bool(node.get("daemoned")):
            machine.graph.change(node, daemoned=made.get("daemoned"))

    def _try(self, machine: "Machine", number: int, last: Json | None) -> Json | None:
        """Brings one try forward, making it where it is new; None where there is no room for it."""
        name = f"{self.job.call.name}({number})"
        flag = {**(self.job.call.flag or {}), "retried": True}
        call = replace(self.job.call, name=name, parent=self.id, flag=flag, depth=self.job.call.depth)
        node = machine.wf.node(name)
        if node is None and is_full(machine):
            return None
        if node is not None:
            machine.memory.parents.setdefault(node["id"], self.id)
        try:
            made = (
                machine.look(node)
                if node is not None and machine.is_underway(node)
                else machine.execute(self._filled(machine, call, number, last), node)
            )
        except CallFailed as error:
            made = error.node if error.node is not None else machine.graph.make(call, "Skipped", ERROR, str(error))
            if error.kind != "timeout":
                machine.graph.end(made, ERROR, str(error))
                machine.graph.link(machine.wf.nodes[self.id], made)
                if self._policy(made) == POLICIES["OnFailure"]:  # told to what is around, and no more tried
                    raise CallFailed(str(error), machine.wf.nodes[self.id], error.kind) from error
        if made is not None:
            machine.graph.link(machine.wf.nodes[self.id], made)
        return made

    def _filled(self, machine: "Machine", call: Call, number: int, last: Json | None) -> Job:
        known = last_names(last, first="0") | {"retries": str(number)}
        template = {
            key: value for key, value in self.job.template.items() if key not in ("retryStrategy", "memoize", "inputs")
        }
        known["pod.name"] = pod_name(machine.wf.name, template.get("name", ""), call.name)
        names = Names(known, self.job.names)
        filled = {**fill(template, names), "inputs": self.job.template.get("inputs")}
        if memoize := self.job.template.get("memoize"):
            filled["memoize"] = memoize
        return Job(call, filled, self.job.scope, self.job.inputs, names)

    def _goes_on(self, machine: "Machine", tries: list[Json]) -> bool:
        """Whether it is time for one more try; ends the node where there is none, or has it looked at later."""
        node, last = machine.wf.nodes[self.id], tries[-1]
        if last["phase"] not in BAD:
            machine.graph.end(node, SUCCEEDED, outputs=last.get("outputs"))
            return False
        try:
            told = self._refusal(machine, tries)
            due = None if told is not None else self._due(tries)
        except ValueError as error:
            raise CallFailed(str(error), machine.graph.end(node, ERROR, str(error))) from error
        if told is None and due and machine.now < due and self._limit() is not None:
            wait = due - datetime.fromisoformat(last["finishedAt"])
            machine.memory.wake(due, self.id)
            machine.graph.change(node, message=f"Backoff for {_human(wait)}")
            return False
        if told is not None:
            machine.graph.end(node, last["phase"], told, last.get("outputs"))
            return False
        if node.get("message"):
            machine.graph.change(node, message=None)
        return True

    def _refusal(self, machine: "Machine", tries: list[Json]) -> str | None:
        """The message with which the tries end, or None for one more. Raises ValueError."""
        last = tries[-1]
        if shutdown := machine.wf.spec.get("shutdown"):
            return f"Stopped with strategy '{shutdown}'"
        if machine.ending.is_over_time():
            return f"retry exceeded workflow deadline {machine.ending.deadline():%Y-%m-%d %H:%M:%S +0000 UTC}"
        if told := self._too_long(machine, tries):
            return told
        if last["phase"] not in self._policy(last):
            return str(last.get("message", ""))
        limit = self._limit()
        if limit is not None and len(tries) > limit:
            return "No more retries left"
        return self._unwanted(machine, tries)

    def _unwanted(self, machine: "Machine", tries: list[Json]) -> str | None:
        expression = self.strategy.get("expression")
        if not expression:
            return None
        known: dict[str, Value] = {**last_names(tries[-1], first="-1"), "retries": str(len(tries) - 1)}
        return None if truth(str(expression), known) else "retryStrategy.expression evaluated to false"

    def _policy(self, last: Json) -> frozenset[str]:
        policy = self.strategy.get("retryPolicy") or ("Always" if self.strategy.get("expression") else "OnFailure")
        if policy not in POLICIES:
            raise ValueError(f"{policy} is not a valid RetryPolicy")
        if policy == "OnTransientError" and any(word in last.get("message", "") for word in TRANSIENT):
            return BAD
        return POLICIES[policy]

    def _limit(self) -> int | None:
        limit = self.strategy.get("limit")
        if limit is None:
            return None
        try:
            return int(str(limit))
        except ValueError:
            raise ValueError(f"value '{limit}' cannot be resolved to an int") from None

    def _wait(self, tries: list[Json]) -> timedelta | None:
        backoff = self.strategy.get("backoff")
        if not backoff:
            return None
        if not backoff.get("duration"):
            raise ValueError("no base duration specified for retryStrategy")
        seconds = quantity_seconds(backoff["duration"])
        if (factor := backoff.get("factor")) is not None and int(str(factor)) > 0:
            seconds *= float(int(str(factor)) ** min(len(tries) - 1, 60))
        if backoff.get("cap"):
            seconds = min(seconds, quantity_seconds(backoff["cap"]))
        return timedelta(seconds=min(seconds, 10**9))

    def _due(self, tries: list[Json]) -> datetime | None:
        wait = self._wait(tries)
        return None if wait is None else datetime.fromisoformat(tries[-1]["finishedAt"]) + wait

    def _too_long(self, machine: "Machine", tries: list[Json]) -> str | None:
        longest = (self.strategy.get("backoff") or {}).get("maxDuration")
        if not longest:
            return None
        latest = datetime.fromisoformat(tries[0]["startedAt"]) + timedelta(seconds=quantity_seconds(longest))
        if machine.now > latest:
            return "Max duration limit exceeded"
        due = self._due(tries)
        return "Backoff would exceed max duration limit" if due and due > latest else None


def last_names(last: Json | None, first: str) -> dict[str, Value]:
    """`lastRetry.*`; `first` is the exit code where there is none."""
    outputs = (last or {}).get("outputs") or {}
    seconds = 0.0
    if last and last.get("finishedAt"):
        seconds = (
            datetime.fromisoformat(last["finishedAt"]) - datetime.fromisoformat(last["startedAt"])
        ).total_seconds()
    return {
        "lastRetry.exitCode": str(outputs.get("exitCode", first)),
        "lastRetry.status": (last or {}).get("phase", ""),
        "lastRetry.message": (last or {}).get("message", ""),
        "lastRetry.duration": printed(seconds),
    }


def _human(wait: timedelta) -> str:
    """A span as Argo writes it: `1 minute 4 seconds`."""
    left, parts = round(wait.total_seconds()), []
    for word, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {word}{'' if count == 1 else 's'}")
    return " ".join(parts[:2]) or "0 seconds"
