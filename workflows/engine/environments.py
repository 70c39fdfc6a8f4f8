"""Which environment stands for an image: one that the administrator registered, else one of the machine's own."""

import json
import re
import time
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from sqlalchemy import select

from atrium.database import reading
from atrium.errors import Invalid
from atrium.home import get_home
from atrium.settings import get_settings
from workflows.engine.images import Image, ImageUnknown, shipped_image, shipped_names
from workflows.models import ImageKind, ImageRow

KEPT_SECONDS = 2.0
PROGRAM = {ImageKind.VENV: "bin/python", ImageKind.ROOTFS: "bin/sh", ImageKind.OCI: "rootfs"}
WORDS = {
    ImageKind.VENV: "a virtual environment",
    ImageKind.ROOTFS: "a root file system",
    ImageKind.OCI: "a container image",
}


class ImageFolderInvalid(Invalid):
    """The folder is not there, is no environment, or would show the platform's home to steps."""


def plain_name(image: str) -> str:
    """An image's name as it is compared: without docker.io/library and the tag `latest`, which go without saying."""
    return re.sub(r"^(docker\.io/)?(library/)?", "", image).removesuffix(":latest")


def _check_outside_home(folder: Path, asked: str) -> None:
    home = get_home().root.resolve()
    if folder.is_relative_to(home) or home.is_relative_to(folder):
        raise ImageFolderInvalid(
            asked, f"a folder outside {home} (the platform's home) that does not hold it", "move the environment"
        )


def folder_image(name: str, kind: ImageKind, path: Path, exact: bool) -> Image:
    """The image that a folder of this machine is.

    Raises:
        ImageFolderInvalid: it is not there, has no bin/python (venv) or bin/sh (rootfs), or lies in or around the home.
    """
    asked = f"the folder {str(path)!r} of image {name!r}"
    if not path.is_absolute() or ".." in path.parts or not path.is_dir():
        raise ImageFolderInvalid(asked, "the absolute path of a folder of this machine", "check the path")
    if kind is ImageKind.OCI:
        return _copied_image(name, path, exact)
    _check_outside_home(path.resolve(), asked)
    program = path / PROGRAM[kind]
    if not (program.exists() or (kind is ImageKind.ROOTFS and program.is_symlink())):  # a link may hold only in there
        raise ImageFolderInvalid(
            asked, f"a folder with {PROGRAM[kind]}, for it is registered as {WORDS[kind]}", "check path and kind"
        )
    stands_for = f"{WORDS[kind]}: {path}"
    if kind is ImageKind.ROOTFS:
        return Image(name, stands_for, root=path, exact=exact)
    base = program.resolve().parent.parent
    outside = () if base.is_relative_to("/usr") or base.is_relative_to(path.resolve()) else (base,)
    for one in outside:
        _check_outside_home(one, f"{asked}, whose Python lies in {str(one)!r},")
    return Image(name, stands_for, (*outside, path), (str(path / "bin"),), exact=exact)


def _copied_image(name: str, path: Path, exact: bool) -> Image:
    """An image that was copied out of a container runtime, with what its maker set."""
    config = json.loads((path / "config.json").read_bytes())
    settings = tuple((key, value) for key, _, value in (str(one).partition("=") for one in config.get("Env") or []))
    return Image(
        name, f"{WORDS[ImageKind.OCI]}: {config['Runtime']} {path.name}", root=path / "rootfs", exact=exact, environment=settings,
        entrypoint=tuple(config.get("Entrypoint") or ()), command=tuple(config.get("Cmd") or ()), workdir=config.get("WorkingDir") or "/",
    )  # fmt: skip


@dataclass(frozen=True)
class _Registered:
    name: str
    kind: ImageKind
    path: Path
    exact: bool


_kept: dict[str, tuple[float, list[_Registered]]] = {}


def _registered() -> list[_Registered]:
    """Those registered, exact names first, then the longest patterns; what another process changed is seen after 2 seconds."""
    read_at, found = _kept.get("all", (-KEPT_SECONDS, []))
    if time.monotonic() - read_at < KEPT_SECONDS:
        return found
    with reading() as session:
        rows = session.scalars(select(ImageRow)).all()
    found = [_Registered(row.name, ImageKind(row.kind), Path(row.path), row.exact) for row in rows]
    found.sort(key=lambda one: ("*" in one.name, -len(one.name), one.name))
    _kept["all"] = (time.monotonic(), found)
    return found


def look_again() -> None:
    """Has the next look see what was registered meanwhile."""
    _kept.clear()


def known_images() -> list[str]:
    """Names that a person may use, as patterns: those registered first."""
    return [*(one.name for one in _registered()), *shipped_names()]


def find_image(image: str) -> Image:
    """The environment that stands for `image`: of those registered the first that has its name or pattern, else the machine's own.

    Raises:
        ImageUnknown: none does, or only inexactly where the settings ask for exact ones; lists those known.
        ImageFolderInvalid: one is registered, but its folder is gone.
    """
    wanted = plain_name(image)
    one = next((one for one in _registered() if fnmatchcase(wanted, plain_name(one.name))), None)
    found = folder_image(image, one.kind, one.path, one.exact) if one else shipped_image(image)
    if found is None or (get_settings().images_exact and not found.exact):
        inexact = f" ({found.stands_for} would stand for it, inexactly)" if found else ""
        raise ImageUnknown(
            f"image {image!r}{inexact}", f"images known here are {', '.join(known_images())}", "use one of these"
        )
    return found
