"""One part of an installation alone: installed, upgraded or removed, after its plan."""

import sys

import click

from app.deploying.found import find_argo
from app.deploying.keys import NAMESPACE, make_metrics_token, make_mounted
from app.deploying.kubectl import MANAGER, Json, check_kubectl, items, kubectl
from app.deploying.parts import (
    ARGO,
    COMPONENTS,
    PLATFORM,
    PartNeeded,
    check_moves,
    check_needs,
    check_part,
    check_unneeded,
    joined,
    joint,
    part_of,
    parting,
    patched,
    platform,
    removable,
    staying,
)
from app.deploying.plan import label
from app.deploying.releases import release
from app.deploying.up import Registry, apply_all, rendered, show, show_change, space_of, tell_detected, waited_for
from app.deploying.waiting import wait_until_gone
from workflows.clusters.images import containers


def install_part(
    part: str, overlay: str, releases: str, only_plan: bool, wait_seconds: int, registry: Registry
) -> None:
    """Installs or upgrades one part as the overlay, or its component, has it; exits 1 where it is not ready in time.

    Raises:
        PartNotFound, PartNeeded, KubectlMissing, ClusterSaidNo, OverlayNotFound, Release…, ImageLock…, NotMirrored.
    """
    check_part(part)
    click.echo(f"Cluster {kubectl('config', 'current-context').strip()}, Kubernetes {check_kubectl()}")
    check_needs(part, overlay)
    check_moves({part_of(one) for one in rendered(overlay)} if part == PLATFORM else {part}, alone=True)
    objects = registry.led(_of_argo(releases) if part == ARGO else _of_overlay(part, overlay))
    show(objects)
    joins = part in COMPONENTS and platform() is not None
    if joins:
        show_change(patched(joint(part), dry=True))
    if only_plan:
        return
    apply_all([one for one in objects if one["kind"] == "Namespace"])
    apply_all(registry.secrets(objects))
    make_mounted(objects)
    apply_all(objects)
    waited = [(one["metadata"]["namespace"], one["metadata"]["name"]) for one in objects if one["kind"] == "Deployment"]
    if joins:  # once what it is to use answers
        _end(waited_for(waited, wait_seconds))
        patched(joint(part), dry=False)
        waited = [(NAMESPACE, "atrium")]
    _end(waited_for(waited, wait_seconds))
    if any(one["kind"] == "ServiceMonitor" for one in objects):
        make_metrics_token()


def _of_overlay(part: str, overlay: str) -> list[Json]:
    """A part's objects; of a component that the overlay lacks, too. The platform keeps what else is joined to it."""
    there = platform()
    known = {part_of(one) for one in rendered(overlay)}
    more = tell_detected() if part == PLATFORM else []
    more += [
        one for one in COMPONENTS if one not in known and (one == part or (part == PLATFORM and joined(one, there)))
    ]
    argo = find_argo(release(ARGO).knows) if part == PLATFORM else None
    spaces = [] if items("namespace", NAMESPACE) else ["Namespace"]
    return [one for one in rendered(overlay, argo, more) if part_of(one) == part or one["kind"] in spaces]


def _of_argo(releases: str) -> list[Json]:
    """The objects of the pinned release. Raises `PartNeeded` where the Argo that is there is somebody else's."""
    wanted = release(ARGO)
    found = find_argo(wanted.knows)
    if found is not None and not _ours(found.namespace):
        told = f"Argo Workflows {found.version} in namespace {found.namespace} was not installed by cluster-up; the platform uses it as it is"
        raise PartNeeded(f"a change of Argo Workflows to {wanted.version}", told, "change it by what installed it")
    return [space_of(wanted.namespace), *wanted.objects(releases)]


def _ours(namespace: str) -> bool:
    found = items("deployment", "workflow-controller", "-n", namespace, "--show-managed-fields")
    return any(
        entry["manager"] == MANAGER and entry["operation"] == "Apply"
        for one in found
        for entry in one["metadata"].get("managedFields") or ()
    )


def remove_part(part: str, releases: str, only_plan: bool, wait_seconds: int) -> None:
    """Removes one part after its plan; claims and secrets stay. Exits 1 where the platform does not come back in time.

    Raises:
        PartNotFound, PartNeeded, KubectlMissing, ClusterSaidNo, Release….
    """
    check_part(part)
    click.echo(f"Cluster {kubectl('config', 'current-context').strip()}, Kubernetes {check_kubectl()}")
    check_unneeded(part)
    going, there = _going(part, releases), platform()
    parts = part in COMPONENTS and joined(part, there)
    _show_removal(part, going)
    if parts:
        show_change(patched(parting(part), dry=True))
    if only_plan or not (going or parts):
        return
    if parts:
        patched(parting(part), dry=False)
        _end(waited_for([(NAMESPACE, "atrium")], wait_seconds))
    for one in going:
        where = ["-n", one["metadata"]["namespace"]] if one["metadata"].get("namespace") else []
        kubectl("delete", one["kind"], one["metadata"]["name"], *where, "--ignore-not-found", "--wait=false")
    _end([label(one) for one in going if not wait_until_gone(one, wait_seconds)])
    click.echo(f"{part} is removed" + (f"; {COMPONENTS[part].without}" if parts and COMPONENTS[part].without else ""))


def _going(part: str, releases: str) -> list[Json]:
    if part != ARGO:
        return removable(part)
    wanted = release(ARGO)
    if find_argo(wanted.knows) is None:
        return []
    return [one for one in reversed(_of_argo(releases)) if one["kind"] != "Namespace"]


def _show_removal(part: str, going: list[Json]) -> None:
    stays = staying(part)
    click.echo("Plan:" if going else f"Nothing of {part} is there{' but what stays:' if stays else '.'}")
    for one in going:
        images = "".join(f"   image: {image['image']}" for image in containers(one))
        click.echo(f"  remove  {label(one)}{images}")
    for name in stays:
        click.echo(f"  stays   {name}")


def _end(late: list[str]) -> None:
    if late:
        click.secho(f"Not ready: {', '.join(late)}; run it again when what was told is mended", fg="red", err=True)
        sys.exit(1)
