"""Carries out what the state machine asks for: writes first, then starts; goes on after any crash."""

import asyncio
import logging
import os
import shutil
import socket
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import tenancy
from atrium.clock import now
from atrium.database import writing
from atrium.errors import AtriumError
from atrium.events import emit
from atrium.home import Home
from atrium.settings import get_settings
from atrium.storage import is_full, storage_full
from workflows.clusters.reach import reach
from workflows.engine.admission import Admission, Grant, Turn, wants_of
from workflows.engine.expiry import Expiry, Listed, leaves_at
from workflows.engine.images import runtime_folders
from workflows.engine.launcher import Launcher
from workflows.engine.leavings import ON_COMPLETION, ON_DELETION, claims_go, delete_keys, let_go, tidy_pod
from workflows.engine.machine import Effects, Throttle, World, advance, begin_pod, finish_pod, mark_container
from workflows.engine.podrun import GRACE_SECONDS, Kit, Outcome, PodRun
from workflows.engine.pods import Place
from workflows.engine.reserve import Reserve
from workflows.engine.roots import Roots, prepare_etc, remove
from workflows.engine.state import PENDING, RUNNING, Json, Workflow, stamp
from workflows.engine.store import Store
from workflows.engine.watching import Watcher
from workflows.plan import steps_of

log = logging.getLogger(__name__)
SLOTS_PER_CORE = 4
SUMMARY_SECONDS = 0.2
TURN_SECONDS = 0.02
ROOM_SECONDS = 0.5
LIMITS_SECONDS = 2.0
RESERVE_SECONDS = 10.0
OWNER = "workflows.argoproj.io/creator"
PIPELINE = "atrium.io/pipeline"
HOST = socket.gethostname()
GPUS = "gpus"


@dataclass
class Left:
    """What pods have left, to be taken back once their ends are on disk: ends by key, project and root; folders; artifacts that go."""

    ends: list[tuple[str, str, str]] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    artifacts: list[tuple[Workflow, list[str]]] = field(default_factory=list)


class Runner:
    """Every live workflow of this server."""

    def __init__(self, home: Home, store: Store) -> None:
        self.home, self.store, self.world = home, store, World.of(store)
        given = get_settings()
        self.world.throttle = Throttle(given.parallelism, given.namespace_parallelism)
        self.live: dict[str, Workflow] = {}
        self.watchers: set[Watcher] = set()
        slots = given.step_slots or SLOTS_PER_CORE * (os.cpu_count() or 1)
        self.slot_count, self.admission = slots, Admission(slots)
        self.threads = ThreadPoolExecutor(slots + 2, "step")
        self.told = ThreadPoolExecutor(1, "tell")
        self.kicked: dict[str, Workflow] = {}
        self.noted: dict[str, Workflow] = {}
        self.turning = False
        self.left = Left()
        self.launcher = Launcher(home)
        self.roots = Roots(home.engine / "roots", lambda project: [*runtime_folders(), str(home.data(project))])
        self.reserve = Reserve(home.engine / "reserve")
        self.kit = Kit(home, self.launcher, self.roots, self.threads, store.config_map, self.reserve, reach)
        self.runs: dict[tuple[str, str], PodRun] = {}
        self.kept: dict[tuple[str, str], Grant] = {}
        self.wakes: dict[str, asyncio.TimerHandle] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.phases: dict[str, tuple[str, str]] = {}
        self.summaries: dict[str, Workflow] = {}
        self.expiry = Expiry(self._expire)

    async def resume_all(self) -> None:
        """Takes up the workflows that were live when the server last ended."""
        self._keep_room()
        prepare_etc(self.kit.etc)
        await self.launcher.open()
        keys = set()
        unfinished = self.store.unfinished()
        self.world.throttle.set_limits(await asyncio.to_thread(tenancy.parallelism_limits))
        self.world.take_up(unfinished)
        going = [one for one in unfinished if Place(self.home, one).token_file.exists() or self._has_new_token(one)]
        self._keep_grants(going)
        for workflow in unfinished:
            self.live[workflow.uid] = workflow
            self.kick(workflow)
        for workflow in going:
            place = Place(self.home, workflow)
            for node in list(workflow.pods(PENDING, RUNNING)):
                keys.add(str(place.folder(workflow.work[node["id"]]["pod"])))
                self._spawn(workflow, node["id"])
        for key in [one for one in self.launcher.running if str(Path(one).parent) not in keys]:
            self.launcher.end(key, GRACE_SECONDS)  # of nodes that had ended without them
        self.launcher.forget([key for key in self.launcher.ended if str(Path(key).parent) not in keys])
        used = {*self.launcher.running.values(), *(end["root"] for end in self.launcher.ended.values())}
        self.threads.submit(self.roots.sweep, used)
        asyncio.get_running_loop().call_later(LIMITS_SECONDS, self._look_at_limits)
        self.expiry.add(self.store.expiring())

    def _keep_room(self) -> None:
        """Sees to it, now and then, that room is kept back."""
        self.reserve.keep()
        asyncio.get_running_loop().call_later(RESERVE_SECONDS, self._keep_room)

    def _look_at_limits(self) -> None:
        """Sees now and then how many workflows each project may run at once, and lets in whoever may go on."""
        looked = asyncio.get_running_loop().run_in_executor(self.told, tenancy.parallelism_limits)
        looked.add_done_callback(self._set_limits)

    def _set_limits(self, looked: "asyncio.Future[dict[str, int]]") -> None:
        if looked.cancelled():
            return
        if error := looked.exception():
            log.warning("could not read the projects' limits: %s", error)
        else:
            self._kick_named(self.world.throttle.set_limits(looked.result()))
        asyncio.get_running_loop().call_later(LIMITS_SECONDS, self._look_at_limits)

    def _kick_named(self, names: set[str]) -> None:
        """Has workflows looked at, named `namespace/name`."""
        for other in list(self.live.values()) if names else []:
            if f"{other.namespace}/{other.name}" in names:
                self.kick(other)

    def _keep_grants(self, workflows: list[Workflow]) -> None:
        """Keeps for the pods that may still run what they had, before any other is let in."""
        for workflow in workflows:
            for node in workflow.pods(PENDING, RUNNING):
                work = workflow.work[node["id"]]
                if "resource" not in work and (node["phase"] == RUNNING or GPUS in work):
                    grant = self.admission.take_up(wants_of(work), tuple(work.get(GPUS) or ()), workflow.uid)
                    if grant:
                        self.kept[workflow.uid, node["id"]] = grant

    def add(self, workflow: Workflow, saved: bool = False) -> str:
        """Takes a new workflow: it is on disk before this returns, or `saved` before. Its JSON as it was taken, before its first step.

        Raises:
            UserNotFound: its owner is no more, and nothing is kept; one that was saved before ends with a message instead.
        """
        if saved:
            self._has_new_token(workflow)
        else:
            self._issue_token(workflow, _owner(workflow))
            self.store.save(workflow)
        self.live[workflow.uid] = workflow
        taken = workflow.text()
        self.kick(workflow)
        return taken

    def _has_new_token(self, workflow: Workflow) -> bool:
        """Gives a workflow that is saved a run token; one whose owner is no more ends with a message instead."""
        try:
            self._issue_token(workflow, _owner(workflow))
        except tenancy.UserNotFound as error:
            log.warning("workflow %s/%s cannot go on: %s", workflow.namespace, workflow.name, error)
            workflow.status.update(phase="Error", message=f"cannot go on: {error}", finishedAt=stamp(now()))
            return False
        return True

    def _issue_token(self, workflow: Workflow, owner: str) -> None:
        place = Place(self.home, workflow)
        text = tenancy.issue_run_token(owner, workflow.namespace, workflow.name)
        place.token_file.parent.mkdir(exist_ok=True, mode=0o700)
        descriptor = os.open(place.token_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)

    def kick(self, workflow: Workflow) -> None:
        """Has the workflow looked at soon; several kicks before that are one."""
        self.kicked[workflow.uid] = workflow
        self._turn_soon()

    def note(self, workflow: Workflow) -> None:
        """Has the workflow's changes written and told soon; nothing in it can move for them."""
        self.noted[workflow.uid] = workflow
        self._turn_soon()

    def _turn_soon(self) -> None:
        if not self.turning:
            self.turning = True
            waiting = len(self.runs) > self.slot_count  # then nothing starts the earlier for a quicker turn
            asyncio.get_running_loop().call_later(TURN_SECONDS if waiting else 0, self._turn)

    def _turn(self) -> None:
        """Moves every kicked workflow on, writes all that changed in one transaction, and only then acts on it."""
        kicked = {uid: workflow for uid, workflow in self.kicked.items() if uid in self.live}
        changed = [*({uid: one for uid, one in self.noted.items() if uid in self.live} | kicked).values()]
        self.kicked, self.noted = {}, {}
        effects = [(workflow, self._advanced(workflow)) for workflow in kicked.values()]
        left, self.left = self.left, Left()
        self._write(changed, effects, left)

    def _write(self, changed: list[Workflow], effects: list[tuple[Workflow, Effects]], left: Left) -> None:
        """Writes what a turn changed, then acts on it; where the disk is full, once there is room: until then nothing moves."""
        try:
            self.store.save(*changed)
        except sqlite3.OperationalError as error:
            if not is_full(error):
                raise
            log.warning("%s", storage_full("workflows"))
            if not self.reserve.give_up():
                self._empty_roots(left)
                self._empty_roots(self.left)
            asyncio.get_running_loop().call_later(ROOM_SECONDS, self._write, changed, effects, left)
            return
        self.turning = False
        if self.kicked or self.noted or self.left.ends:
            self._turn_soon()
        for workflow, found in effects:
            self._act(workflow, found)
        for workflow in changed:
            self.tell(workflow)
        asyncio.get_running_loop().call_soon(self._tidy, left)  # what was asked for above is started first
        if not self.reserve.held:
            self.threads.submit(self.reserve.keep)

    def _tidy(self, left: Left) -> None:
        """Takes back what is left of pods whose end is on disk; in a thread only where there is something to remove."""
        for workflow, keys in left.artifacts:
            self.threads.submit(delete_keys, Place(self.home, workflow).artifacts, keys)
        self.launcher.forget([key for key, _, _ in left.ends])
        for _, project, root in left.ends:
            if root and not self.roots.give_back_unchanged(project, root):
                self.threads.submit(self.roots.give_back, project, root)
        for folder in left.folders:
            if folder.is_dir():
                self.threads.submit(tidy_pod, folder)

    def _empty_roots(self, left: Left) -> None:
        """Empties the roots of containers that have ended, whose outputs were taken, to make room."""
        for _, project, root in left.ends:
            if root:
                self.threads.submit(self.roots.give_back, project, root)
        left.ends = [(key, project, "") for key, project, _ in left.ends]

    def _advanced(self, workflow: Workflow) -> Effects:
        try:
            effects = advance(workflow, now(), self.world)
        except Exception as error:  # whatever breaks the machine ends that workflow, never others
            log.exception("workflow %s/%s cannot go on", workflow.namespace, workflow.name)
            workflow.status.update(phase="Error", message=f"cannot go on: {error}", finishedAt=stamp(now()))
            effects = Effects()
        labels = workflow.metadata.setdefault("labels", {})
        labels["workflows.argoproj.io/phase"] = workflow.phase
        if workflow.done:
            labels["workflows.argoproj.io/completed"] = "true"
            self.left.artifacts.append((workflow, let_go(workflow, ON_COMPLETION)))
        return effects

    def _act(self, workflow: Workflow, effects: Effects) -> None:
        for identifier in effects.start:
            self._spawn(workflow, identifier)
        for identifier in effects.end:
            self._end_process(workflow, identifier)
        self._kick_named(effects.wake)
        if workflow.spec.get("shutdown"):
            self._end_pods(workflow)
        self._wake_at(workflow, effects.wake_at)
        if workflow.done:
            self._finish(workflow)

    def _wake_at(self, workflow: Workflow, moments: list[datetime]) -> None:
        if handle := self.wakes.pop(workflow.uid, None):
            handle.cancel()
        if moments and not workflow.done:
            wait = max(0.0, (min(moments) - now()).total_seconds())
            self.wakes[workflow.uid] = asyncio.get_running_loop().call_later(wait, self.kick, workflow)

    def _end_pods(self, workflow: Workflow) -> None:
        strategy = workflow.spec["shutdown"]
        for node in list(workflow.pods(PENDING, RUNNING)):
            if strategy != "Stop" or not (workflow.work.get(node["id"]) or {}).get("exiting"):
                self._end_process(workflow, node["id"])

    def _end_process(self, workflow: Workflow, identifier: str) -> None:
        """Ends the processes of a node's pod, where it has any."""
        if run := self.runs.get((workflow.uid, identifier)):
            run.stop()

    def _finish(self, workflow: Workflow) -> None:
        self.live.pop(workflow.uid, None)
        self._kick_named(self.world.release_all(workflow))
        place = Place(self.home, workflow)
        place.token_file.unlink(missing_ok=True)
        self.told.submit(tenancy.end_run_tokens, workflow.namespace, workflow.name)
        if claims_go(workflow):
            self.threads.submit(remove, place.run_claims)
        self.expiry.add([workflow.document])

    def _expire(self, listed: Listed) -> None:
        """Takes a workflow from the lists whose time has come, where it is still there and was not retried since."""
        uid, namespace, name = listed
        found = self.store.load(namespace, name)
        if found and found.uid == uid and (moment := leaves_at(found.document)) and moment <= now():
            self.remove(found)

    # --- pods ---------------------------------------------------------------------------------------------------------

    def _spawn(self, workflow: Workflow, identifier: str) -> None:
        task = asyncio.get_running_loop().create_task(self._pod(workflow, identifier))
        self.tasks.add(task)
        task.add_done_callback(lambda ended: self._ended(ended, workflow, identifier))

    def _ended(self, task: "asyncio.Task[None]", workflow: Workflow, identifier: str) -> None:
        """A step whose carrying out broke must not leave its workflow waiting for ever."""
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("a step's task failed", exc_info=error)
            self._done(workflow, identifier, Outcome("Error", f"the step could not be carried out: {error}"))

    async def _pod(self, workflow: Workflow, identifier: str) -> None:
        work, place = workflow.work[identifier], Place(self.home, workflow)
        run = PodRun(self.kit, place, work, lambda address: self._ready(workflow, identifier, address))
        self.runs[workflow.uid, identifier] = run
        try:
            outcome = await self._admitted(workflow, identifier, run)
        except (AtriumError, ValueError, OSError) as error:
            told = storage_full("the step's folders") if is_full(error) else error
            outcome = Outcome("Error", str(told), ends=[*run.ends.values(), *run.aside])
        finally:
            del self.runs[workflow.uid, identifier]
        if run.pod or run.aside:  # else it had nothing but its containers
            self.left.folders.append(run.folder)
        self._done(workflow, identifier, outcome)

    async def _admitted(self, workflow: Workflow, identifier: str, run: PodRun) -> Outcome:
        """Carries a pod out once the machine has room for it."""
        if "resource" in run.work:  # it waits for others, which need the room
            return await self._begun(workflow, identifier, run, ())
        grant = self.kept.pop((workflow.uid, identifier), None) or await self.admission.take(
            wants_of(run.work), lambda text: self._waits(workflow, identifier, text), run.waits_for, _turn(workflow)
        )
        if grant is None:
            return Outcome("Failed", f"Stopped with strategy '{workflow.spec.get('shutdown')}'")
        try:
            return await self._begun(workflow, identifier, run, grant.gpus)
        finally:
            self.admission.give_back(grant)

    async def _begun(self, workflow: Workflow, identifier: str, run: PodRun, gpus: tuple[str, ...]) -> Outcome:
        if workflow.spec.get("shutdown") == "Terminate" and not await run.started():
            return Outcome("Failed", "Stopped with strategy 'Terminate'")
        may_move = begin_pod(workflow, identifier, now(), host=HOST)
        (self.kick if may_move else self.note)(workflow)
        run.gpus = gpus
        if gpus and run.work.get(GPUS) != [*gpus]:
            run.work[GPUS] = [*gpus]  # on disk before the start, so that a restart gives them to nobody else
            workflow.touch(workflow.nodes[identifier])
            self.store.save(workflow)
        return await run.run()

    def _waits(self, workflow: Workflow, identifier: str, text: str) -> None:
        """A pod has waited for a while: its node says for what."""
        if (node := workflow.nodes.get(identifier)) and node["phase"] == PENDING and node["type"] == "Pod":
            node["message"] = text
            workflow.touch(node)
            self.note(workflow)

    def _ready(self, workflow: Workflow, identifier: str, address: str) -> None:
        """A daemon is ready: those that wait for it go on."""
        begin_pod(workflow, identifier, now(), address)
        self.kick(workflow)

    def _done(self, workflow: Workflow, identifier: str, outcome: Outcome) -> None:
        self.left.ends += [(end["key"], workflow.namespace, end["root"]) for end in outcome.ends]
        self._turn_soon()
        if identifier not in workflow.nodes:
            return
        for container, (phase, message) in outcome.containers.items():
            mark_container(workflow, identifier, container, phase, message, now())
        if outcome.ends:
            node = workflow.nodes[identifier]
            node["measured"] = measured(outcome.ends)
            if node["type"] == "Pod":
                node["resourcesDuration"] = durations(outcome.ends)
            if outcome.images:
                node["standsFor"] = outcome.images
        finish_pod(workflow, identifier, outcome.phase, outcome.message, outcome.outputs, now(), self.world)
        self.kick(workflow)

    # --- telling ------------------------------------------------------------------------------------------------------

    def tell(self, workflow: Workflow) -> None:
        """Tells watchers of the change, and the summaries where the phase or progress changed."""
        for watcher in self.watchers:
            watcher.note(workflow)
        seen = (workflow.phase, workflow.status.get("progress", ""))
        if self.phases.get(workflow.uid) != seen:
            self.phases[workflow.uid] = seen
            self._summarize(workflow)
        if workflow.done:
            self.phases.pop(workflow.uid, None)

    def _summarize(self, workflow: Workflow) -> None:
        """Has the summaries told soon: at once of a new phase, of progress a few times a second."""
        key, told = workflow.uid, self.summaries
        soon = key not in told or workflow.done
        told[key] = workflow
        if soon:
            wait = 0.0 if workflow.done or not workflow.nodes else SUMMARY_SECONDS
            asyncio.get_running_loop().call_later(wait, self._tell_summary, key)

    def _tell_summary(self, key: str) -> None:
        if workflow := self.summaries.pop(key, None):
            self.told.submit(_tell, workflow.namespace, workflow.name, summary(workflow))

    def take_up(self, workflow: Workflow, owner: str = "") -> None:
        """Has a workflow go on after somebody changed it; it is on disk before this returns. `owner` gets a new run token."""
        workflow.memory = None
        self._kick_named(self.world.throttle.take_up([workflow]))
        self.live[workflow.uid] = workflow
        self.store.save(workflow)
        if owner:
            self._issue_token(workflow, owner)
        self.kick(workflow)

    def remove(self, workflow: Workflow) -> None:
        """Ends a workflow and takes it from the lists, with what it owns; one that had ended stays in the archive, without its pods' files."""
        self._remove_alone(workflow)
        self.remove_owned(workflow.namespace, workflow.uid)

    def remove_owned(self, namespace: str, uid: str) -> None:
        """Removes what belonged to an object that is no more, as Kubernetes' garbage collection does."""
        runs, others = self.store.owned_by(namespace, uid)
        for kind, name in others:
            document = self.store.template(kind, namespace, name)
            self.store.delete_template(kind, namespace, name)
            self.remove_owned(namespace, document["metadata"]["uid"] if document else "")
        for one in runs:
            if workflow := self.live.get(one) or self.store.by_uid(one):
                self.remove(workflow)

    def _remove_alone(self, workflow: Workflow) -> None:
        if workflow.done:
            if keys := let_go(workflow, ON_DELETION):
                self.store.save(workflow)
                self.threads.submit(delete_keys, Place(self.home, workflow).artifacts, keys)
            if self.store.left_archive(workflow):
                self.forget(workflow)
                return
            self.store.archive(workflow)
            shutil.rmtree(self.home.engine / "steps" / workflow.namespace / workflow.uid, ignore_errors=True)
            self._told_gone(workflow)
            return
        workflow.spec["shutdown"] = "Terminate"
        self._end_pods(workflow)
        self.forget(workflow)

    def forget(self, workflow: Workflow) -> None:
        """Removes a workflow with its files, from the archive too."""
        self.live.pop(workflow.uid, None)
        if not workflow.done:
            self._kick_named(self.world.release_all(workflow))
        self.store.delete(workflow)
        shutil.rmtree(self.home.engine / "steps" / workflow.namespace / workflow.uid, ignore_errors=True)
        if not self.store.is_name_used(workflow):
            shutil.rmtree(self.home.engine / "artifacts" / workflow.namespace / workflow.name, ignore_errors=True)
        self._told_gone(workflow)

    def _told_gone(self, workflow: Workflow) -> None:
        for watcher in self.watchers:
            watcher.note(workflow, deleted=True)
        self.told.submit(_tell, workflow.namespace, workflow.name, summary(workflow) | {"deleted": True})


def measured(ends: list[Json]) -> Json:
    """What a pod's containers used, as its node shows it: together, the peak of memory of the largest."""
    used = [end for end in ends if "began" in end]
    return {
        "cpuSeconds": round(sum(end["cpu_seconds"] for end in used), 3),
        "peakMemoryMib": round(max((end["peak_memory_bytes"] for end in used), default=0) / 2**20, 1),
        "readMib": round(sum(end["read_bytes"] for end in used) / 2**20, 1),
        "writtenMib": round(sum(end["written_bytes"] for end in used) / 2**20, 1),
    }


def durations(ends: list[Json]) -> Json:
    """Argo's resourcesDuration: seconds of one CPU, seconds of 100 MiB of memory."""
    used = [end for end in ends if "began" in end]
    memory = sum((end["ended"] - end["began"]) * end["peak_memory_bytes"] / 2**20 / 100 for end in used)
    return {"cpu": round(sum(end["cpu_seconds"] for end in used)), "memory": round(memory)}


def _turn(workflow: Workflow) -> Turn:
    return Turn(workflow.uid, int(workflow.spec.get("priority") or 0))


def _owner(workflow: Workflow) -> str:
    return str((workflow.metadata.get("labels") or {}).get(OWNER, ""))


def summary(workflow: Workflow) -> Json:
    """What lists show of a workflow."""
    labels = workflow.metadata.get("labels") or {}
    return {
        "name": workflow.name, "uid": workflow.uid, "phase": workflow.phase, "labels": labels,
        "createdAt": workflow.metadata["creationTimestamp"], "startedAt": workflow.status.get("startedAt"),
        "finishedAt": workflow.status.get("finishedAt"), "progress": steps_of(workflow.rendered()),
        "message": workflow.status.get("message", ""), "owner": labels.get(OWNER, ""), "pipeline": labels.get(PIPELINE, ""),
    }  # fmt: skip


def _tell(namespace: str, name: str, payload: Json) -> None:
    try:
        with writing() as session:
            emit(session, "workflow.changed", namespace, name, payload)
    except Exception:
        log.exception("could not note that %s/%s changed", namespace, name)
