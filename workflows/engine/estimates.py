"""How long a workflow and its nodes may take: as long as in the newest run of the same template or cron workflow that succeeded."""

from datetime import datetime

from workflows.engine.listing import Query
from workflows.engine.selectors import Term
from workflows.engine.state import ESTIMATES, SUCCEEDED, Json, Workflow
from workflows.engine.store import Store

LABELS = tuple(
    f"workflows.argoproj.io/{kind}" for kind in ("workflow-template", "cluster-workflow-template", "cron-workflow")
)
MOST_NODES = 2000


def _seconds(about: Json) -> int:
    if not about.get("startedAt") or not about.get("finishedAt"):
        return 0
    took = datetime.fromisoformat(about["finishedAt"]) - datetime.fromisoformat(about["startedAt"])
    return int(took.total_seconds())


def _newest(store: Store, workflow: Workflow) -> Workflow | None:
    labels = workflow.metadata.get("labels") or {}
    for key in LABELS:
        if value := labels.get(key):
            terms = [Term(key, "in", (value,)), Term("workflows.argoproj.io/phase", "in", (SUCCEEDED,))]
            found, _ = store.find(Query([workflow.namespace], terms, done=True, archived=True, limit=1))
            if found:
                return store.by_uid(found[0][0])
    return None


def estimate(store: Store, workflow: Workflow) -> None:
    """Notes in a new workflow's status how long it and its nodes took before; nothing where it has not run yet."""
    before = _newest(store, workflow)
    if before is None:
        return
    if seconds := _seconds(before.status):
        workflow.status["estimatedDuration"] = seconds
    nodes = list(before.nodes.values())[:MOST_NODES]
    took = {str(node["name"]).replace(before.name, "", 1): _seconds(node) for node in nodes}
    workflow.status[ESTIMATES] = {name: seconds for name, seconds in took.items() if seconds}
