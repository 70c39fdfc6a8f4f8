"""Images that the administrator registers: folders of this machine that stand for an `image:`."""

import re
from pathlib import Path

from sqlalchemy import func, select

from atrium.clock import now
from atrium.database import reading, writing
from atrium.errors import Invalid
from atrium.identity import Actor, Verb, require
from tenancy import audit
from workflows.engine.environments import folder_image
from workflows.engine.images import PYTHON, shipped_image, shipped_names
from workflows.models import ImageExists, ImageKind, ImageNameInvalid, ImageNotFound, ImageRow, ImageView
from workflows.oci import copy_out, drop_copy

PART = r"[a-z0-9*][a-z0-9._*-]*"
REFERENCE = re.compile(
    rf"([a-z0-9][a-z0-9.-]*(:\d{{1,5}})?/)?{PART}(/{PART})*(:[\w*][\w.*-]{{0,127}})?(@sha256:[0-9a-f]{{64}})?"
)
LONGEST_NAME, LONGEST_PATH, MOST_IMAGES = 200, 1000, 200


def _view(row: ImageRow) -> ImageView:
    return ImageView(row.name, ImageKind(row.kind), row.path, row.exact, row.added_by, row.added_at)


def check_image_name(name: str) -> None:
    """Passes an image reference, in which `*` stands for any characters. Raises `ImageNameInvalid`."""
    if len(name) > LONGEST_NAME or not REFERENCE.fullmatch(name):
        raise ImageNameInvalid(
            f"image name {name[:LONGEST_NAME]!r}", f"an image reference of at most {LONGEST_NAME} characters, where * stands for any",
            "for example python:3.12, team/torch:* or registry.example:5000/team/torch:2",
        )  # fmt: skip


def shipped_images(who: Actor) -> dict[str, str]:
    """What of the machine's own stands for an image, in words, by the image's name or pattern. Raises `Forbidden`."""
    require(who, Verb.ADMINISTER)
    found = {name: shipped_image(name.replace(":3.x", f":{PYTHON}").replace("*", "")) for name in shipped_names()}
    return {name: image.stands_for for name, image in found.items() if image}


def list_images(who: Actor) -> list[ImageView]:
    """The registered images, by name. Raises `Forbidden`: for the administrator."""
    require(who, Verb.ADMINISTER)
    with reading() as session:
        return [_view(row) for row in session.scalars(select(ImageRow).order_by(ImageRow.name))]


def add_image(who: Actor, name: str, kind: str, path: str, exact: bool = True) -> ImageView:
    """Has a folder of this machine stand for the images of that name (`*` stands for any characters).

    `kind` is `venv` (a virtual environment, whose programs come first on PATH), `rootfs` (a folder that steps see as /) or `oci`: then `path` is
    the reference of an image that podman, docker or nerdctl of this machine has; its files are copied into the home. `exact`
    says that it is what the name says; others are refused where the settings ask for exact images.

    Raises:
        Forbidden, ImageNameInvalid, ImageExists; ImageFolderInvalid: the path; Invalid: the kind, or 200 are there.
    """
    require(who, Verb.ADMINISTER)
    check_image_name(name)
    if kind not in list(ImageKind):
        raise Invalid(f"kind {kind[:LONGEST_NAME]!r}", f"it is {' or '.join(ImageKind)}", "choose one of these")
    if len(path) > LONGEST_PATH or "\0" in path:
        raise Invalid(f"a path of {len(path)} characters", f"at most {LONGEST_PATH}", "name a shorter path")
    if kind == ImageKind.OCI:
        check_image_name(path)
        path = str(copy_out(path))
    folder_image(name, ImageKind(kind), Path(path), exact)
    with writing() as session:
        if session.get(ImageRow, name):
            raise ImageExists(f"image {name!r}", "a name is registered once", f"atrium image remove '{name}'")
        if session.scalars(select(func.count()).select_from(ImageRow)).one() >= MOST_IMAGES:
            raise Invalid(f"image {name!r}", f"at most {MOST_IMAGES} are registered", "atrium image remove NAME")
        row = ImageRow(name=name, kind=kind, path=path, exact=exact, added_by=who.name, added_at=now())
        session.add(row)
        audit(session, who, "image.add", None, name, f"{kind} {path}{'' if exact else ' (inexact)'}")
        return _view(row)


def remove_image(who: Actor, name: str) -> None:
    """Unregisters an image; a folder stays, the copy of a runtime's image goes with its last name. Raises `Forbidden`, `ImageNotFound`."""
    require(who, Verb.ADMINISTER)
    with writing() as session:
        row = session.get(ImageRow, name)
        if row is None:
            raise ImageNotFound(
                f"image {name[:LONGEST_NAME]!r}", "no image of this name is registered", "atrium image list"
            )
        path, kind = row.path, row.kind
        session.delete(row)
        audit(session, who, "image.remove", None, name)
        session.flush()
        others = session.scalars(select(func.count()).select_from(ImageRow).where(ImageRow.path == path)).one()
    if kind == ImageKind.OCI and not others:
        drop_copy(Path(path))
