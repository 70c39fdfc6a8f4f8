"""Lifecycle hooks and exit handlers of steps and tasks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workflows.engine.expressions import ExpressionInvalid, Value, truth
from workflows.engine.machine.arguments import ArgumentsInvalid, output_names, resolved_artifact
from workflows.engine.machine.calls import Call, CallFailed
from workflows.engine.machine.memory import Names
from workflows.engine.state import COMPLETED, Json, has_ended
from workflows.engine.templating import fill

if TYPE_CHECKING:
    from workflows.engine.machine.core import Machine

HOOKED = {"hooked": True}


@dataclass(frozen=True)
class Place:
    """Where the hooks of a step or task stand: `prefix` is how names reach its outputs (`steps.a`)."""

    boundary: str
    scope: str
    depth: int
    exiting: bool
    prefix: str


def has_hooks(step: Json) -> bool:
    """Whether a step or task has any, an exit handler too."""
    return bool(step.get("hooks") or step.get("onExit"))


def exit_hook(machine: "Machine", step: Json) -> Json | None:
    """The exit handler of a step, a task, or a workflow's spec."""
    arguments = machine.wf.spec.get("arguments") or {}
    if step.get("onExit"):
        return {"template": step["onExit"], "arguments": arguments}
    hook = (step.get("hooks") or {}).get("exit")
    if hook is None:
        return None
    own = hook.get("arguments") or {}
    return {**hook, "arguments": own if own.get("parameters") or own.get("artifacts") else arguments}


def run_hooks(machine: "Machine", step: Json, node: Json, place: Place, names: Mapping[str, Value]) -> bool:
    """Starts the hooks whose condition holds, and the exit handler once the node has completed; whether all have ended.

    Raises:
        CallFailed: a condition or a template is wrong.
    """
    done = True
    for name, hook in (step.get("hooks") or {}).items():
        if name != "exit":
            done = _hook(machine, f"{node['name']}.hooks.{name}", hook, node, place, names) and done
    if done and node["phase"] in COMPLETED:
        done = _exit(machine, step, node, place, names)
    return done


def _hook(machine: "Machine", name: str, hook: Json, node: Json, place: Place, names: Mapping[str, Value]) -> bool:
    existing = machine.wf.node(name)
    if existing is None and not condition(hook, name, names):
        return True
    if existing is not None and has_ended(existing):
        return True
    made = machine.call(
        Call(_reference(hook), resolved_arguments(hook, node, place.prefix, names), name, place.boundary, place.scope,
             place.boundary, place.depth + 1, place.exiting, HOOKED)
    )  # fmt: skip
    if made is None:
        return False
    machine.graph.link(node, made)
    return has_ended(made)


def condition(hook: Json, name: str, names: Mapping[str, Value]) -> bool:
    """Whether a hook's condition holds. Raises `CallFailed`."""
    if not hook.get("expression"):
        raise CallFailed(f"Expression required for hook {name}", None)
    try:
        return truth(str(hook["expression"]), names)
    except ExpressionInvalid as error:
        raise CallFailed(str(error), None, "hook") from error


def _reference(hook: Json) -> Json:
    return {key: hook[key] for key in ("template", "templateRef") if hook.get(key)}


def _exit(machine: "Machine", step: Json, node: Json, place: Place, names: Mapping[str, Value]) -> bool:
    hook, shutdown = exit_hook(machine, step), machine.wf.spec.get("shutdown")
    if hook is None or shutdown == "Terminate":
        return True
    name = f"{node['name']}.onExit"
    existing = machine.wf.node(name)
    if existing is not None and has_ended(existing):
        return True
    if existing is None and hook.get("expression") and not condition(hook, name, names):
        return True
    arguments = resolved_arguments(hook, node, place.prefix, names)
    call = Call(
        _reference(hook), arguments, name, place.boundary, place.scope, place.boundary, place.depth + 1, True, HOOKED
    )
    try:
        made = machine.call(call)
    except CallFailed as error:
        if error.node is not None:
            machine.graph.link(node, error.node)
        raise CallFailed(str(error), error.node, "exit") from error
    if made is None:
        return False
    machine.graph.link(node, made)
    return has_ended(made)


def resolved_arguments(hook: Json, node: Json, prefix: str, names: Mapping[str, Value]) -> Json:
    """A hook's arguments with the outputs of its node filled in. Raises `CallFailed`."""
    outputs = {key: value for key, value in (node.get("outputs") or {}).items() if key in ("parameters", "artifacts")}
    unwritten = [one["name"] for one in outputs.get("parameters") or [] if one.get("value") is None]
    empty: dict[str, Value] = {f"{prefix}.outputs.parameters.{name}": "" for name in unwritten}
    known = Names(empty | output_names(prefix, outputs), names)
    arguments: Json = fill(hook.get("arguments") or {}, known)
    artifacts = []
    for one in arguments.get("artifacts") or []:
        try:
            artifacts.append(resolved_artifact(one, known) if one.get("from") or one.get("fromExpression") else one)
        except (ArgumentsInvalid, ExpressionInvalid) as error:
            if not one.get("optional"):
                raise CallFailed(f"unable to resolve references: {error}", None) from error
    return (
        {**arguments, "artifacts": artifacts}
        if artifacts
        else {key: one for key, one in arguments.items() if key != "artifacts"}
    )
