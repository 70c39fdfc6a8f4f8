"""Where images are: their own registries, a private one, or a folder that is carried over; skopeo copies between them."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from atrium.errors import Unavailable
from workflows.clusters.images import kept_as

LOCAL = "localhost/"  # what was built here stands in this machine's container storage
COPY_SECONDS, ANSWER_SECONDS = 3600, 120


class SkopeoMissing(Unavailable):
    """There is no skopeo."""


class ImageUnreachable(Unavailable):
    """An image cannot be read, or not be written."""


@dataclass(frozen=True)
class Place:
    """Where images are kept: `at` is empty for their own registries, a folder's path or a registry's address."""

    at: str
    plain_http: bool = False
    authfile: str = ""

    @property
    def folder(self) -> Path | None:
        """The folder, where it is one."""
        return Path(self.at) if self.at.startswith(("/", ".")) else None

    def of(self, full: str) -> str:
        """What skopeo calls the image there."""
        if folder := self.folder:
            return f"dir:{folder / kept_as(full).replace(':', '/')}"
        if self.at:
            return f"docker://{self.at}/{kept_as(full)}"
        return f"containers-storage:{full}" if full.startswith(LOCAL) else f"docker://{full}"

    def flags(self, prefix: str) -> list[str]:
        """Of `skopeo copy`, for this side of it: `src-` or `dest-`."""
        if self.folder:
            return []
        checked = [f"--{prefix}tls-verify=false"] if self.plain_http and self.at else []
        return [*checked, *([f"--{prefix}authfile={self.authfile}"] if self.authfile and self.at else [])]


def skopeo(*words: str, seconds: int = ANSWER_SECONDS) -> str:
    """What skopeo prints. Raises `SkopeoMissing`, `ImageUnreachable` with its words."""
    if shutil.which("skopeo") is None:
        raise SkopeoMissing("skopeo", "it must be on the path", "apt-get install skopeo")
    made = subprocess.run(["skopeo", *words], capture_output=True, text=True, timeout=seconds, check=False)
    if made.returncode:
        said = made.stderr.strip()[-800:]
        told = "the image is there, and you may read or write it"
        raise ImageUnreachable(f"skopeo {' '.join(words)[-300:]}: {said}", told, "mend what it says and run it again")
    return made.stdout.strip()


def digest_at(place: Place, full: str) -> str:
    """An image's digest there; empty for what was built here, which has none before it is copied."""
    where = place.of(full)
    if where.startswith("containers-storage:"):
        return ""
    return skopeo("inspect", "--no-tags", "--format", "{{.Digest}}", *place.flags(""), where)


def copy(source: Place, target: Place, full: str, original: str = "") -> str:
    """Copies an image (that of the name `original`, where it is another one's content) and returns the copy's digest."""
    origin, goal = source.of(original or full), target.of(full)
    if folder := target.folder:
        (folder / kept_as(full).replace(":", "/")).mkdir(parents=True, exist_ok=True)
    built = origin.startswith("containers-storage:")  # its layers are compressed now, so the digest is new
    kept = (["--dest-compress"] if target.folder else []) if built else ["--preserve-digests"]
    skopeo("copy", "-q", *kept, *source.flags("src-"), *target.flags("dest-"), origin, goal, seconds=COPY_SECONDS)
    return digest_at(target, full)
