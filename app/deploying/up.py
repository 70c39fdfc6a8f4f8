"""From an overlay to a platform that answers on a cluster: detect, plan, apply, wait."""

import sys

import click
import yaml

from app.deploying.found import Argo, find_argo, storage_trouble
from app.deploying.keys import NAMESPACE, copy_artifact_keys, make_keys
from app.deploying.kubectl import Json, apply, check_kubectl, kubectl
from app.deploying.plan import make_plan
from app.deploying.releases import Release, release
from app.deploying.waiting import wait_for
from atrium.errors import NotFound
from atrium.settings import CHECKOUT

OVERLAYS = CHECKOUT / "deploy" / "overlays"
MOST_SHOWN = 12


class OverlayNotFound(NotFound):
    """There is no overlay of this name."""


def bring_up(overlay: str, releases: str, only_plan: bool, wait_seconds: int) -> None:
    """What `atrium cluster-up` does; exits 1 where something is not ready in time.

    Raises:
        KubectlMissing, ClusterSaidNo, ArgoUnfit, OverlayNotFound, ReleaseMissing, ReleaseChanged, ReleaseUnreachable.
    """
    version = check_kubectl()
    click.echo(f"Cluster {kubectl('config', 'current-context').strip()}, Kubernetes {version}")
    argo, parts = _argo(releases)
    objects = rendered(overlay, argo)
    _show([*parts, *objects])
    for claim in [one for one in objects if one["kind"] == "PersistentVolumeClaim"]:
        if trouble := storage_trouble(claim["metadata"]["name"], NAMESPACE):
            click.secho(f"  storage: {trouble}", fg="yellow")
    if only_plan:
        return
    _apply(parts)
    _apply([one for one in objects if one["kind"] == "Namespace"])
    copy_artifact_keys(find_argo(release("argo-workflows").knows) or argo)
    password = make_keys(objects)  # before what mounts them
    _apply(objects)
    waited = [(argo.namespace, "workflow-controller"), (argo.namespace, "argo-server")]
    waited += [(NAMESPACE, one["metadata"]["name"]) for one in objects if one["kind"] == "Deployment"]
    late = [name for namespace, name in waited if not _waited(namespace, name, wait_seconds)]
    if late:
        click.secho(f"Not ready: {', '.join(late)}; run it again when what was told is mended", fg="red", err=True)
        sys.exit(1)
    _tell(password)


def _argo(releases: str) -> tuple[Argo, list[Json]]:
    """The cluster's Argo, or the one that is to be, with its objects."""
    wanted = release("argo-workflows")
    found = find_argo(wanted.knows)
    if found is not None:
        logs = "keeps logs" if found.keeps_logs else "keeps no logs: set artifactRepository with archiveLogs: true"
        click.echo(f"Argo Workflows {found.version} is there, in namespace {found.namespace}; it {logs}")
        return found, []
    click.echo(f"Argo Workflows is missing: {wanted.version} is installed in namespace {wanted.namespace}")
    return _planned(wanted), [_namespace(wanted.namespace), *wanted.objects(releases)]


def _planned(wanted: Release) -> Argo:
    return Argo(wanted.namespace, f"https://argo-server.{wanted.namespace}:2746", wanted.version)


def _namespace(name: str) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def rendered(overlay: str, argo: Argo) -> list[Json]:
    """The objects of an overlay, led to the cluster's own Argo. Raises `OverlayNotFound`, `ClusterSaidNo`."""
    known = sorted(path.name for path in OVERLAYS.iterdir())
    if overlay not in known:
        raise OverlayNotFound(
            f"overlay {overlay!r}", f"there are {', '.join(known)}", f"make cluster-up OVERLAY={known[0]}"
        )
    objects = [one for one in yaml.safe_load_all(kubectl("kustomize", str(OVERLAYS / overlay))) if one]
    for one in objects:
        if (one["kind"], one["metadata"]["name"]) == ("ConfigMap", "atrium-settings"):
            one["data"]["ATRIUM_ARGO_URL"] = argo.url
    return objects


def _show(objects: list[Json]) -> None:
    click.echo("Plan:")
    changes = make_plan(objects)
    for one in (one for one in changes if one.verb != "keep"):
        click.echo(f"  {one.verb:<7} {one.name}" + ("   (its pods restart)" if one.restarts else ""))
        for text in one.fields[:MOST_SHOWN]:
            click.echo(f"            {text}")
        if len(one.fields) > MOST_SHOWN:
            click.echo(f"            and {len(one.fields) - MOST_SHOWN} more")
    click.echo(f"  keep    {sum(one.verb == 'keep' for one in changes)} of {len(changes)} objects as they are")


def _apply(objects: list[Json]) -> None:
    """Namespaces and custom resources first, for the others need them."""
    first = [one for one in objects if one["kind"] in ("Namespace", "CustomResourceDefinition")]
    for group in (first, [one for one in objects if one not in first]):
        if group:
            apply(group)


def _waited(namespace: str, name: str, seconds: int) -> bool:
    done = wait_for(namespace, name, seconds, lambda text: click.echo(f"  waiting for {text}"))
    click.echo(f"  {'ready  ' if done else 'NOT READY'} {namespace}/{name}")
    return done


def _tell(password: str | None) -> None:
    click.echo(
        f"\nAtrium answers in namespace {NAMESPACE}: kubectl -n {NAMESPACE} port-forward service/atrium 8080 8081"
    )
    if password:
        click.echo(f"  Administrator  admin   password {password}   (kept in the secret atrium-admin)")
