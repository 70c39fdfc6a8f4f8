"""The worker's part: each cluster's workflows, pods and events are listed once and watched from there, so that no page lists them."""

import logging
import threading
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from sqlalchemy import select

import tenancy
from atrium.clock import now
from atrium.database import reading, writing
from atrium.errors import AtriumError
from workflows.clusters.argo_server import argo_server, told_version
from workflows.clusters.connect import access_of
from workflows.clusters.detecting import served
from workflows.clusters.home import HOME, seed_home
from workflows.clusters.kube import Json, Kube, VersionGone
from workflows.clusters.models import ClusterRow, ClusterStateRow, Seen
from workflows.clusters.seen import forget, forget_runs, keep, project_of, seen_names

log = logging.getLogger(__name__)
WATCH_SECONDS = 60  # then it goes on from where it was; a connection that died unseen costs no more than this
PAUSE_SECONDS = 2.0
PROBE_SECONDS = 3.0
DETECT_SECONDS = 60.0
LONGEST_PROBLEM = 1000
PATHS = {
    Seen.WORKFLOW: "/apis/argoproj.io/v1alpha1/namespaces/{}/workflows",
    Seen.POD: "/api/v1/namespaces/{}/pods",
    Seen.EVENT: "/api/v1/namespaces/{}/events",
}
ONLY: dict[Seen, dict[str, str]] = {
    Seen.WORKFLOW: {},
    Seen.POD: {"labelSelector": "workflows.argoproj.io/workflow"},
    Seen.EVENT: {"fieldSelector": "involvedObject.kind=Pod"},
}


@dataclass
class Watcher:
    """The threads of one cluster as its row was; `problems` by thread, empty where all is well."""

    row: ClusterRow
    ended: threading.Event = field(default_factory=threading.Event)
    problems: dict[str, str] = field(default_factory=dict)
    threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """One thread a namespace and kind, one that asks whether the cluster answers, and one what else it has."""
        works = [
            (f"{kind} {namespace}", partial(self.follow, kind, namespace))
            for namespace in self.row.projects.values()
            for kind in Seen
        ]
        for name, work in [("probe", self.probe), ("detect", self.detect), *works]:
            thread = threading.Thread(
                target=self._repeat, args=(name, work), name=f"{self.row.name} {name}", daemon=True
            )
            self.threads.append(thread)
            thread.start()

    def _repeat(self, name: str, work: "partial[None] | object") -> None:
        while not self.ended.is_set():
            try:
                work()  # type: ignore[operator]
                self.problems.pop(name, None)
            except AtriumError as error:
                self.problems[name] = str(error)
            except Exception:
                log.exception("cluster %s: %s failed", self.row.name, name)
                self.problems[name] = f"{name}: a defect of the platform; see logs/worker.log"
            self.ended.wait(PAUSE_SECONDS)

    def probe(self) -> None:
        """Asks the cluster for its version, and keeps when it answered."""
        try:
            with Kube(self.row.name, access_of(self.row), PROBE_SECONDS) as kube:
                version, problem = str(kube.ask("GET", "/version")["gitVersion"]), ""
        except AtriumError as error:
            version, problem = "", str(error)
        problem = problem or next(iter(self.problems.values()), "")
        with writing() as session:
            if self.ended.is_set() or session.get(ClusterRow, self.row.name) is None:
                return
            state = session.get(ClusterStateRow, self.row.name) or ClusterStateRow(
                name=self.row.name, version="", heard_at=None
            )
            state.asked_at, state.problem = now(), problem[:LONGEST_PROBLEM]
            if version:
                state.version, state.heard_at = version[:60], now()
            session.add(state)

    def detect(self) -> None:
        """Keeps which other projects the cluster has, and its Argo's version, beside what the probe keeps; then rests."""
        access = access_of(self.row)
        with Kube(self.row.name, access) as kube:
            found = served(kube.find)
        version = told_version(argo_server(self.row, access))
        with writing() as session:
            state = session.get(ClusterStateRow, self.row.name)
            if self.ended.is_set() or state is None:
                return
            state.served, state.argo_version = found, version[:60]
        self.problems.pop("detect", None)
        self.ended.wait(DETECT_SECONDS)

    def follow(self, kind: Seen, namespace: str) -> None:
        """Lists and then watches until the API server ends the watch; goes on without a list while it can."""
        with Kube(self.row.name, access_of(self.row, namespace)) as kube:
            version = self._list(kube, kind, namespace)
            while not self.ended.is_set():
                try:
                    version = self._watch(kube, kind, namespace, version)
                except VersionGone:
                    version = self._list(kube, kind, namespace)

    def _list(self, kube: Kube, kind: Seen, namespace: str) -> str:
        found: set[str] = set()
        version, begun = "", now()
        for page in kube.pages(PATHS[kind].format(namespace), ONLY[kind]):
            version = str(page["metadata"]["resourceVersion"])
            self._keep(kind, page.get("items") or [])
            found |= {one["metadata"]["name"] for one in page.get("items") or []}
        if kind is Seen.WORKFLOW:
            with writing() as session:
                gone = seen_names(session, self.row.name, kind, namespace, before=begun) - found
                forget_runs(session, self.row, namespace, gone)
        return version

    def _keep(self, kind: Seen, items: list[Json]) -> None:
        with writing() as session:
            for one in items:
                if not self.ended.is_set():
                    keep(session, self.row, kind, one)
        if kind is Seen.WORKFLOW and self.row.name == HOME:
            self._end_tokens(items)

    def _end_tokens(self, items: list[Json]) -> None:
        """The tokens of runs that have ended end too."""
        ended: dict[str, dict[str, datetime]] = {}
        for one in items:
            project, finished = (
                project_of(self.row, one["metadata"]["namespace"]),
                (one.get("status") or {}).get("finishedAt"),
            )
            if project and finished:
                ended.setdefault(project, {})[one["metadata"]["name"]] = datetime.fromisoformat(finished)
        for project, runs in ended.items():
            tenancy.end_tokens_of_ended(project, runs)

    def _watch(self, kube: Kube, kind: Seen, namespace: str, version: str) -> str:
        self.problems.pop(f"{kind} {namespace}", None)
        for change, found in kube.watch(PATHS[kind].format(namespace), version, WATCH_SECONDS, **ONLY[kind]):
            if self.ended.is_set():
                return version
            version = str(found["metadata"]["resourceVersion"])
            if change == "DELETED":
                with writing() as session:
                    forget(session, self.row, kind, found)
                if kind is Seen.WORKFLOW and self.row.name == HOME:
                    gone = {**found, "status": {"finishedAt": now().isoformat()}}
                    self._end_tokens([gone])
            elif change != "BOOKMARK":
                self._keep(kind, [found])
        return version


WATCHERS: dict[str, Watcher] = {}


def _as_kept(row: ClusterRow) -> tuple[object, ...]:
    return (row.server, row.authority, row.sealed, tuple(sorted(row.projects.items())))


def watch_clusters() -> None:
    """Starts watching what was connected and stops what was changed or disconnected."""
    seed_home()
    with reading() as session:
        rows = {row.name: row for row in session.scalars(select(ClusterRow))}
    for name, watcher in list(WATCHERS.items()):
        if name not in rows or _as_kept(rows[name]) != _as_kept(watcher.row):
            watcher.ended.set()
            del WATCHERS[name]
    for name, row in rows.items():
        if name not in WATCHERS:
            WATCHERS[name] = Watcher(row)
            WATCHERS[name].start()
