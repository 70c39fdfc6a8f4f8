"""Cron workflows of the home cluster: Argo starts their runs itself, so who wrote one through the platform is noted when it is written.

Anybody who may make workflows there can write a cron workflow's name and uid into one. So a run is known by what it does, too: its spec
is the one that was written through the platform, but for what says when and where it runs, which Argo's own defaults may change.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import tenancy
from atrium.database import reading, writing
from atrium.errors import Forbidden
from workflows.clusters.models import CronRow

WHEN_AND_WHERE = frozenset({
    "activeDeadlineSeconds", "affinity", "archiveLogs", "nodeSelector", "parallelism", "podGC", "podPriorityClassName", "priority",
    "schedulerName", "serviceAccountName", "shutdown", "suspend", "tolerations", "ttlStrategy",
})  # fmt: skip


class CronChanged(Forbidden):
    """A cron workflow's run does something else than was written through the platform."""


def note_cron(owner: str, project: str, kept: Mapping[str, Any]) -> None:
    """Notes who wrote a cron workflow, as Argo Server answers with it: its runs act for that one from now on."""
    metadata = kept["metadata"]
    row = CronRow(project=project, name=metadata["name"], uid=metadata["uid"], owner=owner, digest=_digest(kept["spec"].get("workflowSpec")))  # fmt: skip
    with writing() as session:
        session.merge(row)


def note_cron_run(project: str, workflow: Mapping[str, Any]) -> None:
    """Notes the start of a workflow that a known cron workflow owns, where nobody's is noted yet. Raises `CronChanged`."""
    run = workflow["metadata"]["name"]
    cron = next(
        (one for one in workflow["metadata"].get("ownerReferences") or [] if one["kind"] == "CronWorkflow"), None
    )
    if cron is None or tenancy.run_had_token(project, run):
        return
    with reading() as session:
        row = session.get(CronRow, (project, cron["name"]))
    if row is None or row.uid != cron["uid"]:
        return
    if _digest(workflow["spec"]) != row.digest:
        told = f"it does what the cron workflow {row.name!r} does as {row.owner} wrote it through the platform"
        raise CronChanged(f"the token of run {run!r} of project {project!r}", told, f"argo cron update {row.name}")
    tenancy.issue_run_token(row.owner, project, run)


def _digest(spec: Mapping[str, Any] | None) -> str:
    counted = {key: value for key, value in (spec or {}).items() if key not in WHEN_AND_WHERE}
    return hashlib.sha256(json.dumps(counted, sort_keys=True).encode()).hexdigest()
