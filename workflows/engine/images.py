"""What `image:` means on one machine: an environment that stands for it."""

import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from atrium.errors import Invalid
from atrium.settings import CHECKOUT, get_settings

RUNTIME = "atrium/runtime"
LIBRARIES = ("atrium", "examples", "feature_store", "tenancy", "workflows")


class ImageUnknown(Invalid):
    """No environment on this machine stands for the image."""


@dataclass(frozen=True)
class Image:
    """An environment: `read_only` paths beside the machine's /usr, `path` folders first on PATH, `stands_for` in words."""

    name: str
    stands_for: str
    read_only: tuple[Path, ...] = ()
    path: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    exact: bool = False


@lru_cache
def _runtime() -> Image:
    environment = CHECKOUT / ".venv"
    base = Path(sys.base_prefix)
    outside = () if base.is_relative_to("/usr") else (base,)
    libraries = tuple(CHECKOUT / name for name in LIBRARIES if (CHECKOUT / name).exists())
    return Image(
        RUNTIME,
        "the platform's own Python environment",
        (environment, *outside, *libraries),
        (str(environment / "bin"),),
        exact=True,
    )


def runtime_folders() -> list[str]:
    """Where the platform's own environment lies, in steps too."""
    return [str(path) for path in _runtime().read_only]


def _machine(name: str, what: str) -> Image:
    return Image(name, f"this machine's {what}")


def _python(name: str) -> Image:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    asked = re.search(r"(\d+\.\d+)", name.partition(":")[2])
    runtime = _runtime()
    return Image(
        name,
        f"Python {version} of the platform",
        runtime.read_only,
        runtime.path,
        exact=bool(asked and asked[1] == version),
    )


MACHINE = {
    "alpine": "shell and tools",
    "busybox": "shell and tools",
    "debian": "shell and tools",
    "ubuntu": "shell and tools",
    "bash": "bash",
}


def known_images() -> list[str]:
    """Names that a person may use, as patterns."""
    return [f"{RUNTIME}:1", "python:3.x", "python:alpine*", *(f"{name}:*" for name in MACHINE), "argoproj/argosay:v2"]


def find_image(image: str) -> Image:
    """The environment that stands for `image`.

    Raises:
        ImageUnknown: none does, or only inexactly where the settings ask for exact ones; lists those known.
    """
    plain = re.sub(r"^(docker\.io/|quay\.io/|ghcr\.io/)?(library/|argoproj/)?", "", image)
    name = plain.partition(":")[0].partition("@")[0]
    found = None
    if name == RUNTIME:
        found = _runtime()
    elif name == "python":
        found = _python(plain)
    elif name in MACHINE:
        found = _machine(plain, MACHINE[name])
    elif name == "argosay":
        found = Image(plain, "a small stand-in of Argo's argosay", entrypoint=("/argosay",))
    if found is None or (get_settings().images_exact and not found.exact):
        raise ImageUnknown(f"image {image!r}", f"images known here are {', '.join(known_images())}", "use one of these")
    return found
