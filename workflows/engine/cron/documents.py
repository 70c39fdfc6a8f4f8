"""CronWorkflow documents: their schedules, what a slot of them runs, their conditions."""

import json
from datetime import datetime

from workflows.crontab import Crontab, ScheduleInvalid, read_crontab
from workflows.engine.expressions import ExpressionInvalid, Value, holds, truth
from workflows.engine.runner import OWNER
from workflows.engine.state import Json, stamp
from workflows.engine.supported import check_supported
from workflows.engine.templating import fill_text
from workflows.engine.validate import Lookup, WorkflowInvalid, check_cron
from workflows.engine.validate.fields import read_fields

OF_CRON = "workflows.argoproj.io/cron-workflow"
SCHEDULED_TIME = "workflows.argoproj.io/scheduled-time"
LAST_SCHEDULE = "cronworkflows.argoproj.io/last-used-schedule"
COMPLETED = "workflows.argoproj.io/completed"


def schedule_texts(spec: Json) -> list[str]:
    """The schedules as they are written."""
    return [str(one) for one in spec.get("schedules") or ([spec["schedule"]] if spec.get("schedule") else [])]


def schedules_of(spec: Json) -> list[Crontab]:
    """The schedules, read. Raises `WorkflowInvalid`."""
    if spec.get("schedule") and spec.get("schedules"):
        raise WorkflowInvalid("cron workflow cant be configured with both Spec.Schedule and Spec.Schedules")
    if not schedule_texts(spec):
        raise WorkflowInvalid("cron workflow must have at least one schedule")
    found = []
    for text in schedule_texts(spec):
        try:
            found.append(read_crontab(text, str(spec.get("timezone") or "")))
        except ScheduleInvalid as error:
            raise WorkflowInvalid(f"cron schedule {text} is malformed: {error}") from error
    return found


def schedule_with_zone(spec: Json) -> str:
    """The schedules with their zone as Argo notes them, so that a change is seen."""
    zone = f"CRON_TZ={spec['timezone']} " if spec.get("timezone") else ""
    return ",".join(zone + text for text in schedule_texts(spec))


def checked(lookup: Lookup, document: Json) -> None:
    """Refuses a CronWorkflow that could not run. Raises `WorkflowInvalid`."""
    read_fields("CronWorkflow", document, "cronWorkflow.")
    spec = document.get("spec") or {}
    schedules_of(spec)
    check_cron(lookup, document, {"metadata": _metadata(document), "spec": spec.get("workflowSpec") or {}})
    check_supported(spec.get("workflowSpec") or {})


def _metadata(document: Json) -> Json:
    name, added = document["metadata"].get("name") or "", document["spec"].get("workflowMetadata") or {}
    labels = {OF_CRON: name} | (added.get("labels") or {})
    return {"generateName": f"{name}-", "labels": labels, "annotations": dict(added.get("annotations") or {})}


def slot_workflow(document: Json, moment: datetime) -> Json:
    """The workflow of one slot: its name is derived from the slot, so that a slot never has two."""
    cron, found = document["metadata"], _metadata(document)
    owned = {"apiVersion": "argoproj.io/v1alpha1", "kind": "CronWorkflow", "name": cron["name"], "uid": cron["uid"]}
    found["annotations"] = {SCHEDULED_TIME: stamp(moment)} | found["annotations"]
    found |= {
        "name": f"{cron['name']}-{int(moment.timestamp())}",
        "ownerReferences": [owned | {"controller": True, "blockOwnerDeletion": True}],
    }
    found.pop("generateName")
    return {"metadata": found, "spec": document["spec"]["workflowSpec"]}


def owner_of(document: Json) -> str:
    """Who made the cron workflow: its runs act for them."""
    return str((document["metadata"].get("labels") or {}).get(OWNER, ""))


def _names(document: Json) -> dict[str, Value]:
    metadata, status = document["metadata"], document.get("status") or {}
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    return {
        "cronworkflow.name": metadata["name"], "cronworkflow.namespace": metadata["namespace"],
        "cronworkflow.labels": labels, "cronworkflow.annotations": annotations,
        "cronworkflow.labels.json": json.dumps(labels), "cronworkflow.annotations.json": json.dumps(annotations),
        "cronworkflow.failed": status.get("failed") or 0, "cronworkflow.succeeded": status.get("succeeded") or 0,
        "cronworkflow.lastScheduledTime": status.get("lastScheduledTime"),
    }  # fmt: skip


def wanted(document: Json) -> bool:
    """Whether `when` lets a slot run. Raises `WorkflowInvalid`."""
    when = str(document["spec"].get("when") or "")
    try:
        return not when or bool(holds(fill_text(when, _names(document))))
    except ExpressionInvalid as error:
        raise WorkflowInvalid(f"run policy error: {error}") from error


def is_stopped(document: Json) -> bool:
    """Whether its stopStrategy says that it is over. Raises `WorkflowInvalid`."""
    strategy = document["spec"].get("stopStrategy") or {}
    if not strategy.get("expression"):
        return False
    try:
        return truth(str(strategy["expression"]), _names(document))
    except ExpressionInvalid as error:
        raise WorkflowInvalid(
            f"failed to check CronWorkflow '{document['metadata']['name']}' stopping condition: {error}"
        ) from error


def note_condition(document: Json, kind: str, message: str) -> None:
    """Notes what is wrong (SpecError, SubmissionError), or with an empty message that it no longer is."""
    status = document.setdefault("status", {})
    kept = [one for one in status.get("conditions") or [] if one["type"] != kind]
    status["conditions"] = kept + ([{"type": kind, "status": "True", "message": message}] if message else [])
