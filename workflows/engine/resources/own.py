"""Resource templates that act on Argo's own kinds: this server is their API server, and is asked by its own REST as the run that acts.

So the run's rights, every check and the audit are those of a client with the run's token; kubectl is not needed. What was made before a crash
of the server is known again by its field manager, so that it is made once.
"""

import asyncio
import contextlib
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from workflows.engine.pods import Place
from workflows.engine.resources.carrying import SHOWN_PATH, Made, ResourceFailed, documents_of, name_them
from workflows.engine.resources.jsonpaths import text_by_path
from workflows.engine.resources.kinds import KINDS, VERSION, kind_named
from workflows.engine.resources.patching import PatchInvalid, applied, merged, patched
from workflows.engine.resources.rules import ResourceRefused, check_flags, check_objects, read_flags
from workflows.engine.state import Json, Workflow
from workflows.engine.watching import Watcher

LOOK_SECONDS = 5.0  # as Argo's executor looks; a workflow that changes is looked at at once
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
UNFIT = {"--subresource", "--cascade", "--server-side", "--force-conflicts"}
PATCH_REFUSED = "The request is invalid: the server rejected our request due to an error in our request"  # all that kubectl tells of it
REASONS = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict"}
INVALID = re.compile(r'(\w+)\.argoproj\.io "(.*?)" is invalid: (.*)', re.DOTALL)
Ask = Callable[[str, str, str, Json | None], Awaitable[tuple[int, Json]]]


@dataclass(frozen=True)
class OwnServer:
    """This server as its runs reach it: `ask` takes a run's token, method, path and body; `watchers` are told of each change."""

    ask: Ask
    watchers: set[Watcher]


class _Changes(Watcher):
    """Is woken by the changes of one workflow."""

    name = ""

    def note(self, workflow: Workflow, deleted: bool = False) -> None:
        if (workflow.namespace, workflow.name) == (self.namespace, self.name):
            self.something.set()


class Own:
    """`Hands` of Argo's own kinds; `folder` is the pod's."""

    def __init__(self, resource: Json, manifest: str, folder: Path, place: Place, server: OwnServer) -> None:
        self.resource, self.manifest, self.folder, self.place, self.server = resource, manifest, folder, place, server
        self.flags = [str(one) for one in resource.get("flags") or []]
        self.namespace = place.workflow.namespace
        self.changes = _Changes(self.namespace)
        self.stopped = False

    def stop(self) -> None:
        """Ends the wait."""
        self.stopped = True
        self.changes.something.set()

    @contextlib.contextmanager
    def ready(self) -> Iterator[None]:
        """Watches."""
        self.server.watchers.add(self.changes)
        try:
            yield
        finally:
            self.server.watchers.discard(self.changes)

    async def found(self, made: Made) -> Json:
        """GET of the object."""
        kind, name = self._parts(made)
        return await self._ask("GET", kind, name)

    async def at(self, made: Made, path: str) -> str:
        """GET of the object, and the path in it."""
        return text_by_path(await self.found(made), path)

    async def changed(self, made: Made) -> None:
        """Until a watch tells so, or for Argo's interval."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.changes.something.wait(), LOOK_SECONDS)
        self.changes.something.clear()

    async def acted(self, action: str) -> Made | None:
        """Does it by this server's REST."""
        if not self.manifest and not self.flags:
            raise ResourceFailed("Must provide at least one of flags or manifest.")
        known = self.folder / "resource.json"
        kept: Json = json.loads(known.read_text()) if known.exists() else {}
        if "name" in kept:
            made = Made(**kept)
        else:
            manager = kept.get("manager") or f"atrium-{secrets.token_hex(6)}"
            if action == "create":
                known.write_text(json.dumps({"manager": manager}))  # before it is asked for
            try:
                answer = await self._done(action, manager, again=bool(kept))
            except PatchInvalid as error:
                raise ResourceFailed(f"no more retries {PATCH_REFUSED}") from error
            except ResourceFailed as error:
                raise ResourceFailed(f"no more retries {error}") from error
            if answer is None:
                return None
            made = Made.of(answer)
            known.write_text(json.dumps(made.__dict__))
        self.changes.name = self._parts(made)[1]
        return made

    async def _done(self, action: str, manager: str, again: bool) -> Json | None:
        self._log(action)
        check_flags(self.flags, self.namespace)
        if unfit := UNFIT & read_flags(self.flags)[1].keys():
            raise ResourceRefused(
                f"flag {unfit.pop()} means nothing for objects that the workflow server keeps; leave it out"
            )
        documents = documents_of(self.manifest)
        patch = action == "patch" and not _is_object(documents)
        objects = [] if patch else self._objects(documents)
        if action == "delete":
            for kind, name in [*[(str(one["kind"]), _name(one)) for one in objects], *await self._selected()]:
                await self._ask("DELETE", kind, name, missing=True)
            return None
        if len(objects) > 1:
            raise ResourceRefused(f"{len(objects)} objects in one manifest: a resource template {action}s one object")
        if action == "get" or patch:
            named = [(str(one["kind"]), _name(one)) for one in objects] or await self._selected()
            if len(named) != 1:
                return {}
            (kind, name) = named[0]
            found = await self._ask("GET", kind, name, missing="--ignore-not-found" in self.flags)
            if action == "get":
                return found or None
            return await self._put(kind, name, self._patch(found, documents[0]))
        one = objects[0] if objects else {}
        return await (self._created(one, manager, again) if action == "create" else self._changed(action, one))

    def _objects(self, documents: list[object]) -> list[Json]:
        """The objects of a manifest, of the run's own namespace; with `setOwnerReference` they belong to the run's workflow."""
        check_objects(documents, self.namespace, frozenset())
        objects = [one for one in documents if isinstance(one, dict)]
        for one in objects:
            one["metadata"] = metadata = dict(one.get("metadata") or {})
            if self.resource.get("setOwnerReference"):
                workflow = self.place.workflow
                mine = {"apiVersion": VERSION, "kind": "Workflow", "name": workflow.name, "uid": workflow.uid}
                owned = mine | {"controller": True, "blockOwnerDeletion": True}
                metadata["ownerReferences"] = [*(metadata.get("ownerReferences") or []), owned]
        return objects

    async def _created(self, one: Json, manager: str, again: bool) -> Json:
        name_them([one], manager)
        one["metadata"]["managedFields"] = [{"manager": manager, "operation": "Update", "apiVersion": VERSION}]
        try:
            return await self._ask("POST", one["kind"], "", one, f'error when creating "{SHOWN_PATH}": ')
        except ResourceFailed as error:
            if not again or "(AlreadyExists)" not in str(error):
                raise
            found = await self._ask("GET", one["kind"], _name(one), whole=True)
            if manager not in [by.get("manager") for by in found["metadata"].get("managedFields") or []]:
                raise
            return found

    async def _changed(self, action: str, one: Json) -> Json:
        """Replaces, patches or applies the object that a manifest holds."""
        kind, name = str(one["kind"]), _name(one)
        if action == "apply":
            if not name:
                generated = one["metadata"].get("generateName") or ""
                raise ResourceFailed(f"error: from {generated}: cannot use generate name with apply")
            one["metadata"].setdefault("annotations", {})[LAST_APPLIED] = json.dumps(one, separators=(",", ":"))
            found = await self._ask("GET", kind, name, missing=True)
            if not found:
                return await self._ask("POST", kind, "", one, f'error when creating "{SHOWN_PATH}": ')
            before = json.loads((found["metadata"].get("annotations") or {}).get(LAST_APPLIED) or "{}")
            return await self._put(kind, name, applied(before, one, found))
        found = await self._ask(
            "GET", kind, name, where=f'error when replacing "{SHOWN_PATH}": ' if action == "replace" else ""
        )
        return await self._put(kind, name, {**found, **one} if action == "replace" else self._patch(found, one))

    def _patch(self, found: Json, patch: object) -> Json:
        strategy = str(self.resource.get("mergeStrategy") or "strategic")
        if strategy == "strategic":
            raise ResourceFailed(
                f"error: application/strategic-merge-patch+json is not supported by {VERSION}, Kind={found['kind']}: the body of the request was in "
                "an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
            )
        made: Json = patched(found, patch) if strategy == "json" else merged(found, patch)
        return made

    async def _put(self, kind: str, name: str, wanted: Json) -> Json:
        return await self._ask("PUT", kind, name, wanted)

    async def _selected(self) -> list[tuple[str, str]]:
        """Kind and name of each object that flags name, or select by labels and fields."""
        words, options = read_flags(self.flags)
        if words and all("/" in word for word in words):
            pairs = [word.split("/", 1) for word in words]
            return [(str(kind_named(kind)), name) for kind, name in pairs]
        kinds = [str(kind_named(kind)) for word in words[:1] for kind in word.split(",")]
        if words[1:]:
            return [(kind, name) for kind in kinds for name in words[1:]]
        labels = options.get("-l") or options.get("--selector") or ""
        query = {"listOptions.labelSelector": labels, "listOptions.fieldSelector": options.get("--field-selector", "")}
        if not any(query.values()) and "--all" not in options:
            return []
        listed = [(kind, await self._ask("GET", kind, f"?{urlencode(query)}")) for kind in kinds]
        return [(kind, _name(one)) for kind, found in listed for one in found.get("items") or []]

    def _parts(self, made: Made) -> tuple[str, str]:
        kind, _, name = made.name.partition("/")
        return str(kind_named(kind)), name

    def _log(self, action: str) -> None:
        words = [action, *self.flags, *(["-f", SHOWN_PATH] if self.manifest else [])]
        with (self.folder / "main.log").open("a") as log:
            log.write(f"{' '.join(words)}: by the workflow server, as this run\n")

    async def _ask(
        self,
        method: str,
        kind: str,
        name: str,
        document: Json | None = None,
        where: str = "",
        missing: bool = False,
        whole: bool = False,
    ) -> Json:
        """An answer of this server, `name` may be a query; empty where it is not there and may be `missing`. Raises `ResourceFailed`."""
        if self.stopped:
            raise ResourceFailed("stopped")
        about = KINDS[kind]
        path = f"/api/v1/{about.path}" + ("" if kind.startswith("Cluster") else f"/{self.namespace}")
        path += name if name.startswith("?") else f"/{quote(name, safe='')}" if name else ""
        status, answer = await self.server.ask(
            self.place.token(), method, path, {about.field: document} if document else None
        )
        if status == 404 and missing:
            return {}
        if status >= 300:
            told = str(answer.get("message"))
            if invalid := INVALID.fullmatch(told):
                raise ResourceFailed(f'The {invalid[1]} "{invalid[2]}" is invalid: {invalid[3]}\n')
            reason = "AlreadyExists" if "already exists" in told else REASONS.get(status, "InternalError")
            raise ResourceFailed(f"Error from server ({reason}): {where}{told}")
        if not whole and isinstance(answer.get("metadata"), dict):
            answer["metadata"].pop("managedFields", None)
        return (
            {"apiVersion": VERSION, "kind": kind, **answer}
            if method != "DELETE" and not name.startswith("?")
            else answer
        )


def _is_object(documents: list[object]) -> bool:
    return bool(documents) and isinstance(documents[0], dict) and bool(documents[0].get("kind"))


def _name(one: Json) -> str:
    return str(one["metadata"].get("name") or "")
