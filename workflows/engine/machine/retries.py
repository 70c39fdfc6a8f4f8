"""Retries: whether a template that failed runs once more, and when."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from workflows.engine.expressions import Value, evaluate
from workflows.engine.machine.calls import Call
from workflows.engine.state import BAD, ERROR, FAILED, FULFILLED, Json, quantity_seconds

if TYPE_CHECKING:
    from workflows.engine.machine.core import Machine


class Retries:
    """Runs templates that have a retryStrategy."""

    def __init__(self, machine: "Machine") -> None:
        self.machine = machine

    def advance(self, call: Call, template: Json, inputs: Json, names: Mapping[str, Value]) -> Json | None:
        """Brings the Retry node forward: one more try, or its end."""
        node = self.machine.wf.node(call.name) or self.machine.make(call, "Retry", template["name"], inputs)
        tries = [self.machine.wf.nodes[child] for child in node.get("children", [])]
        last = tries[-1] if tries else None
        if last and last["phase"] not in FULFILLED:
            self.machine.call(self._attempt(call, len(tries) - 1, last))
            last = self.machine.wf.nodes[last["id"]]
        if last and last["phase"] in FULFILLED:
            verdict = self._after_try(template["retryStrategy"], node, tries, names)
            if verdict is not None:
                return self.machine.end(node, verdict[0], verdict[1], last.get("outputs"))
            due = self._next_try_at(template["retryStrategy"], tries)
            if due and self.machine.now < due:
                self.machine.effects.wake_at.append(due)
                return node
        if last is None or last["phase"] in FULFILLED:
            made = self.machine.call(self._attempt(call, len(tries), last))
            if made:
                self.machine.graph.link(node, made)
                if made["phase"] in FULFILLED and made["type"] != "Pod":
                    return self.advance(call, template, inputs, names)
        return node

    @staticmethod
    def _attempt(call: Call, number: int, last: Json | None) -> Call:
        extra: dict[str, Value] = {**call.extra, "retried": True, "retries": str(number)}
        outputs = (last or {}).get("outputs") or {}
        extra["lastRetry.exitCode"] = outputs.get("exitCode", "0")
        extra["lastRetry.status"] = (last or {}).get("phase", "")
        extra["lastRetry.message"] = (last or {}).get("message", "")
        name = f"{call.name}({number})"
        return Call(
            call.reference,
            call.arguments,
            name,
            f"{call.display}({number})",
            call.boundary,
            call.scope,
            call.depth,
            extra,
        )

    def _after_try(
        self, strategy: Json, node: Json, tries: list[Json], names: Mapping[str, Value]
    ) -> tuple[str, str] | None:
        """Phase and message with which the retries end, or None for one more try."""
        last = tries[-1]
        if last["phase"] not in BAD:
            return last["phase"], ""
        message = last.get("message", "")
        if self.machine.wf.spec.get("shutdown"):
            return last["phase"], f"Stopped with strategy '{self.machine.wf.spec['shutdown']}'"
        expression = strategy.get("expression")
        policy = strategy.get("retryPolicy") or ("Always" if expression else "OnFailure")
        wanted = {"Always": BAD, "OnFailure": {FAILED}, "OnError": {ERROR}, "OnTransientError": set()}.get(policy, BAD)
        if last["phase"] not in wanted:
            return last["phase"], message
        limit = strategy.get("limit")
        if limit is not None and len(tries) > int(limit):
            return last["phase"], "No more retries left"
        extra = self._attempt(Call({}, {}, "", "", None, ""), len(tries), last).extra
        if expression and not evaluate(str(expression), {**names, **extra}):
            return last["phase"], "retryStrategy.expression evaluated to false"
        backoff = strategy.get("backoff") or {}
        if (longest := backoff.get("maxDuration")) and self.machine.now >= datetime.fromisoformat(
            tries[0]["startedAt"]
        ) + timedelta(seconds=quantity_seconds(longest)):
            return last["phase"], "Max duration limit exceeded"
        return None

    @staticmethod
    def _next_try_at(strategy: Json, tries: list[Json]) -> datetime | None:
        backoff = strategy.get("backoff") or {}
        if not backoff.get("duration"):
            return None
        wait = quantity_seconds(backoff["duration"]) * float(backoff.get("factor") or 1) ** (len(tries) - 1)
        if backoff.get("cap"):
            wait = min(wait, quantity_seconds(backoff["cap"]))
        return datetime.fromisoformat(tries[-1]["finishedAt"]) + timedelta(seconds=wait)
