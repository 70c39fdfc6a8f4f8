"""Carries out what the state machine asks for: writes first, then starts; goes on after any crash."""

import asyncio
import logging
import os
import resource
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import psutil

import tenancy
from atrium.clock import now
from atrium.database import writing
from atrium.errors import AtriumError
from atrium.events import emit
from atrium.home import Home
from atrium.settings import get_settings
from workflows.engine.machine import Effects, advance, finish_pod
from workflows.engine.pods import Place, collect, make_step, memory_limit_bytes
from workflows.engine.sandbox import ask_to_end, end, shim_lives, start
from workflows.engine.state import PENDING, RUNNING, Json, Workflow, quantity_seconds, stamp
from workflows.engine.store import Store

log = logging.getLogger(__name__)
SLOTS_PER_CORE = 4
WATCH_SECONDS = 0.2
ADOPTED_SECONDS = 0.1
GRACE_SECONDS = 3.0
OWNER = "workflows.argoproj.io/creator"
PIPELINE = "atrium.io/pipeline"


class Runner:
    """Every live workflow of this server."""

    def __init__(self, home: Home, store: Store) -> None:
        self.home, self.store = home, store
        self.live: dict[str, Workflow] = {}
        self.watchers: set[asyncio.Queue[Workflow]] = set()
        slots = get_settings().step_slots or SLOTS_PER_CORE * (os.cpu_count() or 1)
        self.slots = asyncio.Semaphore(slots)
        self.threads = ThreadPoolExecutor(slots + 2, "step")
        self.told = ThreadPoolExecutor(1, "tell")
        self.kicked: set[str] = set()
        self.wakes: dict[str, asyncio.TimerHandle] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.phases: dict[str, tuple[str, str]] = {}

    def resume_all(self) -> None:
        """Takes up the workflows that were live when the server last ended."""
        for workflow in self.store.unfinished():
            self.live[workflow.uid] = workflow
            if not Place(self.home, workflow).token_file.exists():
                self._issue_token(workflow, (workflow.metadata.get("labels") or {}).get(OWNER, ""))
            for node in list(workflow.pods(PENDING, RUNNING)):
                self._spawn(workflow, node["id"])
            self.kick(workflow)

    def add(self, workflow: Workflow) -> None:
        """Takes a new workflow: it is on disk before this returns."""
        owner = (workflow.metadata.get("labels") or {}).get(OWNER, "")
        self.store.save(workflow)
        self.live[workflow.uid] = workflow
        self._issue_token(workflow, owner)
        self.kick(workflow)

    def _issue_token(self, workflow: Workflow, owner: str) -> None:
        place = Place(self.home, workflow)
        place.token_file.parent.mkdir(exist_ok=True, mode=0o700)
        text = tenancy.issue_run_token(owner, workflow.namespace, workflow.name)
        descriptor = os.open(place.token_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)

    def kick(self, workflow: Workflow) -> None:
        """Has the workflow looked at soon; several kicks before that are one."""
        if workflow.uid not in self.kicked:
            self.kicked.add(workflow.uid)
            asyncio.get_running_loop().call_soon(self._advance, workflow.uid)

    def _advance(self, uid: str) -> None:
        self.kicked.discard(uid)
        workflow = self.live.get(uid)
        if workflow is None:
            return
        try:
            effects = advance(workflow, now())
        except Exception as error:  # whatever breaks the machine ends that workflow, never others
            log.exception("workflow %s/%s cannot go on", workflow.namespace, workflow.name)
            workflow.status.update(phase="Error", message=f"cannot go on: {error}", finishedAt=stamp(now()))
            effects = Effects()
        self.store.save(workflow)
        for identifier in effects.start:
            self._spawn(workflow, identifier)
        if workflow.spec.get("shutdown"):
            self._end_pods(workflow)
        self._wake_at(workflow, effects.wake_at)
        if workflow.done:
            self._finish(workflow)
        self.tell(workflow)

    def _wake_at(self, workflow: Workflow, moments: list[datetime]) -> None:
        if handle := self.wakes.pop(workflow.uid, None):
            handle.cancel()
        if moments and not workflow.done:
            wait = max(0.0, (min(moments) - now()).total_seconds())
            self.wakes[workflow.uid] = asyncio.get_running_loop().call_later(wait, self.kick, workflow)

    def _end_pods(self, workflow: Workflow) -> None:
        strategy = workflow.spec["shutdown"]
        for node in list(workflow.pods(PENDING, RUNNING)):
            exiting = node["name"].startswith(f"{workflow.name}.onExit")
            if strategy == "Stop" and exiting:
                continue
            work = workflow.work.get(node["id"]) or {}
            pid = shim_lives(Place(self.home, workflow).folder(work["pod"])) if work else None
            if pid and not work.get("asked"):
                work["asked"] = True
                self._end_politely(pid, Place(self.home, workflow).folder(work["pod"]))
        for node in list(workflow.nodes.values()):
            if node["type"] == "Suspend" and node["phase"] == RUNNING:
                node.update(phase="Failed", message=f"Stopped with strategy '{strategy}'", finishedAt=node["startedAt"])
                workflow.touch(node)
                self.kick(workflow)

    @staticmethod
    def _end_politely(pid: int, folder: Path) -> None:
        """Asks a step to end, and ends it where it has not after the grace."""
        ask_to_end(pid)

        def insist() -> None:
            if shim_lives(folder) == pid:
                end(pid)

        asyncio.get_running_loop().call_later(GRACE_SECONDS, insist)

    def _finish(self, workflow: Workflow) -> None:
        labels = workflow.metadata.setdefault("labels", {})
        labels |= {"workflows.argoproj.io/completed": "true", "workflows.argoproj.io/phase": workflow.phase}
        self.store.save(workflow)
        self.live.pop(workflow.uid, None)
        place = Place(self.home, workflow)
        place.token_file.unlink(missing_ok=True)
        self.told.submit(tenancy.end_run_tokens, workflow.namespace, workflow.name)

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
            self._done(workflow, identifier, "Error", f"the step could not be carried out: {error}", {})

    async def _pod(self, workflow: Workflow, identifier: str) -> None:
        work, place = workflow.work[identifier], Place(self.home, workflow)
        async with self.slots:
            if workflow.spec.get("shutdown") == "Terminate" and not (place.folder(work["pod"]) / "pid").exists():
                self._done(workflow, identifier, "Failed", "Stopped with strategy 'Terminate'", {})
                return
            node = workflow.nodes[identifier]
            node["phase"] = RUNNING
            workflow.touch(node)
            self.kick(workflow)
            run = asyncio.get_running_loop().run_in_executor
            try:
                phase, message, outputs = await run(self.threads, self._run, place, work)
            except (AtriumError, ValueError, OSError) as error:
                phase, message, outputs = "Error", str(error), {}
        self._done(workflow, identifier, phase, message, outputs)

    def _done(self, workflow: Workflow, identifier: str, phase: str, message: str, outputs: Json) -> None:
        if identifier not in workflow.nodes:
            return
        used = outputs.pop("_used", None)
        if used:
            workflow.nodes[identifier]["resourcesDuration"] = {
                "cpu": round(used["cpuSeconds"]),
                "memory": round(used.get("peakMemoryMib", 0)),
            }
            workflow.nodes[identifier]["measured"] = used
        finish_pod(workflow, identifier, phase, message, outputs, now())
        self.kick(workflow)

    def _run(self, place: Place, work: Json) -> tuple[str, str, Json]:
        """Runs a pod to its end in a thread; takes up one that is still running, or has ended, from before a restart."""
        folder = place.folder(work["pod"])
        used: Json = {}
        if not (folder / "exit").exists():
            pid = shim_lives(folder)
            if pid is None:
                step = make_step(place, work, tenancy.read_secrets(place.workflow.namespace))
                process = start(step, get_settings().steps_without_sandbox)
                used = self._watch(process.pid, work, child=True)
                process.returncode = 0
            else:
                self._watch(pid, work, child=False)
        if not (folder / "exit").exists():
            return "Error", "the step's process was lost (power or kill); retry it", {}
        code = int((folder / "exit").read_text() or 1)
        phase, message, outputs = collect(place, work, code)
        if ended := work.get("ended"):
            phase, message = "Failed", ended
        return phase, message, outputs | ({"_used": used} if used else {})

    def _watch(self, pid: int, work: Json, child: bool) -> Json:
        """Waits for the shim; ends the step at its deadline or memory limit. Returns what it used, where that is known."""
        limit = memory_limit_bytes(work)
        timeout = work.get("activeDeadlineSeconds") or work.get("timeout")
        due = time.monotonic() + quantity_seconds(timeout) if timeout else None
        while True:
            guarded = limit is not None or due is not None
            if child:
                found, _, usage = os.wait4(pid, os.WNOHANG if guarded else 0)
                if found:
                    return _usage(usage)
            elif not psutil.pid_exists(pid):
                return {}
            if due is not None and time.monotonic() > due:
                work["ended"] = "Pod was active on the node longer than the specified deadline"
                ask_to_end(pid)
                if time.monotonic() > due + GRACE_SECONDS:
                    end(pid)
            if limit is not None and self._memory_bytes(pid) > limit:
                work["ended"] = "OOMKilled (exit code 137)"
                end(pid)
            time.sleep(WATCH_SECONDS if child else ADOPTED_SECONDS)

    @staticmethod
    def _memory_bytes(pid: int) -> int:
        def sizes() -> Iterator[int]:
            for process in psutil.Process(pid).children(recursive=True):
                try:
                    yield process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue

        try:
            return sum(sizes())
        except psutil.NoSuchProcess:
            return 0

    # --- telling ------------------------------------------------------------------------------------------------------

    def tell(self, workflow: Workflow) -> None:
        """Tells watchers of the change, and the summaries where the phase or progress changed."""
        for queue in self.watchers:
            queue.put_nowait(workflow)
        seen = (workflow.phase, workflow.status.get("progress", ""))
        if self.phases.get(workflow.uid) != seen:
            self.phases[workflow.uid] = seen
            self.told.submit(_tell, workflow.namespace, workflow.name, summary(workflow))
        if workflow.done:
            self.phases.pop(workflow.uid, None)

    def forget(self, workflow: Workflow) -> None:
        """Removes a workflow with its files."""
        self.live.pop(workflow.uid, None)
        self.store.delete(workflow)
        shutil.rmtree(self.home.engine / "steps" / workflow.namespace / workflow.uid, ignore_errors=True)
        shutil.rmtree(self.home.engine / "artifacts" / workflow.namespace / workflow.name, ignore_errors=True)
        self.told.submit(_tell, workflow.namespace, workflow.name, summary(workflow) | {"deleted": True})


def _usage(usage: resource.struct_rusage) -> Json:
    """CPU seconds and peak memory of a step; the peak only where it is above this server's own.

    Linux counts a forked process's memory before it becomes another program into its peak, so a lower one says nothing.
    """
    used: Json = {"cpuSeconds": round(usage.ru_utime + usage.ru_stime, 3)}
    if usage.ru_maxrss > resource.getrusage(resource.RUSAGE_SELF).ru_maxrss:
        used["peakMemoryMib"] = usage.ru_maxrss // 1024
    return used


def summary(workflow: Workflow) -> Json:
    """What lists show of a workflow."""
    labels = workflow.metadata.get("labels") or {}
    return {
        "name": workflow.name, "uid": workflow.uid, "phase": workflow.phase, "labels": labels,
        "createdAt": workflow.metadata["creationTimestamp"], "startedAt": workflow.status.get("startedAt"),
        "finishedAt": workflow.status.get("finishedAt"), "progress": workflow.status.get("progress", "0/0"),
        "message": workflow.status.get("message", ""), "owner": labels.get(OWNER, ""), "pipeline": labels.get(PIPELINE, ""),
    }  # fmt: skip


def _tell(namespace: str, name: str, payload: Json) -> None:
    try:
        with writing() as session:
            emit(session, "workflow.changed", namespace, name, payload)
    except Exception:
        log.exception("could not note that %s/%s changed", namespace, name)
