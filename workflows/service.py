"""What a person can do with pipelines and their runs."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from atrium.clock import now
from atrium.database import reading, writing
from atrium.identity import Actor, Verb, require
from atrium.names import check_name
from atrium.pages import Page, page_of, read_page
from tenancy import audit
from workflows.backends import ArgoBackend, Pipelines
from workflows.clusters.connect import cluster_state
from workflows.clusters.home import home_cluster
from workflows.clusters.runs import ClusterRuns, run_engine
from workflows.clusters.seen import OWNER, template_of
from workflows.engine.state import pod_name
from workflows.manifests import line_of, quoting, read_manifest, saved_manifest, value_text
from workflows.models import (
    ManifestInvalid,
    NodeView,
    ParameterView,
    PipelineNotFound,
    PipelineView,
    RevisionRow,
    RunSummary,
    RunSummaryRow,
    RunView,
)
from workflows.plan import RunGraph, graph_of

PIPELINE, REVISION = "atrium.io/pipeline", "atrium.io/revision"
MOST_REVISIONS = 100


def _engine(who: Actor, project: str, cluster: str = "") -> Pipelines:
    cluster = cluster or home_cluster()
    return ClusterRuns(who, project, cluster) if cluster else ArgoBackend(who, project)


def form_of(manifest: Mapping[str, Any]) -> list[ParameterView]:
    """The parameters that a workflow or a template takes, as a form needs them."""
    given = ((manifest.get("spec") or {}).get("arguments") or {}).get("parameters") or []
    return [
        ParameterView(
            str(one["name"]), value_text(one.get("value", one.get("default", ""))), str(one.get("description") or ""),
            [value_text(choice) for choice in one.get("enum") or []],
        )
        for one in given
    ]  # fmt: skip


@lru_cache(maxsize=256)
def _form(manifest: str) -> list[ParameterView]:
    """The parameters of a saved manifest; kept, since lists show many and YAML takes milliseconds to read."""
    return form_of(saved_manifest(manifest))


def _view(row: RevisionRow) -> PipelineView:
    form = _form(row.manifest)
    return PipelineView(
        row.project, row.name, row.number, row.digest, row.saved_by, row.saved_at, row.manifest,
        {one.name: one.value for one in form}, form,
    )  # fmt: skip


def _newest(session: Session, project: str, name: str) -> RevisionRow | None:
    query = select(RevisionRow).where(RevisionRow.project == project, RevisionRow.name == name)
    return session.scalar(query.order_by(RevisionRow.number.desc()).limit(1))


def save_pipeline(who: Actor, project: str, name: str, manifest: str, cluster: str = "") -> PipelineView:
    """Saves a manifest as the pipeline's next revision, after the workflow server found it sound; an equal one saves nothing.

    `cluster` has that cluster's Argo look at it instead, for pipelines whose images only that has.

    Raises:
        Forbidden, NameInvalid; ManifestInvalid: with the server's own words.
    """
    require(who, Verb.WRITE, project)
    check_name(name, "pipeline")
    parsed = read_manifest(manifest)
    asked = {**parsed, "kind": "Workflow", "metadata": {"generateName": f"{name}-"}}
    try:
        _engine(who, project, cluster).lint(asked)
    except ManifestInvalid as error:
        line = line_of(manifest, error.asked)
        if not line:
            raise
        raise ManifestInvalid(
            f"line {line} of the manifest: {error.asked}", quoting(error.asked) or error.allowed, error.next_step, line
        ) from error
    digest = hashlib.sha256(json.dumps(parsed, sort_keys=True).encode()).hexdigest()
    with writing() as session:
        newest = _newest(session, project, name)
        if newest and newest.digest == digest:
            return _view(newest)
        row = RevisionRow(
            project=project, name=name, number=newest.number + 1 if newest else 1, manifest=manifest, digest=digest,
            saved_by=who.name, saved_at=now(),
        )  # fmt: skip
        session.add(row)
        audit(session, who, "pipeline.save", project, name, f"revision {row.number}")
        return _view(row)


def list_pipelines(
    who: Actor, project: str, after: str | None = None, limit: int | None = None, name: str = ""
) -> Page[PipelineView]:
    """Each pipeline's newest revision, by name: all, or a page; `name` is a part of it. Raises `Forbidden`."""
    require(who, Verb.READ, project)
    newest = (
        select(RevisionRow.name, func.max(RevisionRow.number).label("number"))
        .where(RevisionRow.project == project)
        .group_by(RevisionRow.name)
        .subquery()
    )
    query = select(RevisionRow).join(
        newest, and_(RevisionRow.name == newest.c.name, RevisionRow.number == newest.c.number)
    )
    query = query.where(RevisionRow.project == project)
    query = query.where(RevisionRow.name.icontains(name, autoescape=True)) if name else query
    with reading() as session:
        return page_of(read_page(session, query, [RevisionRow.name], after, limit), _view)


def get_pipeline(who: Actor, project: str, name: str) -> PipelineView:
    """A pipeline's newest revision. Raises `Forbidden`, `PipelineNotFound`."""
    require(who, Verb.READ, project)
    with reading() as session:
        row = _newest(session, project, name)
    if row is None:
        raise _no_pipeline(project, name)
    return _view(row)


def _no_pipeline(project: str, name: str) -> PipelineNotFound:
    return PipelineNotFound(
        f"pipeline {name!r} of project {project!r}", "there is none of this name", "see the pipelines"
    )


def _summary(row: RunSummaryRow) -> RunSummary:
    return RunSummary(
        row.project, row.name, row.pipeline, row.phase, row.progress, row.message, row.owner, row.created_at,
        row.started_at, row.finished_at, row.cluster,
    )  # fmt: skip


def list_revisions(who: Actor, project: str, name: str) -> list[PipelineView]:
    """A pipeline's revisions, newest first, at most 100. Raises `Forbidden`, `PipelineNotFound`."""
    require(who, Verb.READ, project)
    query = select(RevisionRow).where(RevisionRow.project == project, RevisionRow.name == name)
    with reading() as session:
        rows = session.scalars(query.order_by(RevisionRow.number.desc()).limit(MOST_REVISIONS)).all()
    if not rows:
        raise _no_pipeline(project, name)
    return [_view(row) for row in rows]


def last_runs(who: Actor, project: str) -> dict[str, RunSummary]:
    """Each pipeline's newest run, by pipeline, by one query. Raises `Forbidden`."""
    require(who, Verb.READ, project)
    newest = (
        select(RunSummaryRow.pipeline, func.max(RunSummaryRow.created_at).label("created_at"))
        .where(RunSummaryRow.project == project, RunSummaryRow.pipeline != "")
        .group_by(RunSummaryRow.pipeline)
        .subquery()
    )
    query = select(RunSummaryRow).join(
        newest,
        and_(RunSummaryRow.pipeline == newest.c.pipeline, RunSummaryRow.created_at == newest.c.created_at),
    )
    with reading() as session:
        return {row.pipeline: _summary(row) for row in session.scalars(query.where(RunSummaryRow.project == project))}


def run_pipeline(
    who: Actor, project: str, name: str, parameters: Mapping[str, str] | None = None, cluster: str = ""
) -> str:
    """Starts a run of the newest revision, on the connected cluster of that name where one is given; returns the run's name.

    Raises:
        Forbidden, PipelineNotFound; ManifestInvalid: an unknown parameter, or what the server refuses; of a cluster ClusterNotFound,
        ClusterNotOfProject, ClusterUnavailable.
    """
    require(who, Verb.WRITE, project)
    pipeline = get_pipeline(who, project, name)
    manifest = run_manifest(pipeline, parameters or {}, {"generateName": f"{name}-"})
    return str(_engine(who, project, cluster).submit(manifest)["metadata"]["name"])


def run_manifest(pipeline: PipelineView, parameters: Mapping[str, str], metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The workflow of one run of a revision, with these parameters put over its own.

    Raises:
        ManifestInvalid: an unknown parameter.
    """
    if unknown := sorted(set(parameters) - set(pipeline.parameters)):
        known = ", ".join(pipeline.parameters) or "none"
        raise ManifestInvalid(f"parameter {unknown[0]!r}", f"the pipeline's parameters are {known}", "use one of these")
    manifest = saved_manifest(pipeline.manifest)
    values = {**pipeline.parameters, **parameters}
    if values:
        manifest["spec"]["arguments"]["parameters"] = [{"name": key, "value": value} for key, value in values.items()]
    labels = {PIPELINE: pipeline.name, REVISION: str(pipeline.number), **metadata.get("labels", {})}
    return manifest | {"kind": "Workflow", "metadata": {**metadata, "labels": labels}}


def list_runs(
    who: Actor, project: str, after: str | None = None, limit: int = 25, pipeline: str | None = None,
    phases: Sequence[str] = (),
) -> Page[RunSummary]:  # fmt: skip
    """Runs from the summaries, newest first, at most 200 a page, by one query; `phases` keeps those. Raises `Forbidden`."""
    require(who, Verb.READ, project)
    query = select(RunSummaryRow).where(RunSummaryRow.project == project)
    if pipeline:
        query = query.where(RunSummaryRow.pipeline == pipeline)
    if phases:
        query = query.where(RunSummaryRow.phase.in_(phases))
    with reading() as session:
        order = [RunSummaryRow.created_at, RunSummaryRow.name]
        return page_of(read_page(session, query, order, after, limit, newest_first=True), _summary)


def get_run(who: Actor, project: str, name: str) -> RunView:
    """A run with its graph: live, or of a cluster as last seen. Raises `Forbidden`, `RunNotFound`, `BackEndUnavailable`."""
    require(who, Verb.READ, project)
    engine = run_engine(who, project, name)
    return run_view(project, engine.get(name), engine.cluster if isinstance(engine, ClusterRuns) else "")


def run_with_graph(who: Actor, project: str, name: str, chosen: str = "") -> tuple[RunView, RunGraph]:
    """A run as `get_run` gives it, and its whole graph, in which the node `chosen` is never folded. Raises as `get_run`."""
    require(who, Verb.READ, project)
    engine = run_engine(who, project, name)
    found = engine.get(name)
    run = run_view(project, found, engine.cluster if isinstance(engine, ClusterRuns) else "")
    return run, graph_of(found, chosen)


def run_view(project: str, found: Mapping[str, Any], cluster: str = "") -> RunView:
    """What is shown of a workflow as Argo's REST gives it; of a cluster's also when that last answered."""
    state = cluster_state(cluster) if cluster else None
    name, metadata, status = found["metadata"]["name"], found["metadata"], found.get("status") or {}
    labels = metadata.get("labels") or {}
    nodes = [_node(name, one) for one in (status.get("nodes") or {}).values()]
    return RunView(
        project, metadata["name"], labels.get(PIPELINE, ""), status.get("phase") or "Pending", status.get("progress") or "",
        status.get("message") or "", labels.get(OWNER) or labels.get("workflows.argoproj.io/creator", ""),
        status.get("startedAt") or "", status.get("finishedAt") or "", nodes, cluster, state.heard_at if state else None,
        state.problem if state else "", _values((found.get("spec") or {}).get("arguments") or {}),
    )  # fmt: skip


def _values(side: Mapping[str, Any]) -> dict[str, str]:
    return {one["name"]: str(one.get("value", "")) for one in side.get("parameters") or []}


def _node(run: str, one: Mapping[str, Any]) -> NodeView:
    outputs = one.get("outputs") or {}
    pod = pod_name(run, template_of(one), one["name"]) if one["type"] == "Pod" else ""
    return NodeView(
        one["id"], one.get("displayName") or one["name"], one["type"], one["phase"], one.get("message") or "", pod,
        one.get("startedAt") or "", one.get("finishedAt") or "", list(one.get("children") or []), _values(one.get("inputs") or {}),
        _values(outputs), [artifact["name"] for artifact in outputs.get("artifacts") or []], one.get("measured") or {},
        one.get("standsFor") or {}, one.get("resourcesDuration") or {},
    )  # fmt: skip


def run_logs(who: Actor, project: str, name: str, pod: str = "", tail: int = 500) -> list[tuple[str, str]]:
    """Pod and line of what a run's pods wrote, of each pod the last `tail` lines. Raises `Forbidden`, `RunNotFound`."""
    require(who, Verb.READ, project)
    return list(run_engine(who, project, name).logs(name, pod, tail))


def run_artifact(who: Actor, project: str, name: str, node: str, artifact: str) -> tuple[str, bytes]:
    """File name and bytes of a node's output artifact. Raises `Forbidden`, `RunNotFound`."""
    require(who, Verb.READ, project)
    return run_engine(who, project, name).artifact(name, node, artifact)


def act_on_run(who: Actor, project: str, name: str, action: str) -> str:
    """stop, terminate, retry, resume or resubmit; returns the name of the run that results.

    Raises:
        Forbidden, RunNotFound; ManifestInvalid: the run's state excludes it.
    """
    require(who, Verb.WRITE, project)
    return str(run_engine(who, project, name).act(name, action)["metadata"]["name"])
