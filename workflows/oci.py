"""Images of a container runtime of this machine: copied out as a root file system with what their maker set."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from atrium.errors import Invalid, Unavailable
from atrium.home import get_home

RUNTIMES = ("podman", "docker", "nerdctl")
COPY_SECONDS = 1800
ASK_SECONDS = 60


class ImageNotHere(Invalid):
    """No container runtime of this machine has the image."""


class RuntimeMissing(Unavailable):
    """This machine has no container runtime that could give an image out."""


class CopyFailed(Unavailable):
    """An image could not be copied out of its runtime."""


def _ask(runtime: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [runtime, *words], capture_output=True, text=True, errors="replace", timeout=ASK_SECONDS, check=False
    )


def _find(reference: str) -> tuple[str, dict[str, object]]:
    """The runtime that has the image locally, and what it says of it. Nothing is pulled. Raises `RuntimeMissing`, `ImageNotHere`."""
    known = [one for one in RUNTIMES if shutil.which(one)]
    if not known:
        raise RuntimeMissing(
            f"the image {reference!r}", f"no container runtime ({', '.join(RUNTIMES)}) is on this machine",
            "install one (apt-get install podman), or register a root file system",
        )  # fmt: skip
    for runtime in known:
        told = _ask(runtime, "image", "inspect", reference)
        if told.returncode == 0 and (found := json.loads(told.stdout)):
            return runtime, found[0]
    raise ImageNotHere(
        f"image {reference!r}", f"{' and '.join(known)} of this machine do not have it", f"{known[0]} pull {reference}, or load it"
    )  # fmt: skip


def _export(runtime: str, reference: str, folder: Path) -> None:
    """Unpacks the image's files into `folder`, owned by who runs this. Raises `CopyFailed`."""
    made = _ask(runtime, "create", reference, "/")
    if made.returncode:
        raise CopyFailed(f"the image {reference!r}", made.stderr.strip()[-500:], f"try: {runtime} create {reference}")
    container = made.stdout.split()[-1]
    unpack = ["tar", "--extract", "--no-same-owner", "--exclude=dev/*", "--delay-directory-restore", "-C", str(folder)]
    try:
        with subprocess.Popen([runtime, "export", container], stdout=subprocess.PIPE) as source:
            done = subprocess.run(
                unpack, stdin=source.stdout, capture_output=True, text=True, timeout=COPY_SECONDS, check=False
            )
    finally:
        _ask(runtime, "rm", container)
    if done.returncode or source.returncode:
        raise CopyFailed(f"the image {reference!r}", done.stderr.strip()[-500:], f"try: {runtime} export {container}")


def copy_out(reference: str) -> Path:
    """Folder in the home with the image's `rootfs` and its `config.json`; the same image is copied once.

    Raises:
        RuntimeMissing, ImageNotHere, CopyFailed.
    """
    runtime, about = _find(reference)
    number = str(about.get("Id", "")).removeprefix("sha256:")[:16]
    place = get_home().images / number
    if place.is_dir():
        return place
    making = place.with_name(f"{number}.{os.getpid()}.new")
    shutil.rmtree(making, ignore_errors=True)
    (making / "rootfs").mkdir(parents=True)
    try:
        _export(runtime, reference, making / "rootfs")
        (making / "config.json").write_text(json.dumps({**(about.get("Config") or {}), "Runtime": runtime}))  # type: ignore[dict-item]
        making.rename(place)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    return place


def drop_copy(place: Path) -> None:
    """Deletes a copy that nothing is registered for any more."""
    if place.parent == get_home().images:
        gone = place.with_name(f"{place.name}.gone")
        place.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
