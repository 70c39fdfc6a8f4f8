"""The state machine: from what is, and what happened, to what comes next. No I/O, no clock of its own.

`advance` may be called at any time and any number of times: it brings every node that can go on forward and says what the runner
must do. Node names, types, messages and links are those of Argo's controller.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from workflows.engine.arguments import ArgumentsInvalid, filled_inputs, input_names, output_values, result_names
from workflows.engine.expressions import ExpressionInvalid, Value, evaluate
from workflows.engine.graph import Graph
from workflows.engine.loops import expand
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
    Workflow,
    node_id,
    pod_name,
    quantity_seconds,
    stamp,
)  # fmt: skip
from workflows.engine.templating import fill

LEAVES = ("container", "script")
DEEPEST = 100
RESULT = re.compile(r"(?:steps|tasks)(?:\.([\w-]+)|\[\W*([\w-]+)\W*\])\.outputs\.result")


@dataclass(frozen=True)
class Effects:
    """What the runner must do: start these pods' nodes, and look again at the earliest of `wake_at`."""

    start: list[str] = field(default_factory=list)
    wake_at: list[datetime] = field(default_factory=list)


@dataclass(frozen=True)
class Call:
    """One use of a template: where it stands in the tree and what it gets."""

    reference: Json
    arguments: Json
    name: str
    display: str
    boundary: str | None
    scope: str
    depth: int = 0
    extra: Mapping[str, Value] = field(default_factory=dict)


class Machine:
    """Advances one workflow at one moment."""

    def __init__(self, workflow: Workflow, moment: datetime) -> None:
        self.wf, self.now = workflow, moment
        self.effects = Effects()
        self.graph = Graph(workflow)
        self.names = self._global_names()
        self.wanted: dict[str, set[str]] = {}

    def advance(self) -> Effects:
        """Moves everything on that can move; changes the workflow's nodes and status."""
        if self.wf.done:
            return self.effects
        if not self.wf.status.get("startedAt"):
            self.wf.status.update(phase=RUNNING, startedAt=stamp(self.now))
        spec = self.wf.spec
        root = self.call(
            Call(
                {"template": spec["entrypoint"]},
                spec.get("arguments") or {},
                self.wf.name,
                self.wf.name,
                None,
                "local/" + self.wf.name,
            )
        )
        self._deadline(spec)
        if root and root["phase"] in FULFILLED:
            self._exit(root, spec)
        self._count()
        return self.effects

    # --- one template -------------------------------------------------------------------------------------------------

    def call(self, call: Call) -> Json | None:
        """Brings one node forward, making it if needed; None where it may not start yet (parallelism, shutdown)."""
        node = self.wf.node(call.name)
        if node and (node["phase"] in FULFILLED or node["type"] == "Pod"):
            return node
        try:
            if call.depth > DEEPEST:
                raise ArgumentsInvalid("Maximum recursion depth exceeded")
            template, scope = self._template(call.reference, call.scope)
            names = {
                **self.names,
                **call.extra,
                "node.name": call.name,
                "pod.name": pod_name(self.wf.name, template["name"], call.name),
            }
            inputs = filled_inputs(template, call.arguments, names)
        except (ArgumentsInvalid, ExpressionInvalid, KeyError) as error:
            made = node or self._make(call, "Skipped", call.reference.get("template", ""), None)
            return self._end(made, ERROR, error.args[0] if error.args else str(error))
        names = {**names, **input_names(inputs)}
        if template.get("retryStrategy") is not None and not call.extra.get("retried"):
            return self._retry(call, template, inputs, names)
        return self._run(call, template, scope, inputs, names)

    def _run(self, call: Call, template: Json, scope: str, inputs: Json, names: Mapping[str, Value]) -> Json | None:
        inner = {key: value for key, value in template.items() if key not in ("inputs", "retryStrategy")}
        filled = fill(inner, names)
        kind = next((key for key in (*LEAVES, "steps", "dag", "suspend") if key in filled), None)
        if kind in LEAVES:
            return self._pod(call, filled, inputs)
        node = self.wf.node(call.name) or self._make(
            call, {"steps": "Steps", "dag": "DAG", "suspend": "Suspend"}[str(kind)], template["name"], inputs, scope
        )
        if kind == "suspend":
            return self._suspend(node, filled["suspend"] or {})
        runner = self._steps if kind == "steps" else self._dag
        runner(call, node, filled, scope, names)
        return node

    def _template(self, reference: Json, scope: str) -> tuple[Json, str]:
        """The template that a step or task names, and the scope in which its own references are read."""
        if inline := reference.get("inline"):
            return {"name": "", **inline}, scope
        if outside := reference.get("templateRef"):
            place = f"{'cluster' if outside.get('clusterScope') else 'namespaced'}/{outside['name']}"
            return self._stored(f"{place}/{outside['template']}"), place
        name = reference["template"]
        if scope.startswith("local/"):
            for template in self.wf.spec["templates"]:
                if template.get("name") == name:
                    return {**(self.wf.spec.get("templateDefaults") or {}), **template}, scope
            raise ArgumentsInvalid(f"template {name} not found")
        return self._stored(f"{scope}/{name}"), scope

    def _stored(self, key: str) -> Json:
        try:
            return self.wf.status["storedTemplates"][key]  # type: ignore[no-any-return]
        except KeyError:
            raise ArgumentsInvalid(f"template {key} not found") from None

    def _make(
        self, call: Call, kind: str, template: str, inputs: Json | None, scope: str = "", phase: str = RUNNING
    ) -> Json:
        node: Json = {
            "id": node_id(self.wf.name, call.name), "name": call.name, "displayName": call.display, "type": kind,
            "phase": phase, "startedAt": stamp(self.now), "finishedAt": None, "templateScope": scope or call.scope, "progress": "0/1",
        }  # fmt: skip
        if template:
            node["templateName"] = template
        if reference := call.reference.get("templateRef"):
            node["templateRef"] = reference
            node.pop("templateName", None)
        if call.boundary:
            node["boundaryID"] = call.boundary
        if inputs:
            node["inputs"] = inputs
        self.wf.nodes[node["id"]] = node
        self.wf.touch(node)
        return node

    def _end(self, node: Json, phase: str, message: str = "", outputs: Json | None = None) -> Json:
        node.update(phase=phase, finishedAt=stamp(self.now))
        if message:
            node["message"] = message
        if outputs:
            node["outputs"] = outputs
        self.wf.touch(node)
        return node

    # --- pods ---------------------------------------------------------------------------------------------------------

    def _pod(self, call: Call, template: Json, inputs: Json) -> Json | None:
        if self.wf.spec.get("shutdown") or self._full(call):
            return None
        node = self._make(call, "Pod", template["name"], inputs, phase=PENDING)
        self.wf.work[node["id"]] = {
            **template,
            "inputs": inputs,
            "pod": pod_name(self.wf.name, template["name"], call.name),
            "wantsResult": self._wants_result(call),
        }
        self.effects.start.append(node["id"])
        return node

    def _around(self, call: Call) -> Json | None:
        """The template in which the call stands, or None for the first."""
        boundary = self.wf.nodes.get(call.boundary or "")
        if boundary is None or not (boundary.get("templateName") or boundary.get("templateRef")):
            return None
        named = {"template": boundary.get("templateName"), "templateRef": boundary.get("templateRef")}
        return self._template(named, boundary["templateScope"])[0]

    def _wants_result(self, call: Call) -> bool:
        """Whether the template around reads this step's standard output; Argo keeps it only then."""
        around = self._around(call)
        if around is None:
            return call.boundary is not None
        if around["name"] not in self.wanted:
            found = RESULT.findall(json.dumps(around))
            self.wanted[around["name"]] = {plain or quoted for plain, quoted in found}
        return call.name.rsplit(".", 1)[-1].split("(")[0] in self.wanted[around["name"]]

    def _full(self, call: Call) -> bool:
        """Whether parallelism of the workflow or of the template around forbids one more pod."""
        limit = self.wf.spec.get("parallelism")
        if limit and sum(1 for _ in self.wf.pods(PENDING, RUNNING)) >= int(limit):
            return True
        inner = (self._around(call) or {}).get("parallelism")
        active = sum(1 for pod in self.wf.pods(PENDING, RUNNING) if pod.get("boundaryID") == call.boundary)
        return inner is not None and active >= int(inner)

    def _suspend(self, node: Json, suspend: Json) -> Json:
        if duration := suspend.get("duration"):
            ends = datetime.fromisoformat(node["startedAt"]) + timedelta(seconds=quantity_seconds(duration))
            if self.now >= ends:
                return self._end(node, SUCCEEDED)
            self.effects.wake_at.append(ends)
        return node

    # --- retries ------------------------------------------------------------------------------------------------------

    def _retry(self, call: Call, template: Json, inputs: Json, names: Mapping[str, Value]) -> Json | None:
        node = self.wf.node(call.name) or self._make(call, "Retry", template["name"], inputs)
        tries = [self.wf.nodes[child] for child in node.get("children", [])]
        last = tries[-1] if tries else None
        if last and last["phase"] not in FULFILLED:
            self.call(self._attempt(call, len(tries) - 1, last))
            last = self.wf.nodes[last["id"]]
        if last and last["phase"] in FULFILLED:
            verdict = self._after_try(template["retryStrategy"], node, tries, names)
            if verdict is not None:
                return self._end(node, verdict[0], verdict[1], last.get("outputs"))
            due = self._next_try_at(template["retryStrategy"], tries)
            if due and self.now < due:
                self.effects.wake_at.append(due)
                return node
        if last is None or last["phase"] in FULFILLED:
            made = self.call(self._attempt(call, len(tries), last))
            if made:
                self.graph.link(node, made)
                if made["phase"] in FULFILLED and made["type"] != "Pod":
                    return self._retry(call, template, inputs, names)
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
        if self.wf.spec.get("shutdown"):
            return last["phase"], f"Stopped with strategy '{self.wf.spec['shutdown']}'"
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
        if (longest := backoff.get("maxDuration")) and self.now >= datetime.fromisoformat(
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

    # --- steps --------------------------------------------------------------------------------------------------------

    def _steps(self, call: Call, node: Json, template: Json, scope: str, names: Mapping[str, Value]) -> None:
        known: dict[str, Value] = {}
        previous: Json | None = None
        for number, group in enumerate(template["steps"]):
            name = f"{call.name}[{number}]"
            made = self.wf.node(name)
            if made is None:
                made = self._make(Call({}, {}, name, f"[{number}]", node["id"], scope), "StepGroup", "", None, scope)
                self.graph.link_after(node, [previous] if previous else [], made)
            if made["phase"] not in FULFILLED:
                self._group(call, node, made, group, scope, {**names, **known})
            if made["phase"] not in FULFILLED:
                return
            if made["phase"] in BAD:
                self._end(node, FAILED, made.get("message", ""))
                return
            for step in group:
                known |= result_names("steps", step["name"], self._results(f"{name}.{step['name']}", step))
            previous = made
        self._succeed(node, template, {**names, **known})

    def _group(
        self, call: Call, node: Json, group_node: Json, group: list[Json], scope: str, names: Mapping[str, Value]
    ) -> None:
        waiting, failed = False, None
        for step in group:
            try:
                children = list(self._expanded(call, node, step, f"{group_node['name']}.", scope, names))
            except (ExpressionInvalid, ArgumentsInvalid, ValueError) as error:
                self._end(group_node, ERROR, str(error))
                return
            for child in children:
                if child is None:
                    waiting = True
                    continue
                self.graph.link(group_node, child)
                waiting = waiting or child["phase"] not in FULFILLED
                if child["phase"] in BAD and not self._continues(step, child):
                    failed = child
        if waiting:
            return
        if failed:
            self._end(group_node, FAILED, f"child '{failed['id']}' failed")
        else:
            self._end(group_node, SUCCEEDED)

    @staticmethod
    def _continues(step: Json, child: Json) -> bool:
        how = step.get("continueOn") or {}
        return bool(how.get("failed") and child["phase"] == FAILED) or bool(
            how.get("error") and child["phase"] == ERROR
        )

    def _expanded(
        self, call: Call, node: Json, step: Json, prefix: str, scope: str, names: Mapping[str, Value]
    ) -> Iterator[Json | None]:
        """The nodes of one step or task: one, or one for each item of its loop."""
        for tail, item_names in expand(step, names):
            known = {**names, **item_names}
            filled = fill(
                {key: value for key, value in step.items() if key not in ("withItems", "withParam", "withSequence")},
                known,
            )
            name = f"{prefix}{step['name']}{tail}"
            one = Call(
                filled,
                self._artifacts(filled.get("arguments") or {}, known),
                name,
                f"{step['name']}{tail}",
                node["id"],
                scope,
                call.depth + 1,
            )
            existing = self.wf.node(name)
            condition = filled.get("when")
            if existing is None and condition and not evaluate(condition, known, words_are_texts=True):
                made = self._make(one, "Skipped", filled.get("template", ""), None, scope, SKIPPED)
                yield self._end(made, SKIPPED, f"when '{condition}' evaluated false")
            else:
                yield self.call(one)

    @staticmethod
    def _artifacts(arguments: Json, names: Mapping[str, Value]) -> Json:
        """Arguments whose artifacts' `from` is replaced by the artifact that it names."""
        resolved = []
        for artifact in arguments.get("artifacts") or []:
            source = str(artifact.get("from", "")).strip("{} ")
            found = names.get(source) if source else None
            if source and not isinstance(found, dict):
                if artifact.get("optional"):
                    continue
                raise ArgumentsInvalid(f"unable to resolve references: artifact {source} not found")
            place = (
                {key: value for key, value in found.items() if key not in ("name", "path")}
                if isinstance(found, dict)
                else {}
            )
            resolved.append({**{key: value for key, value in artifact.items() if key != "from"}, **place})
        return (
            {**arguments, "artifacts": resolved}
            if resolved
            else {key: value for key, value in arguments.items() if key != "artifacts"}
        )

    def _results(self, name: str, step: Json) -> list[Json] | Json | None:
        """The node of a step, or its nodes in order where it loops."""
        if not any(key in step for key in ("withItems", "withParam", "withSequence")):
            return self.wf.node(name)
        start = f"{name}("
        found = [
            node
            for node in self.wf.nodes.values()
            if node["name"].startswith(start) and node["name"].count("(") == start.count("(")
        ]
        return sorted(found, key=lambda node: int(node["name"][len(start) :].split(":")[0].rstrip(")")))

    def _succeed(self, node: Json, template: Json, names: Mapping[str, Value]) -> None:
        try:
            outputs = output_values(template.get("outputs") or {}, names)
        except (ArgumentsInvalid, ExpressionInvalid) as error:
            self._end(node, ERROR, str(error))
            return
        self._note_globals(outputs)
        self._end(node, SUCCEEDED, "", outputs)

    def _note_globals(self, outputs: Json) -> None:
        for parameter in outputs.get("parameters") or []:
            if exported := parameter.get("globalName"):
                kept = self.wf.status.setdefault("outputs", {}).setdefault("parameters", [])
                kept[:] = [one for one in kept if one["name"] != exported] + [
                    {"name": exported, "value": parameter.get("value", "")}
                ]
                self.names[f"workflow.outputs.parameters.{exported}"] = parameter.get("value", "")
        for artifact in outputs.get("artifacts") or []:
            if exported := artifact.get("globalName"):
                kept = self.wf.status.setdefault("outputs", {}).setdefault("artifacts", [])
                made = {key: value for key, value in artifact.items() if key != "globalName"} | {"name": exported}
                kept[:] = [one for one in kept if one["name"] != exported] + [made]
                self.names[f"workflow.outputs.artifacts.{exported}"] = made

    # --- dag ----------------------------------------------------------------------------------------------------------

    def _dag(self, call: Call, node: Json, template: Json, scope: str, names: Mapping[str, Value]) -> None:
        from workflows.engine.dag import Dag

        Dag(self, call, node, template, scope, names).advance()

    # --- the workflow itself ------------------------------------------------------------------------------------------

    def _deadline(self, spec: Json) -> None:
        if not spec.get("activeDeadlineSeconds") or self.wf.done:
            return
        ends = datetime.fromisoformat(self.wf.status["startedAt"]) + timedelta(
            seconds=quantity_seconds(spec["activeDeadlineSeconds"])
        )
        if self.now < ends:
            self.effects.wake_at.append(ends)
        elif not spec.get("shutdown"):
            spec["shutdown"] = "Terminate"
            self.wf.status["message"] = "Max duration limit exceeded"

    def _exit(self, root: Json, spec: Json) -> None:
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
                for one in self.wf.nodes.values() if one["phase"] in BAD and one["type"] == "Pod"
            ]  # fmt: skip
            self.names |= {"workflow.status": phase, "workflow.failures": json.dumps(json.dumps(failures))}
            name = f"{self.wf.name}.onExit"
            last = self.call(
                Call({"template": handler}, spec.get("arguments") or {}, name, name, None, "local/" + self.wf.name)
            )
            if last is None or last["phase"] not in FULFILLED:
                return
            if last["phase"] in BAD:
                phase, message = last["phase"], last.get("message", message)
        if outputs := root.get("outputs"):
            self.wf.status.setdefault("outputs", outputs)
        self.wf.status.update(phase=phase, finishedAt=stamp(self.now))
        if message and not self.wf.status.get("message"):
            self.wf.status["message"] = message

    def _count(self) -> None:
        pods = [node for node in self.wf.nodes.values() if node["type"] == "Pod"]
        self.wf.status["progress"] = f"{sum(1 for pod in pods if pod['phase'] == SUCCEEDED)}/{len(pods)}"

    def _global_names(self) -> dict[str, Value]:
        metadata, spec = self.wf.metadata, self.wf.spec
        parameters = (spec.get("arguments") or {}).get("parameters") or []
        names: dict[str, Value] = {
            "workflow.name": self.wf.name, "workflow.namespace": self.wf.namespace, "workflow.uid": self.wf.uid,
            "workflow.mainEntrypoint": spec.get("entrypoint", ""), "workflow.serviceAccountName": "default",
            "workflow.creationTimestamp": metadata.get("creationTimestamp", ""), "workflow.priority": str(spec.get("priority", 0)),
            "workflow.parameters": json.dumps([{"name": one["name"], "value": one.get("value", "")} for one in parameters]),
            "workflow.status": self.wf.phase,
        }  # fmt: skip
        names |= {f"workflow.parameters.{one['name']}": one["value"] for one in parameters if "value" in one}
        for kind in ("labels", "annotations"):
            names |= {f"workflow.{kind}.{key}": value for key, value in (metadata.get(kind) or {}).items()}
        for one in (self.wf.status.get("outputs") or {}).get("parameters") or []:
            names[f"workflow.outputs.parameters.{one['name']}"] = one.get("value", "")
        for one in (self.wf.status.get("outputs") or {}).get("artifacts") or []:
            names[f"workflow.outputs.artifacts.{one['name']}"] = one
        names["workflow.parameters.json"] = names["workflow.parameters"]
        for one in (spec.get("arguments") or {}).get("artifacts") or []:
            names[f"workflow.artifacts.{one['name']}"] = one
        return names


def advance(workflow: Workflow, moment: datetime) -> Effects:
    """Moves `workflow` on as far as it can go at `moment`; see `Machine`."""
    return Machine(workflow, moment).advance()


def finish_pod(workflow: Workflow, identifier: str, phase: str, message: str, outputs: Json, moment: datetime) -> None:
    """Notes that the pod of a node came to its end; outputs as Argo has them (parameters, artifacts, result, exitCode)."""
    node = workflow.nodes[identifier]
    if node["phase"] in FULFILLED:
        return
    machine = Machine(workflow, moment)
    node["progress"] = "1/1"
    machine._note_globals(outputs)
    machine._end(node, phase, message, outputs)
    workflow.work.pop(identifier, None)
