"""Resource templates on a connected cluster: kubectl acts there.

kubectl runs as the platform's account of the project's namespace, which the step never sees: with an environment, a folder and a kubeconfig
of its own. An object that was made before a crash of the server is known again by its field manager, so that it is made once.
"""

import asyncio
import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from workflows.clusters.reach import Reach
from workflows.engine.resources.carrying import SHOWN_PATH, Made, ResourceFailed, documents_of, name_them
from workflows.engine.resources.rules import (
    OWNERLESS,
    ResourceRefused,
    check_flags,
    check_kinds,
    check_objects,
    clusterwide,
)
from workflows.engine.state import Json

LOOK_SECONDS = 1.0
LONGEST_OUTPUT = 8 << 20
LONGEST_COMPLAINT = 10_000
AT_ONCE = asyncio.Semaphore(8)  # resource templates take no slot of the machine, kubectl does take memory


class Kubectl:
    """`Hands` of a cluster; `folder` is the pod's."""

    def __init__(self, resource: Json, manifest: str, folder: Path, reach: Reach) -> None:
        self.resource, self.manifest, self.reach = resource, manifest, reach
        self.folder, self.private = folder, folder / "kubectl"
        self.flags = [str(one) for one in resource.get("flags") or []]
        self.process: asyncio.subprocess.Process | None = None
        self.stopped = False

    def stop(self) -> None:
        """Kills what runs."""
        self.stopped = True
        if self.process is not None and self.process.returncode is None:
            self.process.kill()

    @contextlib.contextmanager
    def ready(self) -> Iterator[None]:
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

    async def acted(self, action: str) -> Made | None:
        """Does it."""
        if self.resource.get("setOwnerReference"):
            raise ResourceRefused(OWNERLESS)
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
            documents = documents_of(self.manifest)
            name_them(documents, manager)
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
        made = Made.of(json.loads(text))
        known.write_text(json.dumps(made.__dict__))
        return made

    async def _check(self, action: str) -> None:
        kinds = check_flags(self.flags, self.reach.namespace)
        outside = clusterwide(await self._kubectl("api-resources", "--namespaced=false", "--no-headers"))
        check_kinds(kinds, outside)
        if self.manifest and not (action == "patch" and self._patches_by_flags()):
            documents = documents_of(self.manifest)
            check_objects(documents, self.reach.namespace, outside)
            self._lay_out(documents)

    def _lay_out(self, documents: list[object]) -> None:
        """Gives kubectl the objects as they were read and checked here: it divides and reads YAML in other ways."""
        (self.private / "manifest.yaml").write_text("\n---\n".join(json.dumps(one) for one in documents))

    def _strategy(self) -> str:
        return str(self.resource.get("mergeStrategy") or "strategic")

    def _patches_by_flags(self) -> bool:
        """Whether a patch's object is named by flags, and its manifest is the patch alone."""
        if self._strategy() == "json":
            return True
        first = next(iter(documents_of(self.manifest)), None)
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

    async def _made_before(self, manager: str) -> str | None:
        """The object that stands there already, where it was this very step that made it."""
        text = await self._kubectl(
            "get", "-f", str(self.private / "manifest.yaml"), "-o", "json", "--show-managed-fields"
        )
        managers = [one.get("manager") for one in json.loads(text)["metadata"].get("managedFields") or []]
        return text if manager in managers else None

    async def found(self, made: Made) -> Json:
        """`kubectl get`."""
        found: Json = json.loads(await self._kubectl("get", made.name, "-o", "json"))
        return found

    async def at(self, made: Made, path: str) -> str:
        """`kubectl get -o jsonpath`."""
        return await self._kubectl("get", made.name, "-o", f"jsonpath={path}")

    async def changed(self, made: Made) -> None:
        """A moment."""
        await asyncio.sleep(LOOK_SECONDS)

    async def _kubectl(self, *words: str) -> str:
        """What kubectl prints. Raises `ResourceFailed` with what it complains of."""
        async with AT_ONCE:
            if self.stopped:
                raise ResourceFailed("stopped")
            return await self._ran(words)

    async def _ran(self, words: tuple[str, ...]) -> str:
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
