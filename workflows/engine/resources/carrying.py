"""Carries out one resource template: the action, then looks at its object until a condition holds, then reads outputs from it."""

import contextlib
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import yaml

from atrium.errors import AtriumError
from workflows.engine.resources.conditions import ConditionMet, Conditions
from workflows.engine.resources.rules import ResourceRefused
from workflows.engine.selectors import SelectorInvalid
from workflows.engine.state import Json, suffix

CLUSTER = "atrium.io/cluster"
SHOWN_PATH = "/tmp/manifest.yaml"  # noqa: S108  where Argo's executor has it, as its messages tell
BARE = "successCondition, failureCondition and outputs are not supported for delete action"
NAMELESS = "Kind and name are both required but at least one of them is missing from the manifest"
JQ = """
import jq
try:
    found = jq.compile(task["filter"]).input_text(task["text"]).all()
    answer(text="\\n".join(one if isinstance(one, str) else json.dumps(one, separators=(",", ":"), ensure_ascii=False) for one in found))
except ValueError as error:
    answer(error=str(error))
"""
UNKNOWN_IN_JQ = re.compile(r"([\w$]+/\d+) is not defined")


class Loader(yaml.SafeLoader):
    """YAML as Kubernetes reads it: what looks like a moment stays a text."""


Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:timestamp"]
    for letter, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class ResourceFailed(ValueError):
    """The action failed; the text is kubectl's, as Argo tells it."""


@dataclass(frozen=True)
class Made:
    """The object that an action answered with."""

    namespace: str
    name: str  # kind.group/name, as kubectl takes it

    @classmethod
    def of(cls, found: Json) -> "Made":
        """From the object. Raises `ResourceFailed`: it has no name, as a list has none."""
        metadata = found.get("metadata") or {}
        if not metadata.get("name") or not found.get("kind"):
            raise ResourceFailed(NAMELESS)
        group, slash, _ = str(found.get("apiVersion") or "").partition("/")
        kind = f"{str(found['kind']).lower()}.{group if slash else ''}"
        return cls(str(metadata.get("namespace") or ""), f"{kind}/{metadata['name']}")


class Hands(Protocol):
    """Who has the objects, as one resource template asks them. Everything raises `ResourceFailed` with kubectl's words."""

    def ready(self) -> contextlib.AbstractContextManager[None]:
        """What is needed meanwhile, and gone afterwards."""
        ...

    def stop(self) -> None:
        """Ends what goes on at once; whatever is asked afterwards fails."""
        ...

    async def acted(self, action: str) -> Made | None:
        """Does it; the object, or None where none is answered."""
        ...

    async def found(self, made: Made) -> Json:
        """The object as it is now."""
        ...

    async def at(self, made: Made, path: str) -> str:
        """What a JSONPath of kubectl's finds in it."""
        ...

    async def changed(self, made: Made) -> None:
        """Waits until it may have changed."""
        ...


class ResourceRun:
    """One resource template on its way; `folder` is its pod's, `filtered` asks jq."""

    def __init__(self, work: Json, folder: Path, hands: Hands, filtered: Callable[[str, str], Awaitable[str]]) -> None:
        self.resource, self.outputs = work["resource"], work.get("outputs") or {}
        self.folder, self.hands, self.filtered = folder, hands, filtered

    def stop(self) -> None:
        """Ends it at once."""
        self.hands.stop()

    async def run(self) -> list[Json]:
        """Does it; the output parameters.

        Raises:
            ResourceFailed, ResourceRefused, ConditionMet, SelectorInvalid: with Argo's words where it has some.
        """
        parameters = list(self.outputs.get("parameters") or [])
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "main.log").touch()
        action = str(self.resource.get("action"))
        conditions = self.resource.get("successCondition") or "", self.resource.get("failureCondition") or ""
        if action == "delete" and (any(conditions) or parameters):
            raise ResourceFailed(BARE)
        with self.hands.ready():
            made = await self.hands.acted(action)
            if action == "delete":
                return []
            wanted = Conditions.of(*conditions)
            while made and any(conditions) and not wanted.hold(await self._looked(made)):
                await self.hands.changed(made)
            return [await self._output(one, made) for one in parameters]

    async def _looked(self, made: Made) -> object:
        try:
            return await self.hands.found(made)
        except ResourceFailed as error:
            if "(NotFound)" not in str(error):
                raise
            told = str(error).partition("(NotFound): ")[2]
            raise ResourceFailed(
                f"The resource has been deleted while its status was still being checked. Will not be retried: {told}"
            ) from error

    async def _output(self, parameter: Json, made: Made | None) -> Json:
        source = parameter.get("valueFrom")
        if source is None:
            return parameter
        if made is None:
            return {**parameter, "value": str(source.get("default") or "")}
        if path := source.get("jsonPath"):
            return {**parameter, "value": await self.hands.at(made, str(path))}
        if program := source.get("jqFilter"):
            text = json.dumps(await self.hands.found(made))
            return {**parameter, "value": (await self.filtered(text, str(program))).strip()}
        return parameter


def documents_of(manifest: str) -> list[object]:
    """What a manifest holds. Raises `ResourceFailed`."""
    try:
        return [one for one in yaml.load_all(manifest, Loader) if one is not None]
    except yaml.YAMLError as error:
        raise ResourceFailed(f"error parsing {SHOWN_PATH}: {error}") from error


def name_them(documents: list[object], manager: str) -> None:
    """Gives objects with a `generateName` their name, which is the same after a crash."""
    for one in documents:
        metadata = one.get("metadata") if isinstance(one, dict) else None
        if isinstance(metadata, dict) and metadata.get("generateName") and not metadata.get("name"):
            metadata["name"] = f"{metadata.pop('generateName')}{suffix(manager)}"


def filtered_text(answer: Json) -> str:
    """What jq made of an object. Raises `ResourceFailed`, as gojq words it where it is known."""
    if "error" not in answer:
        return str(answer["text"])
    unknown = UNKNOWN_IN_JQ.search(answer["error"])
    raise ResourceFailed(f"function not defined: {unknown[1]}" if unknown else str(answer["error"]).strip())


FAILURES = (ResourceFailed, ResourceRefused, ConditionMet, SelectorInvalid, AtriumError)
