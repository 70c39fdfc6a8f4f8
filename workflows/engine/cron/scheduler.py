"""Runs cron workflows: every slot once, whatever crashes, since the slot and its workflow are written together."""

import asyncio
from datetime import datetime, timedelta

from atrium.clock import now
from workflows.crontab import Crontab
from workflows.engine.cron import documents as cron
from workflows.engine.cron.history import Children
from workflows.engine.runner import Runner
from workflows.engine.state import Json, Workflow, stamp
from workflows.engine.store import Store
from workflows.engine.submit import lookup_in, take_in
from workflows.engine.validate import WorkflowInvalid
from workflows.engine.watching import Watcher

KIND = "CronWorkflow"
LONGEST_WAIT_SECONDS = 60.0
MOST_LATE = 20
STARTED, SKIPPED, MISSED, FAILED = "Started", "Skipped", "Missed", "Failed"


class _Ends(Watcher):
    """Is woken by cron workflows' runs that end or are deleted."""

    def note(self, workflow: Workflow, deleted: bool = False) -> None:
        if (deleted or workflow.done) and cron.OF_CRON in (workflow.metadata.get("labels") or {}):
            self.something.set()


class CronScheduler:
    """All cron workflows of one server."""

    def __init__(self, store: Store, runner: Runner) -> None:
        self.store, self.runner = store, runner
        self.children = Children(store, runner)
        self.since: dict[tuple[str, int], datetime] = {}  # by cron workflow and number of the schedule in it
        self.ends = _Ends(None)

    def wake(self) -> None:
        """Has the scheduler look again: a cron workflow was made or changed."""
        self.ends.something.set()

    async def run(self) -> None:
        """Runs slots until it is cancelled."""
        self.runner.watchers.add(self.ends)
        while True:
            self.ends.something.clear()
            moments = [found for one in self.store.templates(KIND, None) if (found := self.look(one)) is not None]
            wait = min([LONGEST_WAIT_SECONDS, *((moment - now()).total_seconds() for moment in moments)])
            try:
                await asyncio.wait_for(self.ends.something.wait(), max(0.01, wait))
            except TimeoutError:
                continue

    def look(self, document: Json) -> datetime | None:
        """Brings one cron workflow up to date: runs what is due; returns when the next slot is, if ever."""
        try:
            self._reconcile(document)
            schedules = cron.schedules_of(document["spec"])
        except WorkflowInvalid as error:
            self._note(document, "SpecError", str(error))
            return None
        moment, uid = now(), document["metadata"]["uid"]
        if (document.get("status") or {}).get("phase") == "Stopped":
            return None
        due = self._due(uid, schedules, moment) if (uid, 0) in self.since else self._missed(document, moment)
        for late in due[:-1]:
            self.store.put_slot(uid, stamp(late), "", MISSED, "a later slot was due before this one could run")
        if due:
            self._slot(document, due[-1])
        since = [self.since.setdefault((uid, number), moment) for number in range(len(schedules))]
        coming = [found for each, at in zip(schedules, since, strict=True) if (found := each.next_after(at))]
        return min(coming, default=None)

    def _due(self, uid: str, schedules: list[Crontab], moment: datetime) -> list[datetime]:
        """The slots since the last look, of all schedules together; notes for each since when to look the next time."""
        found: set[datetime] = set()
        for number, each in enumerate(schedules):
            due, self.since[uid, number] = each.due(self.since.get((uid, number), moment), moment, MOST_LATE)
            found |= set(due)
        return sorted(found)

    def _missed(self, document: Json, moment: datetime) -> list[datetime]:
        """The slot that fell into the time when no server ran, where it may still start; notes it where it may not."""
        spec, metadata, status = document["spec"], document["metadata"], document.get("status") or {}
        last = status.get("lastScheduledTime")
        unchanged = (metadata.get("annotations") or {}).get(cron.LAST_SCHEDULE) == cron.schedule_with_zone(spec)
        if not last or not unchanged:
            return []
        began = datetime.fromisoformat(last)
        found = sorted({one for each in cron.schedules_of(spec) for one in each.between(began, moment, 1)})
        if not found:
            return []
        deadline = spec.get("startingDeadlineSeconds") or 0
        if moment < found[-1] + timedelta(seconds=deadline):
            return found[-1:]
        reason = f"the server did not run then, and startingDeadlineSeconds ({deadline}) is over"
        self.store.put_slot(metadata["uid"], stamp(found[-1]), "", MISSED, reason)
        return []

    def _slot(self, document: Json, moment: datetime) -> None:
        uid = document["metadata"]["uid"]
        if self.store.slot(uid, stamp(moment)):
            return
        try:
            reason = self._not_now(document)
            if reason:
                self.store.put_slot(uid, stamp(moment), "", SKIPPED, reason)
            else:
                self._start(document, moment)
        except WorkflowInvalid as error:
            self.store.put_slot(uid, stamp(moment), "", FAILED, str(error))
            document.setdefault("status", {})["failed"] = (document["status"].get("failed") or 0) + 1
            self._note(document, "SubmissionError", f"Failed to submit Workflow: {error}")

    def _not_now(self, document: Json) -> str:
        """Why the slot does not run, or nothing; ends what runs where it is to be replaced. Raises `WorkflowInvalid`."""
        spec, active = document["spec"], self.children.active(document)
        if spec.get("suspend"):
            return "suspended"
        if not cron.wanted(document):
            return f"when: {spec['when']} is false"
        if active and spec.get("concurrencyPolicy") == "Forbid":
            return f"concurrencyPolicy is Forbid and {active[0].name} still runs"
        if spec.get("concurrencyPolicy") == "Replace":
            for workflow in active:
                workflow.spec["shutdown"] = "Terminate"
                self.runner.take_up(workflow)
        return ""

    def _start(self, document: Json, moment: datetime) -> None:
        metadata = document["metadata"]
        cron.checked(lookup_in(self.store, metadata["namespace"]), {"metadata": metadata, "spec": document["spec"]})
        workflow = take_in(
            self.store, metadata["namespace"], cron.slot_workflow(document, moment), cron.owner_of(document)
        )
        if self.store.load(workflow.namespace, workflow.name):
            self.store.put_slot(metadata["uid"], stamp(moment), workflow.name, STARTED, "")
            return
        status = document.setdefault("status", {})
        status |= {"lastScheduledTime": stamp(moment), "phase": "Active"}
        status["active"] = [*(status.get("active") or []), self.children.reference(workflow)]
        for kind in ("SubmissionError", "SpecError"):
            cron.note_condition(document, kind, "")
        metadata.setdefault("annotations", {})[cron.LAST_SCHEDULE] = cron.schedule_with_zone(document["spec"])
        self.store.start_slot(document, stamp(moment), workflow)
        self.runner.add(workflow, saved=True)

    def _reconcile(self, document: Json) -> None:
        """Takes in what became of its runs, and keeps to its history limits. Raises `WorkflowInvalid`."""
        changed = self.children.reconcile(document)
        if (document.get("status") or {}).get("phase") != "Stopped" and cron.is_stopped(document):
            document.setdefault("status", {})["phase"] = "Stopped"
            document["metadata"].setdefault("labels", {})[cron.COMPLETED] = "true"
            changed = True
        if changed:
            self.store.put_template(KIND, document["metadata"]["namespace"], document)
        self.children.keep_history(document)

    def _note(self, document: Json, kind: str, message: str) -> None:
        before = (document.get("status") or {}).get("conditions")
        cron.note_condition(document, kind, message)
        if document["status"]["conditions"] != before:
            self.store.put_template(KIND, document["metadata"]["namespace"], document)
