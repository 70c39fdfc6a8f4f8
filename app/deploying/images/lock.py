"""The lock of images: their digests, so that what was tried is what runs."""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from atrium.errors import Invalid, NotFound

NAME = "images.lock.yaml"
HEAD = "# Images and their digests, written by `atrium images`: what is copied, loaded and named in manifests is this content\n"
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class ImageLockInvalid(Invalid):
    """A lock of images cannot be read."""


class ImageLockMissing(NotFound):
    """There is no lock of images where one is needed."""


@dataclass(frozen=True)
class Lock:
    """Digest by full name."""

    digests: dict[str, str]

    def write(self, path: Path) -> None:
        """Writes it beside its name first, so that it is never half there."""
        part = path.with_suffix(".part")
        part.write_text(HEAD + yaml.safe_dump(self.digests))
        part.replace(path)


def read_lock(path: Path, needed: bool = True) -> Lock:
    """The lock at `path`; empty where there is none and none is needed. Raises `ImageLockMissing`, `ImageLockInvalid`."""
    if not path.is_file():
        if needed:
            raise ImageLockMissing(
                f"{path}", "a lock of images is there", "atrium images mirror OVERLAY --to REGISTRY-OR-FOLDER writes it"
            )
        return Lock({})
    try:
        found = yaml.safe_load(path.read_text()) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ImageLockInvalid(
            f"{path}: {error}", "it is YAML: NAME: sha256:…", "make it again: atrium images lock"
        ) from None
    if not isinstance(found, dict) or not all(isinstance(one, str) and DIGEST.fullmatch(one) for one in found.values()):
        raise ImageLockInvalid(
            f"{path}", "each line is NAME: sha256: and 64 hexadecimal digits", "make it again: atrium images lock"
        )
    return Lock({str(name): digest for name, digest in found.items()})
