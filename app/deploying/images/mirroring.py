"""Locking and mirroring an overlay's images, and loading them on a node."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from app.deploying.images.lock import Lock
from app.deploying.images.names import Image
from app.deploying.images.places import COPY_SECONDS, Place, copy, digest_at, skopeo
from atrium.errors import Conflict, Unavailable
from workflows.clusters.images import full_name, kept_as


class ImageChanged(Conflict):
    """An image is not the one that the lock pins."""


class NodeRefused(Unavailable):
    """containerd of this machine did not take an image."""


Tell = Callable[[str], object]


def resolve(images: Sequence[Image], source: Place, tell: Tell) -> Lock:
    """The digests of all of them at `source`. Raises `SkopeoMissing`, `ImageUnreachable`."""
    found = {}
    for full, original in _once(images).items():
        if digest := digest_at(source, original or full):
            found[full] = digest
        else:
            tell(f"  {full} was built here: its digest is known once it is mirrored")
    return Lock(found)


def mirror(images: Sequence[Image], source: Place, target: Place, pinned: Lock, tell: Tell) -> Lock:
    """Copies all of them; returns their digests, those of `pinned` that others need among them. What is there already is not copied again.

    Raises:
        SkopeoMissing, ImageUnreachable; ImageChanged: the source's is not what `pinned` says.
    """
    found = dict(pinned.digests)
    for full, original in _once(images).items():
        wanted = pinned.digests.get(full, "")
        before = digest_at(source, original or full)
        if wanted and before and before != wanted:
            told = f"the lock pins {wanted}"
            raise ImageChanged(
                f"{full} is {before} there", told, "mirror what was locked, or lock anew on purpose: atrium images lock"
            )
        found[full] = copy(source, target, full, original)
        tell(f"  {full} {found[full]}")
    return Lock(found)


def _once(images: Sequence[Image]) -> dict[str, str]:
    """Each full name with that of the image whose content it has, empty for its own."""
    return {one.full: full_name(one.same_as) if one.same_as else "" for one in images}


def load(lock: Lock, source: Place, socket: str, registry: str, tell: Tell) -> None:
    """Puts the lock's images into containerd of this node, under their own names, those at `registry`, and by digest.

    A runtime finds `NAME@sha256:…` only under that very name, which an import does not give: it is added.

    Raises:
        SkopeoMissing, ImageUnreachable, NodeRefused.
    """
    for full, digest in sorted(lock.digests.items()):
        name = kept_as(full)
        with tempfile.TemporaryDirectory(prefix="atrium-images-") as folder:
            archive = Path(folder) / "image.tar"
            skopeo(
                "copy",
                "-q",
                *source.flags("src-"),
                source.of(full),
                f"docker-archive:{archive}:{name}",
                seconds=COPY_SECONDS,
            )
            _ctr(socket, "import", str(archive))
        bare = name.rpartition(":")[0]
        names = [f"{bare}@{digest}", *([f"{registry}/{name}", f"{registry}/{bare}@{digest}"] if registry else [])]
        _ctr(socket, "tag", "--force", name, *names)
        tell(f"  {name}" + (f", {registry}/{name}" if registry else ""))


def _ctr(socket: str, *words: str) -> None:
    if shutil.which("ctr") is None:
        raise NodeRefused("ctr", "it must be on the path of a node that runs containerd", "run this on the node")
    command = ["ctr", "--address", socket, "-n", "k8s.io", "images", *words]
    made = subprocess.run(command, capture_output=True, text=True, timeout=COPY_SECONDS, check=False)
    if made.returncode:
        told = "containerd takes images from root at its socket"
        raise NodeRefused(
            f"ctr images {' '.join(words)[:300]}: {made.stderr.strip()[-500:]}",
            told,
            "run it as root on the node, with --containerd SOCKET",
        )
