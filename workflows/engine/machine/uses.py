"""The uses that steps and tasks make of templates: one node, or one for each item of a loop."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from workflows.engine.expressions import Value, holds
from workflows.engine.machine.arguments import ArgumentsInvalid
from workflows.engine.machine.calls import Call
from workflows.engine.machine.loops import expand
from workflows.engine.state import ERROR, FAILED, SKIPPED, Json
from workflows.engine.templating import fill

if TYPE_CHECKING:
    from workflows.engine.machine.core import Machine


class Uses:
    """Makes the nodes of steps and tasks, and finds them again."""

    def __init__(self, machine: "Machine") -> None:
        self.machine = machine

    @staticmethod
    def continues(step: Json, child: Json) -> bool:
        """Whether what is around goes on though this child ended badly."""
        how = step.get("continueOn") or {}
        return bool(how.get("failed") and child["phase"] == FAILED) or bool(
            how.get("error") and child["phase"] == ERROR
        )

    def expanded(
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
            existing = self.machine.wf.node(name)
            condition = filled.get("when")
            if existing is None and condition and not holds(condition):
                made = self.machine.make(one, "Skipped", filled.get("template", ""), None, scope, SKIPPED)
                yield self.machine.end(made, SKIPPED, f"when '{condition}' evaluated false")
            else:
                yield self.machine.call(one)

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

    def results(self, name: str, step: Json) -> list[Json] | Json | None:
        """The node of a step, or its nodes in order where it loops."""
        if not any(key in step for key in ("withItems", "withParam", "withSequence")):
            return self.machine.wf.node(name)
        start = f"{name}("
        found = [
            node
            for node in self.machine.wf.nodes.values()
            if node["name"].startswith(start) and node["name"].count("(") == start.count("(")
        ]
        return sorted(found, key=lambda node: int(node["name"][len(start) :].split(":")[0].rstrip(")")))
