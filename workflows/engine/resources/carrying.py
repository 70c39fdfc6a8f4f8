"""Carries out one resource template: kubectl does it, its object is looked at until a condition holds, outputs are read from it.

kubectl runs as the platform's account of the project's namespace, which the step never sees: with an environment, a folder and a kubeconfig
of its own. An object that was made before a crash of the server is known again by its field manager, so that it is made once.
"""

import asyncio
import contextlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from atrium.errors import AtriumError
from workflows.clusters.reach import Reach
from workflows.engine.resources.conditions import ConditionMet, Conditions
from workflows.engine.resources.rules import ResourceRefused, check_flags, check_kinds, check_objects, clusterwide
from workflows.engine.selectors import SelectorInvalid
from workflows.engine.state import Json, suffix

CLUSTER = "atrium.io/cluster"
SHOWN_PATH = "/tmp/manifest.yaml"  # noqa: S108  where Argo's executor has it, as its messages tell
LOOK_SECONDS = 1.0
LONGEST_OUTPUT = 8 << 20
LONGEST_COMPLAINT = 10_000
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


class ResourceRun:
    """One resource template on its way; `folder` is its pod's, `filtered` asks jq, `log` gets what kubectl says."""

    def __init__(
        self,
        work: Json,
        folder: Path,
        manifest: str | None,
        reach: Reach,
        filtered: Callable[[str, str], Awaitable[str]],
    ) -> None:
        self.resource, self.outputs = work["resource"], work.get("outputs") or {}
        self.folder, self.private, self.reach, self.filtered = folder, folder / "kubectl", reach, filtered
        self.manifest = str(self.resource.get("manifest") or "") if manifest is None else manifest
        self.flags = [str(one) for one in self.resource.get("flags") or []]
        self.process: asyncio.subprocess.Process | None = None
        self.stopped = False

    def stop(self) -> None:
        """Ends it at once."""
        self.stopped = True
        if self.process is not None and self.process.returncode is None:
            self.process.kill()

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
        with self._private():
            made = await self._acted(action)
            if action == "delete":
                return []
            wanted = Conditions.of(*conditions)
            while made and any(conditions) and not wanted.hold(await self._looked(made)):
                await asyncio.sleep(LOOK_SECONDS)
            return [await self._output(one, made) for one in parameters]

    @contextlib.contextmanager
    def _private(self) -> Iterator[None]:
        """The folder of kubectl's kubeconfig, manifest and cache; gone when it is done."""
        shutil.rmtree(self.private, ignore_errors=True)
        self.private.mkdir(mode=0o700)
        try:
            for name, text in (
                ("config", self.reach.kubeconfig),
                ("manifest.yaml", self.manifest),
            ):
                descriptor = os.open(self.private / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "w") as file:
                    file.write(text)
            yield
        finally:
            shutil.rmtree(self.private, ignore_errors=True)

    # --- the action ---------------------------------------------------------------------------------------------------

    async def _acted(self, action: str) -> Made | None:
        if not self.manifest and not self.flags:
            raise ResourceFailed("Must provide at least one of flags or manifest.")
        await self._check(action)
        known = self.folder / "resource.json"
        kept: Json = json.loads(known.read_text()) if known.exists() else {}
        if "name" in kept:
            return Made(**kept)
        manager = kept.get("manager") or f"atrium-{secrets.token_hex(6)}"
        if action == "create":
            known.write_text(json.dumps({"manager": manager}))  # before it is asked for
            documents = self._documents()
            self._name_them(documents, manager)
            self._lay_out(documents)
        try:
            text = await self._kubectl(*self._words(action, manager))
        except ResourceFailed as error:
            found = await self._made_before(manager) if kept and "(AlreadyExists)" in str(error) else None
            if found is None:
                raise ResourceFailed(f"no more retries {error}") from error
            text = found
        if action == "delete" or (action == "get" and not text.strip()):
            return None
        made = _made(json.loads(text))
        known.write_text(json.dumps(made.__dict__))
        return made

    async def _check(self, action: str) -> None:
        kinds = check_flags(self.flags, self.reach.namespace)
        outside = clusterwide(await self._kubectl("api-resources", "--namespaced=false", "--no-headers"))
        check_kinds(kinds, outside)
        if self.manifest and not (action == "patch" and self._patches_by_flags()):
            documents = self._documents()
            check_objects(documents, self.reach.namespace, outside)
            self._lay_out(documents)

    def _documents(self) -> list[object]:
        try:
            return [one for one in yaml.load_all(self.manifest, Loader) if one is not None]
        except yaml.YAMLError as error:
            raise ResourceFailed(f"error parsing {SHOWN_PATH}: {error}") from error

    def _lay_out(self, documents: list[object]) -> None:
        """Gives kubectl the objects as they were read and checked here: it divides and reads YAML in other ways."""
        (self.private / "manifest.yaml").write_text("\n---\n".join(json.dumps(one) for one in documents))

    def _strategy(self) -> str:
        return str(self.resource.get("mergeStrategy") or "strategic")

    def _patches_by_flags(self) -> bool:
        """Whether a patch's object is named by flags, and its manifest is the patch alone."""
        if self._strategy() == "json":
            return True
        first = next(iter(self._documents()), None)
        return bool(self.flags) and not (isinstance(first, dict) and first.get("kind"))

    def _words(self, action: str, manager: str) -> list[str]:
        """Kubectl's arguments, in the order that Argo gives them."""
        path = str(self.private / "manifest.yaml")
        words = [action, *(["--ignore-not-found"] if action == "delete" else [])]
        by_file = bool(self.manifest)
        if action == "patch":
            words += ["--type", self._strategy(), "--patch-file", path]
            by_file = by_file and not self._patches_by_flags()
        words += [*(["--field-manager", manager] if action == "create" else []), *self.flags]
        return [*words, *(["-f", path] if by_file else []), "-o", "name" if action == "delete" else "json"]

    @staticmethod
    def _name_them(documents: list[object], manager: str) -> None:
        """Gives objects with a `generateName` their name, which is the same after a crash."""
        for one in documents:
            metadata = one.get("metadata") if isinstance(one, dict) else None
            if isinstance(metadata, dict) and metadata.get("generateName") and not metadata.get("name"):
                metadata["name"] = f"{metadata.pop('generateName')}{suffix(manager)}"

    async def _made_before(self, manager: str) -> str | None:
        """The object that stands there already, where it was this very step that made it."""
        text = await self._kubectl(
            "get", "-f", str(self.private / "manifest.yaml"), "-o", "json", "--show-managed-fields"
        )
        managers = [one.get("manager") for one in json.loads(text)["metadata"].get("managedFields") or []]
        return text if manager in managers else None

    async def _looked(self, made: Made) -> object:
        try:
            return json.loads(await self._kubectl("get", made.name, "-o", "json"))
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
            return {**parameter, "value": await self._kubectl("get", made.name, "-o", f"jsonpath={path}")}
        if program := source.get("jqFilter"):
            text = await self._kubectl("get", made.name, "-o", "json")
            return {**parameter, "value": (await self.filtered(text, str(program))).strip()}
        return parameter

    # --- kubectl ------------------------------------------------------------------------------------------------------

    async def _kubectl(self, *words: str) -> str:
        """What kubectl prints. Raises `ResourceFailed` with what it complains of."""
        if self.stopped:
            raise ResourceFailed("stopped")
        own, given = self.private, ["--namespace", self.reach.namespace]
        given += ["--kubeconfig", str(own / "config"), "--cache-dir", str(own / "cache")]
        with (own / "complaint").open("w+") as complaint:
            self.process = await asyncio.create_subprocess_exec(
                "kubectl", *words, *given, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=complaint,
                env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(own), "LC_ALL": "C"},
            )  # fmt: skip
            out = await self._printed(self.process)
            complaint.seek(0)
            told = self._shown(complaint.read(LONGEST_COMPLAINT).rstrip("\n"))
            told += "\n" if told.startswith("The ") else ""  # so the executor's ends too
        with (self.folder / "main.log").open("a") as log:
            log.write(f"kubectl {self._shown(' '.join(words))}\n{told}\n")
        if self.process.returncode:
            raise ResourceFailed(told)
        return out.decode(errors="replace")

    async def _printed(self, process: asyncio.subprocess.Process) -> bytes:
        """All that it prints. Raises `ResourceFailed`: it is too much."""
        out = b""
        while process.stdout and (more := await process.stdout.read(1 << 16)):
            out += more
            if len(out) > LONGEST_OUTPUT:
                process.kill()
                await process.wait()
                raise ResourceFailed(f"kubectl printed more than {LONGEST_OUTPUT >> 20} MiB: name fewer objects")
        await process.wait()
        return out

    def _shown(self, text: str) -> str:
        return text.replace(str(self.private / "manifest.yaml"), SHOWN_PATH)


def filtered_text(answer: Json) -> str:
    """What jq made of an object. Raises `ResourceFailed`, as gojq words it where it is known."""
    if "error" not in answer:
        return str(answer["text"])
    unknown = UNKNOWN_IN_JQ.search(answer["error"])
    raise ResourceFailed(f"function not defined: {unknown[1]}" if unknown else str(answer["error"]).strip())


def _made(found: Json) -> Made:
    metadata = found.get("metadata") or {}
    if not metadata.get("name") or not found.get("kind"):
        raise ResourceFailed(NAMELESS)
    group, slash, _ = str(found.get("apiVersion") or "").partition("/")
    return Made(
        str(metadata.get("namespace") or ""),
        f"{str(found['kind']).lower()}.{group if slash else ''}/{metadata['name']}",
    )


FAILURES = (ResourceFailed, ResourceRefused, ConditionMet, SelectorInvalid, AtriumError)
