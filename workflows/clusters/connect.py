"""Connected clusters: who may connect them, which projects have a namespace there, and what is checked."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict

import httpx
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from atrium.clock import now
from atrium.database import reading, writing
from atrium.errors import AtriumError, Invalid
from atrium.identity import Actor, Verb, require
from atrium.keys import seal, unseal
from atrium.names import check_name
from tenancy import audit, get_project
from workflows.clusters.argo_server import argo_server
from workflows.clusters.checks import check_access, first_word
from workflows.clusters.detecting import detected
from workflows.clusters.home import HOME, home_cluster, pod_access, project_access
from workflows.clusters.kubeconfig import read_kubeconfig
from workflows.clusters.models import (
    Access,
    ClusterExists,
    ClusterNotFound,
    ClusterNotOfProject,
    ClusterRow,
    ClusterStateRow,
    ClusterView,
    Finding,
    SeenRow,
)
from workflows.models import RunSummaryRow

NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
LONGEST_URL, MOST_CLUSTERS, MOST_PROJECTS = 300, 20, 50
ADDRESS = re.compile(r"https?://[^\s/@?#]+(/[^\s?#]*)?")


def _bound_to(name: str) -> str:
    return f"cluster/{name}"


def access_of(row: ClusterRow, namespace: str = "") -> Access:
    """How a cluster is asked, with its credentials in clear: for the platform's own processes alone.

    The home cluster is asked as the account of the project that has `namespace`. Raises `NotInCluster` of that, and what it answers.
    """
    if row.name == home_cluster():
        return project_access(namespace) if namespace else pod_access()
    secret: dict[str, str] = json.loads(unseal(row.sealed, _bound_to(row.name)))
    return Access(row.server, row.authority, **secret)


def _sealed(name: str, access: Access) -> bytes:
    secret = {key: value for key, value in asdict(access).items() if key not in ("server", "authority")}
    return seal(json.dumps(secret).encode(), _bound_to(name))


def _view(row: ClusterRow, state: ClusterStateRow | None) -> ClusterView:
    return ClusterView(
        row.name, row.server, row.argo_url, row.argo_checked, row.projects, row.added_by, row.added_at,
        state.version if state else "", state.heard_at if state else None, state.problem if state else "",
        state.argo_version if state else "", detected(state.served, row.name == HOME) if state and state.served is not None else [],
    )  # fmt: skip


def find_cluster(session: Session, name: str) -> ClusterRow:
    """A cluster's row. Raises `ClusterNotFound`."""
    row = session.get(ClusterRow, name)
    if row is None:
        known = ", ".join(session.scalars(select(ClusterRow.name).order_by(ClusterRow.name))) or "none"
        raise ClusterNotFound(f"cluster {name[:60]!r}", f"connected are {known}", "atrium cluster add connects one")
    return row


def list_clusters(who: Actor) -> list[ClusterView]:
    """The connected clusters, by name, with when each last answered. Raises `Forbidden`: for the administrator."""
    require(who, Verb.ADMINISTER)
    with reading() as session:
        states = {row.name: row for row in session.scalars(select(ClusterStateRow))}
        return [
            _view(row, states.get(row.name)) for row in session.scalars(select(ClusterRow).order_by(ClusterRow.name))
        ]


def clusters_of(who: Actor, project: str) -> list[str]:
    """Names of the clusters on which a project has a namespace, beside the home engine. Raises `Forbidden`."""
    require(who, Verb.READ, project)
    with reading() as session:
        return [
            row.name for row in session.scalars(select(ClusterRow).order_by(ClusterRow.name))
            if project in row.projects and row.name != home_cluster()
        ]  # fmt: skip


def cluster_of_project(name: str, project: str) -> tuple[ClusterRow, str]:
    """A cluster's row and the project's namespace there. Raises `ClusterNotFound`, `ClusterNotOfProject`."""
    with reading() as session:
        row = find_cluster(session, name)
    if project not in row.projects and name == home_cluster():
        told = "its namespace is made within seconds of the project"
        raise ClusterNotOfProject(
            f"project {project!r} on the home cluster", told, "try again; logs/worker.log tells why it stays away"
        )
    if project not in row.projects:
        told = "the administrator gives projects a namespace there"
        raise ClusterNotOfProject(
            f"project {project!r} on cluster {name!r}", told, f"atrium cluster allow {name} {project}"
        )
    return row, row.projects[project]


def cluster_state(name: str) -> ClusterStateRow | None:
    """When a cluster last answered, and what its problem is."""
    with reading() as session:
        return session.get(ClusterStateRow, name)


def add_cluster(
    who: Actor, name: str, kubeconfig: str, argo_url: str, projects: Mapping[str, str], argo_checked: bool = True
) -> ClusterView:
    """Connects a cluster once it let the platform in: `projects` maps projects to their namespaces there.

    `argo_url` is its Argo Server's address; `argo_checked` False takes whatever certificate that shows.

    Raises:
        Forbidden, NameInvalid, ClusterExists, Invalid: an address, a namespace, too many; KubeconfigInvalid; ProjectNotFound;
        ClusterUnavailable, ClusterRefused: it does not answer, or does not know the credential.
    """
    require(who, Verb.ADMINISTER)
    check_name(name, "cluster")
    _refuse_home(name)
    access = read_kubeconfig(kubeconfig)
    argo_url = argo_url.rstrip("/")
    if len(argo_url) > LONGEST_URL or not ADDRESS.fullmatch(argo_url):
        raise Invalid(
            f"Argo Server {argo_url[:LONGEST_URL]!r}",
            "an http or https address",
            "for example https://argo.example:2746",
        )
    for project, namespace in projects.items():
        _check_namespace(who, project, namespace)
    first_word(name, access)
    with writing() as session:
        if session.get(ClusterRow, name):
            raise ClusterExists(f"cluster {name!r}", "a name is connected once", f"atrium cluster remove {name}")
        if len(session.scalars(select(ClusterRow.name)).all()) >= MOST_CLUSTERS or len(projects) > MOST_PROJECTS:
            told = f"at most {MOST_CLUSTERS} clusters of {MOST_PROJECTS} projects each are connected"
            raise Invalid(f"cluster {name!r}", told, "atrium cluster remove NAME")
        row = ClusterRow(
            name=name, server=access.server, authority=access.authority, argo_url=argo_url, argo_checked=argo_checked,
            sealed=_sealed(name, access), projects=dict(projects), added_by=who.name, added_at=now(),
        )  # fmt: skip
        session.add(row)
        audit(
            session,
            who,
            "cluster.add",
            None,
            name,
            f"{access.server}, Argo {argo_url}{'' if argo_checked else ' (unchecked)'}",
        )
        return _view(row, None)


def _refuse_home(name: str) -> None:
    if name == HOME:
        told = "it is the cluster of the setting ATRIUM_ARGO_URL, which asks with the pod's own account"
        raise Invalid(f"cluster {name!r}", told, "choose another name, or change the setting")


def _check_namespace(who: Actor, project: str, namespace: str) -> None:
    get_project(who, project)
    if not NAMESPACE.fullmatch(namespace):
        told = "a namespace has 1 to 63 characters of a-z, 0-9 and dashes"
        raise Invalid(f"namespace {namespace[:63]!r}", told, "name the namespace as the cluster does")


def renew_cluster(who: Actor, name: str, kubeconfig: str) -> ClusterView:
    """Takes another credential for a cluster, for example after a token has ended. Raises as `add_cluster` does."""
    require(who, Verb.ADMINISTER)
    _refuse_home(name)
    access = read_kubeconfig(kubeconfig)
    first_word(name, access)
    with writing() as session:
        row = find_cluster(session, name)
        row.server, row.authority, row.sealed = access.server, access.authority, _sealed(name, access)
        audit(session, who, "cluster.renew", None, name, access.server)
        return _view(row, session.get(ClusterStateRow, name))


def allow_project(who: Actor, name: str, project: str, namespace: str = "") -> ClusterView:
    """Gives a project its namespace on a cluster, by default of its own name. Raises `Forbidden`, `ClusterNotFound`, `Invalid`."""
    require(who, Verb.ADMINISTER)
    namespace = namespace or project
    _refuse_home(name)
    _check_namespace(who, project, namespace)
    with writing() as session:
        row = find_cluster(session, name)
        if taken := next((one for one, own in row.projects.items() if own == namespace and one != project), None):
            told = f"it is project {taken!r}'s: a namespace is one project's"
            raise Invalid(f"namespace {namespace!r} of cluster {name!r}", told, "choose another namespace")
        row.projects = {**row.projects, project: namespace}
        audit(session, who, "cluster.allow", project, name, namespace)
        return _view(row, session.get(ClusterStateRow, name))


def remove_cluster(who: Actor, name: str) -> None:
    """Disconnects a cluster and forgets what was seen there; on the cluster everything goes on. Raises `Forbidden`, `ClusterNotFound`."""
    require(who, Verb.ADMINISTER)
    if name == home_cluster():
        _refuse_home(name)
    with writing() as session:
        session.delete(find_cluster(session, name))
        session.execute(delete(ClusterStateRow).where(ClusterStateRow.name == name))
        session.execute(delete(SeenRow).where(SeenRow.cluster == name))
        session.execute(delete(RunSummaryRow).where(RunSummaryRow.cluster == name))
        audit(session, who, "cluster.remove", None, name)


def check_cluster(who: Actor, name: str) -> list[Finding]:
    """What works there and what does not: the API server, Argo's types, each right in each namespace, the Argo Server.

    Raises:
        Forbidden, ClusterNotFound.
    """
    require(who, Verb.ADMINISTER)
    with reading() as session:
        row = find_cluster(session, name)
    access = access_of(row)
    rights = [(namespace, access_of(row, namespace)) for namespace in row.projects.values()]
    return [*check_access(name, access, rights), _check_argo(row, access)]


def _check_argo(row: ClusterRow, access: Access) -> Finding:
    what = f"Argo Server {row.argo_url}"
    try:
        with argo_server(row, access).client(3.0) as http:
            said = http.get("/api/v1/version")
    except (httpx.TransportError, AtriumError) as error:
        return Finding(
            what,
            False,
            str(error) or type(error).__name__,
            "is its address reached from here, and its certificate good?",
        )
    if said.is_success:
        return Finding(what, True, f"answers, {said.json().get('version', '?')}")
    mend = "start it with --auth-mode=client, and connect the cluster with a token"
    return Finding(what, False, f"answers {said.status_code}: {said.text[:200]}", mend)
