"""The runs of a cron workflow: which are active, how many succeeded and failed, and how many are kept."""

from workflows.engine.cron.documents import OF_CRON
from workflows.engine.listing import Query
from workflows.engine.runner import Runner
from workflows.engine.selectors import Term
from workflows.engine.state import SUCCEEDED, Json, Workflow
from workflows.engine.store import Store

LIMITS = {True: ("successfulJobsHistoryLimit", 3), False: ("failedJobsHistoryLimit", 1)}
MOST = 10_000


class Children:
    """Finds and tidies the runs of cron workflows."""

    def __init__(self, store: Store, runner: Runner) -> None:
        self.store, self.runner = store, runner

    @staticmethod
    def reference(workflow: Workflow) -> Json:
        """How a cron workflow's status names one of its runs."""
        return {
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": workflow.name, "namespace": workflow.namespace,
            "uid": workflow.uid, "resourceVersion": str(workflow.metadata.get("resourceVersion") or ""),
        }  # fmt: skip

    def active(self, document: Json) -> list[Workflow]:
        """Its runs that have not ended."""
        found = [self.runner.live.get(one["uid"]) for one in (document.get("status") or {}).get("active") or []]
        return [workflow for workflow in found if workflow is not None and not workflow.done]

    def reconcile(self, document: Json) -> bool:
        """Takes the runs that ended from `status.active` and counts them; whether anything changed."""
        status = document.setdefault("status", {})
        named, running = status.get("active") or [], []
        for one in named:
            ended = self.store.document(one["uid"]) if one["uid"] not in self.runner.live else None
            if one["uid"] in self.runner.live:
                running.append(one)
            elif ended is not None:
                key = "succeeded" if (ended.get("status") or {}).get("phase") == SUCCEEDED else "failed"
                status[key] = (status.get(key) or 0) + 1
        status["active"] = running
        return len(running) != len(named)

    def every(self, document: Json) -> list[Workflow]:
        """All its runs that are listed, newest first."""
        metadata = document["metadata"]
        terms = [Term(OF_CRON, "in", (metadata["name"],))]
        found, _ = self.store.find(Query([metadata["namespace"]], terms, limit=MOST))
        loaded = [self.runner.live.get(uid) or self.store.by_uid(uid) for uid, _ in found]
        return [one for one in loaded if one is not None and self._is_of(one, metadata["uid"])]

    @staticmethod
    def _is_of(workflow: Workflow, uid: str) -> bool:
        return any(one.get("uid") == uid for one in workflow.metadata.get("ownerReferences") or [])

    def keep_history(self, document: Json) -> None:
        """Takes from the lists the oldest runs beyond its limits, those that succeeded and those that failed apart."""
        metadata, spec = document["metadata"], document["spec"]
        terms = [Term(OF_CRON, "in", (metadata["name"],))]
        if self.store.count(Query([metadata["namespace"]], terms, done=True)) == 0:
            return
        ended = [one for one in self.every(document) if one.done]
        for good, (key, default) in LIMITS.items():
            limit = spec[key] if spec.get(key) is not None else default
            some = [one for one in ended if (one.phase == SUCCEEDED) is good]
            some.sort(key=lambda one: str(one.status.get("finishedAt")), reverse=True)
            for workflow in some[limit:]:
                self.runner.remove(workflow)
