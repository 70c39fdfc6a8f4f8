"""A container whose / is a registered root file system: read-only, with the step's own folders and mounts laid over it."""

import os
from collections.abc import Iterable
from pathlib import Path

from workflows.engine.roots import LINKS, LIVE

OWN = ("home", "mnt", "root", "run", "tmp", "var/tmp", "work")
MACHINES = {"dev", "proc", "sys", "usr", "etc", "var", *LINKS}


def _own_folders(image: Path, root: Path) -> list[str]:
    """Paths that the container has of its own root: those for writing, and what the image itself does not have."""
    made = [one.name for one in os.scandir(root) if one.name not in MACHINES and not one.is_symlink()]
    return sorted({*OWN, *(name for name in made if not os.path.lexists(image / name))})


def _lay(image: Path, path: str, covered: set[str]) -> list[str]:
    """Options that show the image's `path` (empty for its root) read-only, opened up where something is to be laid below it."""
    source, inside = image / path, f"{path}/" if path else ""
    if source.is_symlink():
        return ["--symlink", str(source.readlink()), f"/{path}"]
    below = [image / one for one in covered if one.startswith(inside)]
    if not source.is_dir() or all(one.exists() and not one.is_symlink() for one in below):
        return ["--ro-bind", str(source), f"/{path}"]
    options = ["--dir", f"/{path}"] if path else []
    for name in sorted(os.listdir(source)):
        if f"{inside}{name}" not in covered:
            options += _lay(image, f"{inside}{name}", covered)
    return options


def root_options(image: Path, root: Path, etc: Path, targets: Iterable[str]) -> list[str]:
    """What of bubblewrap's options makes the image's /; `root` is the container's own, `targets` are paths of later mounts.

    A path that the image has and the step may write (/tmp, /home, /work and the like) is the step's own, and empty.
    """
    own = _own_folders(image, root)
    live = [f"etc/{name}" for name in LIVE if (etc / name).exists()]
    later = {target.strip("/") for target in targets}
    covered = {*own, *live, *later, "proc", "dev", "sys"}
    options = ["--tmpfs", "/", *_lay(image, "", covered)]
    for path in own:
        options += ["--bind", str(root / path), f"/{path}"]
    for path in live:
        options += ["--ro-bind", str(etc / path.removeprefix("etc/")), f"/{path}"]
    return options
