"""`atrium images`: the images of an overlay for a site without the internet."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
import yaml

from app.deploying.images.lock import NAME, read_lock
from app.deploying.kubectl import Json

if TYPE_CHECKING:
    from app.deploying.images.names import Image
    from app.deploying.images.places import Place

CONTAINERD = "/run/containerd/containerd.sock"
overlay_of = click.argument("overlay", default="airgap")
releases_of = click.option(
    "--releases", default="", help="Folder or address that holds other projects' releases; their images count too."
)
source_of = click.option(
    "--from",
    "source",
    default="",
    help="Registry, or folder that starts with / or ., to read from; else each image's own.",
)
lock_of = click.option(
    "--lock",
    "lock",
    type=click.Path(path_type=Path),
    default=None,
    help=f"The lock; {NAME} of this folder, or of a folder that is named.",
)
plain_of = click.option(
    "--plain-http", is_flag=True, help="The private registry speaks HTTP, or has a certificate of its own."
)
auth_of = click.option(
    "--authfile",
    type=click.Path(exists=True),
    default=None,
    help="Credentials, as `skopeo login --authfile` writes them.",
)


@click.group()
def images() -> None:
    """The images of an overlay: list, lock, mirror, load on a node, lead manifests to a private registry."""


@images.command("list")
@overlay_of
@releases_of
def list_images(overlay: str, releases: str) -> None:
    """List every image that an overlay's manifests name or start, and what uses it."""
    for one in _images(overlay, releases):
        same = f"   (the same as {one.same_as})" if one.same_as else ""
        click.echo(f"{one.full:<56} {one.used_by}{same}")


@images.command("lock")
@overlay_of
@releases_of
@source_of
@lock_of
@plain_of
@auth_of
def lock_images(
    overlay: str, releases: str, source: str, lock: Path | None, plain_http: bool, authfile: str | None
) -> None:
    """Resolve the digest of each image and write the lock."""
    from app.deploying.images.mirroring import resolve

    made = resolve(_images(overlay, releases), _place(source, plain_http, authfile), click.echo)
    path = lock or Path(NAME)
    made.write(path)
    click.echo(f"{len(made.digests)} images are locked in {path}")


@images.command("mirror")
@overlay_of
@releases_of
@source_of
@click.option(
    "--to", "target", required=True, help="Registry (host:port), or folder that starts with / or ., to copy to."
)
@lock_of
@plain_of
@auth_of
def mirror_images(
    overlay: str, releases: str, source: str, target: str, lock: Path | None, plain_http: bool, authfile: str | None
) -> None:
    """Copy each image to a private registry or into a folder; what a lock pins is copied, nothing else."""
    from app.deploying.images.mirroring import mirror

    here, there = _place(source, plain_http, authfile), _place(target, plain_http, authfile)
    path = lock or ((there.folder or here.folder or Path()) / NAME)
    pinned = read_lock(path, needed=False)
    if here.folder and not pinned.digests:
        pinned = read_lock(here.folder / NAME)
    made = mirror(_images(overlay, releases), here, there, pinned, click.echo)
    made.write(path)
    click.echo(f"{len(made.digests)} images are in {target}, locked in {path}")


@images.command("load")
@click.option("--from", "source", required=True, help="Registry, or folder that `mirror` made.")
@lock_of
@click.option(
    "--registry", default="", help="Private registry whose names manifests use: the images get those names, too."
)
@click.option("--containerd", default=CONTAINERD, show_default=True, help="containerd's socket on this node.")
@plain_of
@auth_of
def load_images(
    source: str, lock: Path | None, registry: str, containerd: str, plain_http: bool, authfile: str | None
) -> None:
    """Put the lock's images into containerd of this node, as root."""
    from app.deploying.images.mirroring import load

    place = _place(source, plain_http, authfile)
    found = read_lock(lock or ((place.folder or Path()) / NAME))
    load(found, place, containerd, registry, click.echo)
    click.echo(f"{len(found.digests)} images are on this node")


@images.command("rewrite")
@overlay_of
@releases_of
@click.option("--registry", required=True, help="Private registry, host:port.")
@lock_of
@auth_of
def rewrite_images(overlay: str, releases: str, registry: str, lock: Path | None, authfile: str | None) -> None:
    """Print the overlay's manifests led to a private registry, its pull secrets first, for `kubectl apply --server-side -f -`."""
    from app.deploying.images.rewriting import check, pull_secrets, rewritten

    objects = _objects(overlay, releases)
    made = rewritten(objects, registry, read_lock(lock or Path(NAME)), bool(authfile))
    check(made, registry)
    secrets = pull_secrets(made, Path(authfile)) if authfile else []
    first = [one for one in made if one["kind"] == "Namespace"]
    click.echo(yaml.safe_dump_all([*first, *secrets, *(one for one in made if one not in first)]))


def _objects(overlay: str, releases: str) -> list[Json]:
    from app.deploying.up import everything

    return everything(overlay, releases)


def _place(address: str, plain_http: bool, authfile: str | None) -> "Place":
    from app.deploying.images.places import Place

    return Place(address, plain_http, authfile or "")


def _images(overlay: str, releases: str) -> "list[Image]":
    from app.deploying.images.names import images_of

    return images_of(_objects(overlay, releases))
