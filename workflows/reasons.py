"""What a run's status says of why it failed or waits: Argo's fields, read once, as values that pages and `why` can word."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from atrium.identity import Actor, Verb, require
from workflows.clusters.reasons import PodReason, explain
from workflows.clusters.runs import ClusterRuns, run_engine
from workflows.clusters.seen import seen_pods
from workflows.models import NodeView, RunView
from workflows.service import run_view

BAD = ("Failed", "Error")
PASSED_ON = re.compile(r"child '[^']*' (failed|errored)")
Waiting = Literal["lock", "person", "slot", "told", "parallelism", "retry"]


@dataclass(frozen=True)
class Wait:
    """What part of a run waits for: `detail` is the lock's name, the limit or the engine's own words."""

    kind: Waiting
    node: str
    since: str
    detail: str = ""
    holders: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunReasons:
    """A run with its first failed node (None where none failed), that node's exit code, and what it waits for.

    `pods` tells of a run on a cluster why its pods wait or fell, the first failed node's first.
    """

    run: RunView
    failed: NodeView | None
    exit_code: str
    waits: list[Wait]
    running: list[NodeView]
    pods: list[PodReason] = field(default_factory=list)


def run_reasons(who: Actor, project: str, name: str) -> RunReasons:
    """Why a run is as it is, by one question to the workflow server; of a cluster's by what was last seen there.

    Raises:
        Forbidden, RunNotFound, BackEndUnavailable.
    """
    require(who, Verb.READ, project)
    engine = run_engine(who, project, name)
    found = engine.get(name)
    run = run_view(project, found, engine.cluster if isinstance(engine, ClusterRuns) else "")
    raw: Mapping[str, Any] = (found.get("status") or {}).get("nodes") or {}
    failed = _first_failed(run)
    code = ((raw.get(failed.id) or {}).get("outputs") or {}).get("exitCode", "") if failed else ""
    running = [node for node in run.nodes if node.type == "Pod" and node.phase == "Running"]
    waits = [] if run.finished_at else [*_locks(found), *_pods(run), *_limits(found, running), *_retries(run)]
    pods = list(_told_by_pods(engine, run, failed)) if isinstance(engine, ClusterRuns) else []
    return RunReasons(run, failed, str(code or ""), waits, running, pods)


def passed_on(run: RunView) -> bool:
    """Whether a run's message says no more than that one of its steps failed, or what a step says itself."""
    return bool(PASSED_ON.fullmatch(run.message)) or run.message in {node.message for node in run.nodes if node.pod}


def _told_by_pods(engine: ClusterRuns, run: RunView, failed: NodeView | None) -> Iterator[PodReason]:
    pods = seen_pods(engine.cluster, engine.project, run.name)
    waiting = [
        node
        for node in run.nodes
        if node.type == "Pod" and node.phase in ("Pending", "Running") and not run.finished_at
    ]
    for node in ([failed] if failed else []) + waiting:
        pod, events = pods.get(node.pod, (None, []))
        yield from explain(node.name, node.message, pod, events)


def _first_failed(run: RunView) -> NodeView | None:
    """The pod that failed first; else whatever failed first by itself, not by what it called, and says why."""
    bad = [node for node in run.nodes if node.phase in BAD]
    pods = [node for node in bad if node.type == "Pod"]
    ids = {node.id for node in bad}
    causes = [node for node in bad if ids.isdisjoint(node.children)] or bad
    telling = [node for node in causes if node.message] or causes
    return min(pods or telling, key=lambda node: node.finished_at or "9", default=None)


def _locks(found: Mapping[str, Any]) -> Iterator[Wait]:
    held = (found.get("status") or {}).get("synchronization") or {}
    for kind in ("semaphore", "mutex"):
        for one in (held.get(kind) or {}).get("waiting") or []:
            holders = one.get("holders") or ([one["holder"]] if one.get("holder") else [])
            yield Wait("lock", "", "", f"{kind} {one.get(kind, '')}", tuple(str(holder) for holder in holders))


def _pods(run: RunView) -> Iterator[Wait]:
    for node in run.nodes:
        if node.type == "Suspend" and node.phase == "Running":
            yield Wait("person", node.name, node.started_at)
        elif node.type == "Pod" and node.phase == "Pending":
            yield Wait("told" if node.message else "slot", node.name, node.started_at, node.message)


def _limits(found: Mapping[str, Any], running: list[NodeView]) -> Iterator[Wait]:
    spec = found.get("spec") or {}
    limits = [spec.get("parallelism"), *(one.get("parallelism") for one in spec.get("templates") or [])]
    reached = [int(limit) for limit in limits if limit and len(running) >= int(limit)]
    if reached:
        names = tuple(node.name for node in running)
        yield Wait("parallelism", "", "", str(min(reached)), names)


def _retries(run: RunView) -> Iterator[Wait]:
    """A retried step whose last try failed and whose next has not begun: it keeps its distance."""
    by_id = {node.id: node for node in run.nodes}
    for node in run.nodes:
        tries = [by_id[child] for child in node.children if child in by_id] if node.type == "Retry" else []
        if node.phase == "Running" and tries and tries[-1].phase in BAD:
            yield Wait("retry", node.name, tries[-1].finished_at, tries[-1].message)
