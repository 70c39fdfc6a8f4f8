"""What `image:` means on every machine: the environments that stand for well-known images."""

import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from atrium.errors import Invalid
from atrium.settings import CHECKOUT

RUNTIME = "atrium/runtime"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
LIBRARIES = ("atrium", "examples", "feature_store", "tenancy", "workflows")

ARGOSAY = """#!/bin/sh
case "$1" in
  "") echo "hello argo" ;;
  assert_contains) grep -qF -- "$3" "$2" || { echo "FAILED: expected '$3' in $2"; exit 1; } ;;
  cat) shift; cat "$@" ;;
  echo) shift
    case $# in
      0) echo "hello argo" ;;
      1) echo "$1" ;;
      2) mkdir -p "$(dirname "$2")"; echo "$1" >"$2" ;;
      *) echo "usage: echo [TEXT [FILE]]" >&2; exit 1 ;;
    esac ;;
  exit) exit "${2:-0}" ;;
  sh) shift; exec sh "$@" ;;
  sleep) sleep "$2" ;;
  *) exit 1 ;;
esac
"""


class ImageUnknown(Invalid):
    """No environment on this machine stands for the image."""


@dataclass(frozen=True)
class Image:
    """An environment: `read_only` paths beside the machine's /usr, `path` folders first on PATH, `stands_for` in words.

    `command` runs where a container names none, in `workdir`, with `environment` below the container's own variables.
    With `root` it is the root file system of that folder, and nothing of the machine's /usr is there. `programs` are scripts of its
    own, each with the path at which a container finds it.
    """

    name: str
    stands_for: str
    read_only: tuple[Path, ...] = ()
    path: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    exact: bool = False
    root: Path | None = None
    command: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    workdir: str = "/"
    programs: tuple[tuple[str, str], ...] = ()


@lru_cache
def runtime_image() -> Image:
    """The platform's own Python environment, which every machine has."""
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
    return [str(path) for path in runtime_image().read_only]


def _machine(name: str, what: str) -> Image:
    return Image(name, f"this machine's {what}")


def _python(name: str) -> Image:
    asked = re.search(r"(\d+\.\d+)", name.partition(":")[2])
    runtime = runtime_image()
    return Image(
        name,
        f"the platform's Python: {PYTHON}",
        runtime.read_only,
        runtime.path,
        exact=bool(asked and asked[1] == PYTHON),
    )


MACHINE = {
    "alpine": "shell and tools",
    "busybox": "shell and tools",
    "debian": "shell and tools",
    "ubuntu": "shell and tools",
    "bash": "bash",
}


def shipped_names() -> list[str]:
    """Names that mean something on every machine, as patterns."""
    return [f"{RUNTIME}:1", "python:3.x", "python:alpine*", *(f"{name}:*" for name in MACHINE), "argoproj/argosay:v2"]


def shipped_image(image: str) -> Image | None:
    """What of the machine's own stands for `image`; None where nothing does."""
    plain = re.sub(r"^(docker\.io/|quay\.io/|ghcr\.io/)?(library/|argoproj/)?", "", image)
    name = plain.partition(":")[0].partition("@")[0]
    if name == RUNTIME:
        return runtime_image()
    if name == "python":
        return _python(plain)
    if name in MACHINE:
        return _machine(plain, MACHINE[name])
    if name == "argosay":
        own = (("/argosay", ARGOSAY),)
        return Image(plain, "a small stand-in of Argo's argosay", entrypoint=("/argosay",), programs=own)
    return None
