"""Runs of one project on one cluster: started and acted on through its Argo Server, read from what was last seen."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy.orm import Session

from atrium.clock import now
from atrium.database import reading, writing
from atrium.identity import Actor
from workflows.backends.argo import ArgoBackend
from workflows.backends.protocol import Json
from workflows.clusters.argo_server import argo_server
from workflows.clusters.connect import access_of, cluster_of_project, cluster_state
from workflows.clusters.home import HOME, home_cluster
from workflows.clusters.models import ClusterRow, ClusterUnavailable, Seen
from workflows.clusters.seen import keep, seen_workflow, template_of
from workflows.clusters.steps import STARTS, as_home_run, labelled, note_start
from workflows.engine.state import pod_name
from workflows.models import RunNotFound, RunSummaryRow

EXECUTORS_OWN = re.compile(r'time="[^"]+" level=\w+ msg=.* argo=true( |$)')
"""What Argo's executor says itself in a step's log: that it begins, what it takes, how the program ended."""
EXECUTORS_MOST = 50
MAIN_LOGS = "main-logs"  # where Argo keeps a pod's log as an artifact (archiveLogs)


def cluster_of_run(session: Session, project: str, name: str) -> str:
    """The cluster of a run; empty for the platform's own workflow server."""
    row = session.get(RunSummaryRow, (project, name))
    return row.cluster if row else ""


class ClusterRuns(ArgoBackend):
    """A `Pipelines`; what it reads it reads as last seen, what it changes it asks of the cluster."""

    def __init__(self, who: Actor, project: str, cluster: str) -> None:
        self.who, self.cluster, self.at_home = who, cluster, project
        self.row, namespace = cluster_of_project(cluster, project)
        super().__init__(who, namespace, argo_server(self.row, access_of(self.row, namespace)))

    def call(self, method: str, path: str, body: object = None, **query: str) -> Json:
        """As `ArgoBackend` says; refused at once while the cluster does not answer."""
        _refuse_while_silent(self.row)
        return super().call(method, path, body, **query)

    def submit(self, manifest: Json) -> Json:
        """Runs a workflow; who asked is kept as a label."""
        asked = labelled(manifest, self.who.name)
        if self.cluster != HOME:
            return self._kept(super().submit(asked))
        return self._started(super().submit(as_home_run(self.at_home, asked)))

    def get(self, name: str) -> Json:
        """A run, whole, as last seen."""
        found = seen_workflow(self.cluster, self.project, name)
        if found is None:
            raise RunNotFound(
                f"run {name!r} on cluster {self.cluster!r}", "none of this name was seen there", "see the runs"
            )
        return found

    def act(self, name: str, action: str) -> Json:
        """As `ArgoBackend` says; what results is shown at once."""
        found = super().act(name, action)
        return self._started(found) if self.cluster == HOME and action in STARTS else self._kept(found)

    def logs(self, name: str, pod: str = "", tail: int = 0) -> Iterator[tuple[str, str]]:
        """Lines of the pods; of those that are gone, the lines that Argo keeps as an artifact."""
        _refuse_while_silent(self.row)
        lines = last_lines(super().logs(name, pod, tail + EXECUTORS_MOST if tail else 0), tail)
        yield from lines
        told = {where for where, _ in lines}
        for node in _pod_nodes(self.get(name)):
            if node["pod"] not in told and pod in ("", node["pod"]) and MAIN_LOGS in node["artifacts"]:
                text = self.artifact(name, node["id"], MAIN_LOGS)[1].decode(errors="replace")
                yield from ((node["pod"], line) for line in text.splitlines()[-tail:])

    def artifact(self, name: str, node: str, artifact: str) -> tuple[str, bytes]:
        """As `ArgoBackend` says."""
        _refuse_while_silent(self.row)
        return super().artifact(name, node, artifact)

    def _started(self, found: Json) -> Json:
        note_start(self.who.name, self.at_home, found)
        return self._kept(found)

    def _kept(self, found: Json) -> Json:
        with writing() as session:
            if session.get(ClusterRow, self.cluster) is not None:
                keep(session, self.row, Seen.WORKFLOW, found)
        return found


def last_lines(told: Iterable[tuple[str, str]], tail: int) -> list[tuple[str, str]]:
    """The last lines of each pod, in their order, without those of Argo's executor; all of them where `tail` is 0."""
    seen, kept = Counter[str](), list[tuple[str, str]]()
    for where, line in reversed([one for one in told if not EXECUTORS_OWN.match(one[1])]):
        seen[where] += 1
        if not tail or seen[where] <= tail:
            kept.append((where, line))
    return kept[::-1]


def _pod_nodes(workflow: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    run = workflow["metadata"]["name"]
    for one in ((workflow.get("status") or {}).get("nodes") or {}).values():
        if one["type"] == "Pod":
            pod = pod_name(run, template_of(one), one["name"])
            names = [artifact["name"] for artifact in (one.get("outputs") or {}).get("artifacts") or []]
            yield {"id": one["id"], "pod": pod, "artifacts": names}


def _refuse_while_silent(row: ClusterRow) -> None:
    """Does not wait again for a cluster that did not answer a moment ago."""
    state = cluster_state(row.name)
    if state and state.problem and (state.heard_at is None or state.heard_at < state.asked_at):
        ago = f"{(now() - state.heard_at).total_seconds():.0f} s ago" if state.heard_at else "never"
        raise ClusterUnavailable(
            f"cluster {row.name!r} does not answer; it last did {ago}", "what was seen last is still shown",
            f"atrium cluster check {row.name}",
        )  # fmt: skip


def run_engine(who: Actor, project: str, name: str) -> ArgoBackend:
    """What runs the run `name` of a project: a cluster's Argo, or the platform's own workflow server."""
    with reading() as session:
        cluster = cluster_of_run(session, project, name) or home_cluster()
    return ClusterRuns(who, project, cluster) if cluster else ArgoBackend(who, project)
