"""The flights pipeline on a cluster, from end to end, with the share of Argo and Kubernetes in it."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from datetime import datetime

from app.deploying.keys import NAMESPACE
from app.deploying.kubectl import items
from bench.figures import Figure

PIPELINE, NAME, LIMIT_SECONDS = "flight-delay", "flights pipeline on the cluster, end to end", 1800
STAYS = "the pipeline is there after `make cluster-test OVERLAY=full`"


def flights() -> Iterator[Figure]:
    """One run of it, by the platform that is on the cluster; a row that says why where it is not there."""
    if not items("deployment", "atrium", "-n", NAMESPACE):
        yield Figure(NAME, None, "s", note=f"not measured: Atrium is not on the cluster; {STAYS}")
        return
    project = _project()
    if not project:
        yield Figure(NAME, None, "s", note=f"not measured: no project of it has {PIPELINE}; {STAYS}")
        return
    run = _run(project)
    [workflow] = items("workflow", run, "-n", project)
    whole = _moment(workflow["status"]["finishedAt"]) - _moment(workflow["status"]["startedAt"])
    work = covered(_own_work(project, run))
    yield Figure(NAME, whole, "s", note=f"{len(workflow['status']['nodes'])} nodes")
    yield Figure("  of it some step's own program runs", work, "s")
    yield Figure(
        "  of it Argo and Kubernetes alone: pods that start, wait, save",
        whole - work,
        "s",
        note=f"{(whole - work) / whole:.0%}",
    )


def _project() -> str:
    for one in items("namespaces", "-l", "atrium.io/project"):
        name = str(one["metadata"]["name"])
        if items("workflows", "-n", name, "-l", f"atrium.io/pipeline={PIPELINE}"):
            return name
    return ""


def _run(project: str) -> str:
    """The name of a finished run. Raises RuntimeError with its words where it does not succeed."""
    known = {one["metadata"]["name"] for one in items("workflows", "-n", project)}
    asked = ["atrium", "run", PIPELINE, "--project", project, "--watch"]
    command = ["kubectl", "exec", "-n", NAMESPACE, "deployment/atrium", "--", *asked]
    made = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS, env=os.environ)
    if made.returncode:
        raise RuntimeError(
            f"{' '.join(command)} ended with {made.returncode}: {made.stdout[-2000:]}{made.stderr[-2000:]}"
        )
    new = [one["metadata"]["name"] for one in items("workflows", "-n", project, "-l", f"atrium.io/pipeline={PIPELINE}")]
    return str(next(name for name in new if name not in known))


def _own_work(project: str, run: str) -> list[tuple[float, float]]:
    """When each step's own container ran, in seconds of the clock."""
    pods = items("pods", "-n", project, "-l", f"workflows.argoproj.io/workflow={run}")
    ran = [
        one["state"]["terminated"]
        for pod in pods
        for one in pod["status"].get("containerStatuses") or []
        if one["name"] == "main" and "terminated" in one["state"]
    ]
    return [(_moment(one["startedAt"]), _moment(one["finishedAt"])) for one in ran]


def covered(spans: Sequence[tuple[float, float]]) -> float:
    """Seconds that at least one of the spans covers."""
    total, until = 0.0, float("-inf")
    for begun, ended in sorted(spans):
        total += max(0.0, ended - max(begun, until))
        until = max(until, ended)
    return total


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
