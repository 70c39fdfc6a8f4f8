"""Carries out one pod: its init containers, its main ones, its sidecars, what they get and what they give."""

import asyncio
import contextlib
import itertools
import logging
import os
import re
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import tenancy
from atrium.clock import now
from atrium.home import Home, get_home
from atrium.settings import get_settings
from atrium.storage import is_full
from workflows.clusters.reach import Reach
from workflows.engine.admission import Grant
from workflows.engine.asking import request_of, verdict_of
from workflows.engine.beneath import Spot, make_around
from workflows.engine.cgroups import confined
from workflows.engine.data import run_data
from workflows.engine.environments import ImageFolderInvalid, find_image
from workflows.engine.files import ArtifactMissing, Artifacts, Locate, OutputMissing, take_parameter
from workflows.engine.helpers import Helper, HelperFailed, answer_of
from workflows.engine.images import ImageUnknown
from workflows.engine.launcher import ContainerLost, Launcher
from workflows.engine.outside import fetcher, is_outside, lister, outside, placed, sender
from workflows.engine.pods import MAIN, Place, Pod, all_bodies, main_bodies, seconds_left
from workflows.engine.probes import readiness
from workflows.engine.reserve import Reserve, floor_bytes
from workflows.engine.resources import (
    CLUSTER,
    FAILURES,
    JQ,
    Hands,
    Kubectl,
    Own,
    OwnServer,
    ResourceRun,
    filtered_text,
    is_own,
)
from workflows.engine.roots import Roots, refresh_etc
from workflows.engine.sandbox import CommandTooLong, Container, order
from workflows.engine.state import ERROR, FAILED, SUCCEEDED, Json, quantity_seconds
from workflows.engine.variables import ReferenceMissing, wants_secrets
from workflows.engine.views import View
from workflows.engine.volumes import VolumeInvalid
from workflows.engine.warm import warm_order

T = TypeVar("T")
log = logging.getLogger(__name__)
CORES = len(os.sched_getaffinity(0))
MOST_STARTS = 3
GRACE_SECONDS = 3.0
DEADLINE = "Pod was active on the node longer than the specified deadline"
REASONS = {"memory": "OOMKilled"}
ENDED_BY_US = (137, 143)
NO_PROGRAM = re.compile(r"bwrap: execvp (.+): (No such file or directory|Permission denied)\n")
LONGEST_COMPLAINT = 5000
LONGEST_MANIFEST = 2 << 20
OF_POD = {
    "deadline": DEADLINE,
    "disk": "Pod ephemeral local storage usage exceeds the total limit of containers {limit}Gi.",
    "pressure": "The node was low on resource: ephemeral-storage. Threshold quantity: {floor}Mi. The step's files held more than that.",
}


@dataclass(frozen=True)
class Kit:
    """What the pods of one server share."""

    home: Home
    launcher: Launcher
    roots: Roots
    threads: Executor
    config_map: Callable[[str, str], Json | None]
    reserve: Reserve
    reach: Callable[[str, str], Reach]
    own: OwnServer | None = None

    @property
    def etc(self) -> Path:
        """Folder with what containers see of the machine's /etc."""
        return self.home.engine / "etc"


@dataclass
class Outcome:
    """How a pod ended: `phase`, `message` and `outputs` as Argo has them; `containers` of a set with phase and message each.

    `ends` are those of its containers: what they used, and the roots to be given back once all this is on disk. `images` tells by
    image what stood for it.
    """

    phase: str
    message: str = ""
    outputs: Json = field(default_factory=dict)
    containers: dict[str, tuple[str, str]] = field(default_factory=dict)
    ends: list[Json] = field(default_factory=list)
    images: dict[str, str] = field(default_factory=dict)


class PodRun:
    """One pod on its way."""

    def __init__(self, kit: Kit, place: Place, work: Json, ready: Callable[[str], None]) -> None:
        self.kit, self.place, self.work, self.ready = kit, place, work, ready
        self.bodies = {str(body["name"]): body for body in all_bodies(work)}
        self.mains = [str(body["name"]) for body in main_bodies(work)]
        self.folder = place.folder(work["pod"])
        self.pod: Pod | None = None
        self.ends: dict[str, Json] = {}
        self.made: dict[str, Container] = {}
        self.helpers: dict[str, Helper] = {}
        self.aside: list[Json] = []
        self.parcels: list[tuple[Json, Path]] = []
        self.stopping = ""
        self.gpus: tuple[str, ...] = ()
        self.waiting: asyncio.Future[Grant | None] | None = None
        self.resource: ResourceRun | None = None

    # --- from outside -------------------------------------------------------------------------------------------------

    async def run(self) -> Outcome:
        """Carries the pod out; takes up what still runs, or has ended, from before a restart."""
        for _ in range(MOST_STARTS):
            try:
                return await self._run()
            except ContainerLost:
                log.warning("pod %s was lost with the keeper and runs again", self.work["pod"])
                self.kit.launcher.forget([end["key"] for end in (*self.ends.values(), *self.aside)])
                self.ends, self.made, self.aside = {}, {}, []
        return Outcome(ERROR, f"the step's process was lost {MOST_STARTS} times (power or kill); retry it")

    def stop(self, grace_seconds: float = GRACE_SECONDS) -> None:
        """Asks what runs to end, and ends it after the grace."""
        self.stopping = "stopped"
        if self.waiting and not self.waiting.done():
            self.waiting.set_result(None)
        if self.resource is not None:
            self.resource.stop()
        for name in self.bodies:
            self.kit.launcher.end(self._key(name), grace_seconds)

    def waits_for(self, granted: "asyncio.Future[Grant | None]") -> None:
        """Has the wait for room end when the pod is stopped."""
        self.waiting = granted

    async def started(self) -> bool:
        """Whether any container of the pod was started before."""
        await self.kit.launcher.open()
        return any(
            self._key(name) in table
            for table in (self.kit.launcher.running, self.kit.launcher.ended)
            for name in self.bodies
        )

    # --- the order of things ------------------------------------------------------------------------------------------

    async def _run(self) -> Outcome:
        if "data" in self.work:
            return await self._listed()
        if "plugin" in self.work:
            return Outcome(FAILED, "no plugin executed the template")
        if "http" in self.work:
            return await self._requested()
        if "resource" in self.work:
            return await self._administered()
        try:
            await self._fetched()
            for body in self.work.get("initContainers") or []:
                end = await self._container(str(body["name"]))
                if end["code"]:
                    return self._ended(*_verdict([(str(body["name"]), end)], self.mains))
            sidecars = [self._task(str(body["name"])) for body in self.work.get("sidecars") or []]
            try:
                await self._mains()
            finally:
                for body in self.work.get("sidecars") or []:
                    self.kit.launcher.end(self._key(str(body["name"])), GRACE_SECONDS)
            await asyncio.gather(*sidecars)
        except (ArtifactMissing, VolumeInvalid, ImageUnknown, ImageFolderInvalid, HelperFailed) as error:
            return self._ended(ERROR, f"init: Error (exit code 64): {error}")
        return await self._collected()

    async def _listed(self) -> Outcome:
        """Lists and transforms the keys of a data template."""
        source = (self.work["data"].get("source") or {}).get("artifactPaths") or {}
        answer: Json | None = None
        if is_outside(source):
            try:
                answer = (await self._help("list", lister(source)))["results"][0]
            except (HelperFailed, ReferenceMissing) as error:
                answer = {"error": str(error)}
        return self._ended(*await self._threaded(run_data, self.place, self.work, answer))

    async def _requested(self) -> Outcome:
        """Makes the request of an http template."""
        try:
            answer = await self._help("request", request_of(self.work["http"]))
        except (HelperFailed, ReferenceMissing) as error:
            return self._ended(FAILED, str(error))
        return self._ended(*verdict_of(self.work["http"], answer))

    async def _administered(self) -> Outcome:
        """Does what a resource template says: by this server with Argo's own kinds, with others on the project's cluster."""
        outputs: Json = {"exitCode": "0"}
        try:
            self.resource = ResourceRun(self.work, self.folder, await self._hands(await self._manifest()), self._jq)
            if self.stopping:
                self.resource.stop()
            async with asyncio.timeout(seconds_left(self.work, now())):
                parameters = await self.resource.run()
            phase, message = SUCCEEDED, ""
            outputs |= {"parameters": parameters} if parameters else {}
        except (*FAILURES, ArtifactMissing, VolumeInvalid, HelperFailed, ReferenceMissing) as error:
            code, told = ("143", "") if self.stopping else ("64", f": {error}")
            phase, message = FAILED, f"main: Error (exit code {code}){told}"
            outputs["exitCode"] = code
        except TimeoutError:
            self.stop(0)
            phase, message, outputs = FAILED, DEADLINE, {}
        log = self.folder / "main.log"
        if log.exists():
            key = f"{self.place.key(self.work['pod'])}/main.log"
            await self._threaded(self.place.artifacts.keep, log, key)
            outputs["artifacts"] = [{"name": "main-logs", "s3": {"key": key}}]
        return self._ended(phase, message, outputs)

    async def _hands(self, manifest: str) -> Hands:
        """Who keeps the objects that it names. Raises `ResourceRefused`, and what `reach` raises."""
        resource, workflow = self.work["resource"], self.place.workflow
        if self.kit.own is not None and is_own(resource, manifest):
            return Own(resource, manifest, self.folder, self.place, self.kit.own)
        wanted = str((workflow.metadata.get("annotations") or {}).get(CLUSTER, ""))
        way = await self._threaded(self.kit.reach, workflow.namespace, wanted)
        return Kubectl(resource, manifest, self.folder, way)

    async def _manifest(self) -> str:
        """The manifest, which the template holds or an artifact brings. Raises `ArtifactMissing`, `HelperFailed`, `VolumeInvalid`."""
        name = ((self.work["resource"].get("manifestFrom") or {}).get("artifact") or {}).get("name")
        artifacts = (self.work.get("inputs") or {}).get("artifacts") or []
        one = next((one for one in artifacts if one["name"] == name), None)
        if one is None:
            return str(self.work["resource"].get("manifest") or "")
        await self._fetched()
        numbers = [other["name"] for other in outside(self.work.get("inputs"))]
        fetched = self.folder / "fetched" / str(numbers.index(name)) if is_outside(one) else None
        target = self.folder / "manifest"
        target.unlink(missing_ok=True)
        await self._threaded(self.place.artifacts.put, one, lambda _path: Spot(self.folder, target.name), fetched)
        if not target.is_file() or target.stat().st_size > LONGEST_MANIFEST:
            raise ArtifactMissing(f"artifact {name} is no file of at most {LONGEST_MANIFEST >> 20} MiB")
        return target.read_text(errors="replace")

    async def _jq(self, text: str, program: str) -> str:
        """What jq makes of an object, inside the walls. Raises `HelperFailed`, `ResourceFailed`."""
        helper = Helper(JQ, lambda _pod: {"text": text, "filter": program})
        return filtered_text(await self._help(f"jq{len(self.aside)}", helper))  # each filter is a process of its own

    async def _fetched(self) -> None:
        """Brings the input artifacts that lie outside. Raises `ArtifactMissing`, `HelperFailed`."""
        if not (wanted := outside(self.work.get("inputs"))):
            return
        folder = self.folder / "fetched"
        folder.mkdir(parents=True, exist_ok=True)
        answer = await self._help("init", fetcher(wanted, folder))
        for one, result in zip(wanted, answer["results"], strict=True):
            if "error" in result and not (result.get("missing") and one.get("optional")):
                raise ArtifactMissing(f"artifact {one['name']} failed to load: {result['error']}")

    async def _help(self, name: str, helper: Helper) -> Json:
        """What a helper answers. Raises `HelperFailed`, and what its task raises."""
        self.helpers[name], self.bodies[name] = helper, helper.body(name)
        try:
            end = await self._once(name, 0)
        finally:
            del self.bodies[name]
        self.aside.append(end)
        if end["code"]:
            raise HelperFailed(_of_pod(end["reason"]) or f"{name}: {_reason(end)} (exit code {end['code']})")
        return await self._threaded(answer_of, end["root"])

    async def _mains(self) -> None:
        if self.work.get("daemon"):
            await self._daemon()
        elif len(self.mains) == 1:
            await self._container(self.mains[0])
        else:
            tasks: dict[str, asyncio.Task[Json]] = {}
            for body in self._sorted(self.work["containerSet"]["containers"]):
                needs = [tasks[one] for one in body.get("dependencies") or []]
                tasks[body["name"]] = self._task(str(body["name"]), needs)
            await asyncio.gather(*tasks.values())

    @staticmethod
    def _sorted(bodies: list[Json]) -> list[Json]:
        """The containers of a set, each after those that it needs."""
        done: dict[str, Json] = {}
        while len(done) < len(bodies):
            ready = [
                one
                for one in bodies
                if one["name"] not in done and all(need in done for need in one.get("dependencies") or [])
            ]
            if not ready:
                raise VolumeInvalid("the dependencies of containerSet form a cycle")
            done |= {one["name"]: one for one in ready}
        return list(done.values())

    def _task(self, name: str, needs: list["asyncio.Task[Json]"] | None = None) -> "asyncio.Task[Json]":
        async def after() -> Json:
            for need in needs or []:
                before = await need
                if before["code"]:
                    text = f'dependency "{Path(before["key"]).name.partition("~")[0]}" exited with non-zero code: {before["code"]}'
                    self.ends[name] = {
                        **before,
                        "key": self._key(name),
                        "code": 64,
                        "text": text,
                        "root": "",
                        "printed": False,
                    }
                    return self.ends[name]
            return await self._container(name)

        return asyncio.get_running_loop().create_task(after())

    async def _daemon(self) -> None:
        """Runs a daemon, and says when it is ready."""
        main = self._task(MAIN)
        probe = self.bodies[MAIN].get("readinessProbe")
        if probe is None:
            await self._until_running(main)
        else:
            self.bodies["readiness"] = {**readiness(probe, self.place.address(self.work["pod"])), "name": "readiness"}
            asked = self._task("readiness")
            await asyncio.wait((main, asked), return_when=asyncio.FIRST_COMPLETED)
            self.kit.launcher.end(self._key("readiness"), 0)
            await asked
            self.aside += [self.ends.pop("readiness")] if "readiness" in self.ends else []
        if not main.done():
            self.ready(self.place.address(self.work["pod"]))
        await main

    async def _until_running(self, main: "asyncio.Task[Json]") -> None:
        while not main.done() and self._key(MAIN) not in self.kit.launcher.running:
            await asyncio.sleep(0.01)

    # --- one container ------------------------------------------------------------------------------------------------

    def _key(self, name: str, attempt: int = 0) -> str:
        return f"{self.folder}/{name}~{attempt}" if attempt else f"{self.folder}/{name}"

    async def _container(self, name: str) -> Json:
        """Runs a container, again where its set says so; returns how it ended."""
        strategy = (self.work.get("containerSet") or {}).get("retryStrategy") or {} if name in self.mains else {}
        tries = 1 + int(strategy.get("retries") or 0)
        wait = quantity_seconds(strategy.get("duration") or 0) if strategy else 0.0
        for attempt in range(tries):
            end = await self._once(name, attempt)
            if not end["code"] or end["reason"] or end.get("unstarted") or self.stopping or attempt == tries - 1:
                break
            await asyncio.sleep(wait)
        self.ends[name] = end
        return end

    async def _once(self, name: str, attempt: int) -> Json:
        key = self._key(name, attempt)
        end = await self.kit.launcher.found(key)
        if end is None:
            if self.stopping:
                return {"key": key, "code": 143, "reason": "", "root": "", "printed": False}
            try:
                made = self._order(name, key) if self._is_plain(name) else await self._threaded(self._order, name, key)
            except CommandTooLong as error:
                return self._unstarted(name, key, str(error))
            end = await self.kit.launcher.run(made | {"append": attempt > 0})
        return self._named(name, end)

    def _unstarted(self, name: str, key: str, text: str) -> Json:
        """The end of a container that could not be started, told in its log too."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{name}.log").write_text(f"{text}\n")
        return {"key": key, "code": 1, "reason": "", "root": "", "printed": True}

    def _named(self, name: str, end: Json) -> Json:
        """How a container ended; in Argo's words where its program is not there, which bubblewrap alone tells, in its log."""
        log = self.folder / f"{name}.log"
        if end["code"] != 1 or not end["printed"] or log.stat().st_size > LONGEST_COMPLAINT:
            return end
        told = NO_PROGRAM.fullmatch(log.read_text(errors="replace"))
        if told is None:
            return end
        program, why = told[1], told[2].lower()
        reason = why if "/" in program else "executable file not found in $PATH"
        if "/" in program and why.startswith("no such"):
            reason = f"stat {program}: {why}"
        text = f'failed to find name in PATH: exec: "{program}": {reason}'
        log.write_text(f"Error: {text}\n")
        return {**end, "code": 64, "text": text, "unstarted": True}

    async def _threaded(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.kit.threads, work, *arguments)

    def _is_plain(self, name: str) -> bool:
        """Whether nothing but the container itself is to be laid out, so that no thread need be asked."""
        body = self.bodies[name]
        asks = (body.get("volumeMounts"), body.get("workingDir"), (self.work.get("inputs") or {}).get("artifacts"))
        return (
            not any(asks)
            and name not in self.helpers
            and not wants_secrets(body)
            and self.kit.roots.has_free(self.place.workflow.namespace)
        )

    def _whole(self) -> Pod:
        if self.pod is None:
            namespace = self.place.workflow.namespace
            own = [self.work.get(key) for key in ("volumes", "http", "data", "inputs", "outputs", "archiveLocation")]
            parts = [*self.bodies.values(), *own, self.place.workflow.spec.get("volumes")]
            asked = any(wants_secrets({"part": part}) for part in parts)
            secrets: Mapping[str, str] = tenancy.read_secrets(namespace) if asked else {}
            self.pod = Pod(self.place, self.work, secrets, lambda name: self.kit.config_map(namespace, name))
        return self.pod

    def _order(self, name: str, key: str) -> Json:
        """Lays a container out and says how it is started."""
        pod, settings, namespace = self._whole(), get_settings(), self.place.workflow.namespace
        refresh_etc(self.kit.etc)
        before = self.made.get(name)  # one more try finds what the tries before it left
        root = before.root if before else self.kit.roots.take(namespace)
        try:
            body = self.bodies[name]
            container = pod.container(body, root, self._mirrored(body))
            if name in self.mains:
                self._give(pod, container)
            if helper := self.helpers.get(name):
                container = replace(
                    container, files=helper.files(pod), mounts=(*container.mounts, *helper.mounts), result=False
                )
            if self.gpus:
                container = replace(container, gpus=self.gpus)
            self.made[name] = container
            made = order(container, self.kit.etc, settings.steps_without_sandbox)
            if made["boxed"] and settings.warm_python:
                made["warm"] = warm_order(container, self.kit.etc)
                made["next"] = self._next_root() if made["warm"] else None
            limits = container.limits
            made = confined(made, f"{pod.name}.{name}.{root.name}", limits.memory_bytes, limits.cpu_millicores)
        except Exception:
            self.kit.roots.give_back(namespace, str(root))
            raise
        bounds = {
            "log_bytes": settings.step_log_mib << 20, "disk_bytes": int(settings.step_disk_gib * 2**30), "path": f"{self.folder}/{name}",
            "disk": [str(root), str(self.folder)], "grace_seconds": GRACE_SECONDS, "flush": settings.power_safe,
            "floor_bytes": floor_bytes(self.kit.home.engine),
        }  # fmt: skip
        return made | bounds | {"key": key}

    def _next_root(self) -> str | None:
        """The root for which a sandbox may be made ahead: where a core has nothing else to do. None where there is none yet; one is made."""
        if len(self.kit.launcher.running) >= CORES:
            return None
        namespace = self.place.workflow.namespace
        root = self.kit.roots.next(namespace)
        if root is None:
            self.kit.threads.submit(self.kit.roots.add, namespace)
        return root

    def _mirrored(self, body: Json) -> list[Json]:
        return list(self.bodies[self.mains[0]].get("volumeMounts") or []) if body.get("mirrorVolumeMounts") else []

    def _give(self, pod: Pod, container: Container) -> None:
        store, numbers = self.place.artifacts, itertools.count()
        for artifact in (self.work.get("inputs") or {}).get("artifacts") or []:
            if artifact.get("path"):
                fetched = self.folder / "fetched" / str(next(numbers)) if is_outside(artifact) else None
                store.put(artifact, lambda path: pod.locate(container, path), fetched)
        if container.image.root is None:
            return
        for artifact in (self.work.get("outputs") or {}).get(
            "artifacts"
        ) or []:  # such a root cannot be written elsewhere
            if artifact.get("path"):
                make_around(pod.locate(container, artifact["path"]))

    # --- the end ------------------------------------------------------------------------------------------------------

    def _ended(self, phase: str, message: str, outputs: Json | None = None) -> Outcome:
        ends = [*self.ends.values(), *self.aside]
        return Outcome(phase, message, outputs or {}, self._set(), ends, self._stood())

    def _stood(self) -> dict[str, str]:
        """By image what stood for it; of containers that an earlier server started, what stands for it now."""
        found: dict[str, str] = {}
        for name, body in self.bodies.items():
            if image := str(body.get("image") or ""):
                with contextlib.suppress(ImageUnknown, ImageFolderInvalid):
                    found[image] = (self.made[name].image if name in self.made else find_image(image)).stands_for
        return found

    def _set(self) -> dict[str, tuple[str, str]]:
        if "containerSet" not in self.work:
            return {}
        found = {}
        for name in self.mains:
            end = self.ends.get(name)
            code = end["code"] if end else 0
            phase = SUCCEEDED if end and not code else ERROR if code == 64 else FAILED
            message = f"{name}: {_reason(end)} (exit code {code}): {end.get('text', '')}" if end and code else ""
            found[name] = (phase, message)
        return found

    async def _collected(self) -> Outcome:
        phase, message = _verdict(list(self.ends.items()), self.mains)
        outputs: Json = {}
        if main := self.ends.get(MAIN):
            outputs["exitCode"] = str(main["code"])
        wanted = placed(self.work)
        plain = (
            not wanted.get("parameters")
            and not wanted.get("artifacts")
            and not any(one["printed"] for one in self.ends.values())
        )
        errors = self._take(outputs, wanted) if plain else await self._threaded(self._taken, outputs, wanted)
        errors += "".join(f"{one}; " for one in await self._sent())
        if errors and phase == SUCCEEDED:
            phase, message = ERROR, f"wait: Error (exit code 64): {errors}"
        return self._ended(phase, "; ".join(filter(None, [message, *_lost(self.ends)])), outputs)

    def _taken(self, outputs: Json, wanted: Json) -> str:
        """As `_take`, which finds the room that is kept back where the step has left none."""
        try:
            return self._take(outputs, wanted)
        except OSError as error:
            if not is_full(error):
                raise
            self.kit.reserve.give_up()
            return self._take(outputs, wanted)

    async def _sent(self) -> list[str]:
        """Takes the output artifacts that lie outside to where they belong; returns what failed."""
        if not self.parcels:
            return []
        try:
            answer = await self._help("wait", sender(self.parcels))
        except (HelperFailed, ReferenceMissing) as error:
            return [str(error)]
        return [str(one["error"]) for one in answer["results"] if "error" in one]

    def _packed(self, wanted: Json, key: str, locate: Locate) -> tuple[list[Json], list[str]]:
        """Packs the output artifacts that lie outside, to be sent; returns them and what failed."""
        found, errors, packer = list[Json](), list[str](), Artifacts(self.folder, "sent")
        self.parcels = []
        for number, one in enumerate(outside(wanted)):
            try:
                if "git" in one:
                    raise OutputMissing("git output artifacts unsupported")
                packed = packer.take({name: part for name, part in one.items() if name != "s3"}, str(number), locate)
            except (OutputMissing, VolumeInvalid, OSError) as error:
                errors.append(str(error))
                continue
            if packed:
                made = packed["s3"]["key"]
                if "s3" in one:
                    one = {**one, "s3": {**one["s3"], "key": one["s3"].get("key") or f"{key}/{Path(made).name}"}}
                self.parcels.append((one, packer.path(made)))
                found.append(one)
        return found, errors

    def _take(self, outputs: Json, wanted: Json) -> str:
        """Puts the pod's outputs into `outputs`; returns what of them failed."""
        main, errors = self.ends.get(MAIN), list[str]()
        artifacts: list[Json] = []
        store, key = self.place.artifacts, self.place.key(self.work["pod"])
        if main and main["root"]:
            locate = self._locator(Path(main["root"]))
            if self.work.get("wantsResult"):
                outputs["result"] = main.get("result", "").removesuffix("\n")
            parameters, error = _parameters(wanted, locate)
            artifacts, unkept = _artifacts(wanted, store, key, locate)
            found, failed = self._packed(wanted, key, locate)
            artifacts = [*artifacts, *found]
            errors = [error] if error else [f"{one}; " for one in (*unkept, *failed)]
            if parameters:
                outputs["parameters"] = parameters
        for name in self.mains:
            end = self.ends.get(name, {})
            if not end.get("root") or end.get("unstarted"):  # what did not run has no log
                continue
            if end.get("printed"):
                store.keep(self.folder / f"{name}.log", f"{key}/{name}.log")
            artifacts.append({"name": f"{name}-logs", "s3": {"key": f"{key}/{name}.log"}})
        outputs["artifacts"] = artifacts
        return "".join(errors)

    def _locator(self, root: Path) -> Locate:
        container = self.made.get(MAIN)
        if container is None:  # it was started by an earlier server
            container = self._whole().container(self.bodies[MAIN], root)
        return View(container, self.kit.etc).find


def _parameters(wanted: Json, locate: Locate) -> tuple[list[Json], str]:
    """The output parameters with their values up to the first that cannot be had, the others as they were, and what failed."""
    found: list[Json] = []
    parameters = wanted.get("parameters") or []
    for one in parameters:
        try:
            found.append(take_parameter(one, locate))
        except (OutputMissing, VolumeInvalid, OSError) as error:
            return [*found, *parameters[len(found) :]], str(error)
    return found, ""


def _artifacts(wanted: Json, store: Artifacts, key: str, locate: Locate) -> tuple[list[Json], list[str]]:
    """The output artifacts that are kept in the project's own store, and what failed."""
    artifacts, errors = [], []
    for one in wanted.get("artifacts") or []:
        try:
            if one.get("path") and not is_outside(one) and (kept := store.take(one, key, locate)):
                artifacts.append(kept)
        except (OutputMissing, VolumeInvalid, OSError) as error:
            errors.append(str(error))
    return artifacts, errors


def _of_pod(reason: str) -> str:
    """Message of a pod that was ended for this reason; empty for one that is a container's."""
    floor = floor_bytes(get_home().engine) >> 20
    return OF_POD.get(reason, "").format(limit=f"{get_settings().step_disk_gib:g}", floor=floor)


def _reason(end: Json) -> str:
    return REASONS.get(end["reason"], "Error")


def _lost(ends: Mapping[str, Json]) -> list[str]:
    """What is to be told of containers whose output could not be kept."""
    return [
        f"{name}: what it printed was not kept whole: {end['lost']}" for name, end in ends.items() if end.get("lost")
    ]


def _verdict(ends: list[tuple[str, Json]], mains: list[str]) -> tuple[str, str]:
    """Phase and message of a pod, in the order of preference that Argo has: main containers, then the others."""
    for reason in OF_POD:
        if any(end["reason"] == reason for _, end in ends):
            return FAILED, _of_pod(reason)
    for name, end in sorted(
        ends, key=lambda pair: (pair[0] not in mains, pair[0])
    ):  # by name, as Kubernetes lists them
        code = int(end["code"])
        if code and (name in mains or code not in ENDED_BY_US):
            message = f"{name}: {_reason(end)} (exit code {code})"
            return FAILED, f"{message}: {end['text']}" if end.get("text") else message
    return SUCCEEDED, ""
