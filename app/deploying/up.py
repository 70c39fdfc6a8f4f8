"""From an overlay to a platform that answers on a cluster: detect, plan, apply, wait."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from app.deploying.detecting import components_for, detect, told
from app.deploying.found import Argo, find_argo, storage_trouble
from app.deploying.images.lock import NAME, read_lock
from app.deploying.images.rewriting import check, pull_secrets, rewritten
from app.deploying.keys import NAMESPACE, copy_artifact_keys, make_keys, make_metrics_token
from app.deploying.kubectl import Json, apply, check_kubectl, kubectl
from app.deploying.parts import check_moves, composed, part_of
from app.deploying.plan import Change, make_plan
from app.deploying.releases import Release, release
from app.deploying.waiting import wait_for
from atrium.errors import Invalid, NotFound
from atrium.settings import CHECKOUT
from workflows.clusters.detecting import ARGO

OVERLAYS = CHECKOUT / "deploy" / "overlays"
MOST_SHOWN = 12
SITES_OWN = "SITE:"  # begins what an overlay of the site must set
CLOSED = "atrium.io/private-registry"  # of an overlay's namespace: everything comes from one


class RegistryMissing(Invalid):
    """An overlay for a site without the internet, and no private registry is named."""


class OverlayNotFound(NotFound):
    """There is no overlay of this name."""


class SiteValueMissing(Invalid):
    """An object holds a place for a value that only the site knows."""


@dataclass(frozen=True)
class Registry:
    """A private registry from which everything comes: its address, the lock of images, and a file of credentials where it asks."""

    address: str = ""
    lock: Path | None = None
    authfile: Path | None = None

    def led(self, objects: list[Json]) -> list[Json]:
        """The objects as they take their images from it. Raises `ImageLockMissing`, `ImageLockInvalid`, `NotMirrored`."""
        if not self.address or not objects:
            return objects
        made = rewritten(objects, self.address, read_lock(self.lock or Path(NAME)), bool(self.authfile))
        check(made, self.address)
        return made

    def secrets(self, objects: list[Json]) -> list[Json]:
        """The pull secrets that these objects need. Raises `NotMirrored`."""
        return pull_secrets(objects, self.authfile) if self.address and self.authfile else []


def bring_up(overlay: str, releases: str, only_plan: bool, wait_seconds: int, registry: Registry | None = None) -> None:
    """What `atrium cluster-up` does; exits 1 where something is not ready in time.

    Raises:
        KubectlMissing, ClusterSaidNo, ArgoUnfit, OverlayNotFound, ReleaseMissing, ReleaseChanged, ReleaseUnreachable,
        RegistryMissing, ImageLockMissing, ImageLockInvalid, NotMirrored, PartNeeded.
    """
    version, registry = check_kubectl(), registry or Registry()
    click.echo(f"Cluster {kubectl('config', 'current-context').strip()}, Kubernetes {version}")
    argo, parts = _argo(releases)
    more = tell_detected()
    objects = rendered(overlay, argo, more)
    check_moves({part_of(one) for one in objects}, alone=False)
    _check_registry(objects, registry)
    parts, objects = registry.led(parts), registry.led(objects)
    show([*parts, *objects])
    for claim in [one for one in objects if one["kind"] == "PersistentVolumeClaim"]:
        if trouble := storage_trouble(claim["metadata"]["name"], NAMESPACE):
            click.secho(f"  storage: {trouble}", fg="yellow")
    if only_plan:
        return
    every = [*parts, *objects]
    apply_all([one for one in every if one["kind"] == "Namespace"])
    apply_all(registry.secrets(every))
    apply_all(parts)
    copy_artifact_keys(find_argo(release("argo-workflows").knows) or argo)
    password = make_keys(objects)  # before what mounts them
    apply_all(objects)
    waited = [(argo.namespace, "workflow-controller"), (argo.namespace, "argo-server")]
    waited += [(NAMESPACE, one["metadata"]["name"]) for one in objects if one["kind"] == "Deployment"]
    late = waited_for(waited, wait_seconds)
    if late:
        click.secho(f"Not ready: {', '.join(late)}; run it again when what was told is mended", fg="red", err=True)
        sys.exit(1)
    if more:
        make_metrics_token()
    _tell(password)


def tell_detected() -> list[str]:
    """Prints what else the cluster has; returns the components that go with it. Raises `ClusterSaidNo`."""
    found = detect()
    for one in found:
        if one.name != ARGO.name:  # told with its namespace already
            click.echo(f"{one.name} {told(one)}")
    return components_for(found)


def _argo(releases: str) -> tuple[Argo, list[Json]]:
    """The cluster's Argo, or the one that is to be, with its objects."""
    wanted = release("argo-workflows")
    found = find_argo(wanted.knows)
    if found is not None:
        logs = "keeps logs" if found.keeps_logs else "keeps no logs: set artifactRepository with archiveLogs: true"
        click.echo(f"Argo Workflows {found.version} is there, in namespace {found.namespace}; it {logs}")
        return found, []
    click.echo(f"Argo Workflows is missing: {wanted.version} is installed in namespace {wanted.namespace}")
    return _planned(wanted), [space_of(wanted.namespace), *wanted.objects(releases)]


def _planned(wanted: Release) -> Argo:
    return Argo(wanted.namespace, f"https://argo-server.{wanted.namespace}:2746", wanted.version)


def space_of(name: str) -> Json:
    """A namespace of that name."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def rendered(overlay: str, argo: Argo | None = None, more: Sequence[str] = ()) -> list[Json]:
    """The objects of an overlay with further components, led to the cluster's own Argo. Raises `OverlayNotFound`, `SiteValueMissing`, `ClusterSaidNo`."""
    known = sorted(path.name for path in OVERLAYS.iterdir())
    if overlay not in known:
        raise OverlayNotFound(
            f"overlay {overlay!r}", f"there are {', '.join(known)}", f"make cluster-up OVERLAY={known[0]}"
        )
    objects = composed(overlay, more)
    for one in objects:
        _check_site_values(one)
        if argo and (one["kind"], one["metadata"]["name"]) == ("ConfigMap", "atrium-settings"):
            one["data"]["ATRIUM_ARGO_URL"] = argo.url
    return objects


def _check_site_values(one: Json) -> None:
    for key, value in (one.get("parameters") or {}).items():  # of a storage class
        if str(value).startswith(SITES_OWN):
            raise SiteValueMissing(
                f"parameter {key} of {one['kind']} {one['metadata']['name']}",
                f"it is this site's own: {str(value).removeprefix(SITES_OWN).strip()}",
                "set it by a patch in an overlay of your own: docs/cluster-install.md, Storage classes",
            )


def _check_registry(objects: list[Json], registry: Registry) -> None:
    closed = any((one["metadata"].get("annotations") or {}).get(CLOSED) == "true" for one in objects)
    if closed and not registry.address:
        told = "this overlay is for a site without the internet: all its images come from a private registry"
        raise RegistryMissing(
            "the private registry",
            told,
            "make cluster-up OVERLAY=airgap REGISTRY=HOST:PORT; atrium images mirror fills it",
        )


def everything(overlay: str, releases: str) -> list[Json]:
    """The objects of an overlay, and those of the releases that it may need where `releases` says where they are. Asks no cluster.

    Raises:
        OverlayNotFound, ClusterSaidNo, ReleaseMissing, ReleaseChanged, ReleaseUnreachable.
    """
    wanted = release("argo-workflows")
    parts = [space_of(wanted.namespace), *wanted.objects(releases)] if releases else []
    return [*parts, *rendered(overlay, _planned(wanted))]


def show(objects: list[Json]) -> None:
    """Prints the plan for these objects. Raises `ClusterSaidNo`."""
    click.echo("Plan:")
    changes = make_plan(objects)
    for one in (one for one in changes if one.verb != "keep"):
        show_change(one)
    click.echo(f"  keep    {sum(one.verb == 'keep' for one in changes)} of {len(changes)} objects as they are")


def show_change(one: Change) -> None:
    """Prints what becomes of one object."""
    click.echo(f"  {one.verb:<7} {one.name}" + ("   (its pods restart)" if one.restarts else ""))
    for text in one.fields[:MOST_SHOWN]:
        click.echo(f"            {text}")
    if len(one.fields) > MOST_SHOWN:
        click.echo(f"            and {len(one.fields) - MOST_SHOWN} more")


def apply_all(objects: list[Json]) -> None:
    """Applies objects, namespaces and custom resources first, for the others need them. Raises `ClusterSaidNo`."""
    first = [one for one in objects if one["kind"] in ("Namespace", "CustomResourceDefinition")]
    for group in (first, [one for one in objects if one not in first]):
        if group:
            apply(group)


def waited_for(deployments: Sequence[tuple[str, str]], seconds: int) -> list[str]:
    """Waits for Deployments by namespace and name, and says what they wait for; the names of those that are late. Raises `ClusterSaidNo`."""
    return [name for namespace, name in deployments if not _waited(namespace, name, seconds)]


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
