"""Where a path of a container lies on this machine, links followed as the container itself follows them."""

from collections import deque
from pathlib import Path

from workflows.engine.beneath import Spot
from workflows.engine.rootfs import OWN
from workflows.engine.roots import LINKS, LIVE, MACHINE_ETC
from workflows.engine.sandbox import Container

MOST_LINKS = 40


class View:
    """What a container saw: its own root, what it shares with others of its image, its mounts.

    `etc` is the folder with the machine's /etc that all containers see.
    """

    def __init__(self, container: Container, etc: Path) -> None:
        image = container.image
        shared = [(str(path), Spot(path)) for path in image.read_only]
        if image.root:
            shared += [(f"/etc/{name}", Spot(etc / name)) for name in LIVE]
        else:
            folders = [Path("/usr"), *(Path("/") / name for name in LINKS)]
            shared += [(str(one), Spot(one)) for one in folders if one.is_dir() and not one.is_symlink()]
        mounts = [(one.target, Spot(one.source, one.within)) for one in container.mounts]
        self.places = sorted([(MACHINE_ETC, Spot(etc)), *shared, *mounts], key=lambda one: -one[0].count("/"))
        self.own, self.image = container.root, image.root

    def find(self, path: str) -> Spot:
        """The file or folder at `path`: no link, unless links lead in a circle. What is not there lies below the root."""
        parts, here, links = deque(path.split("/")), list[str](), 0
        while parts:
            part = parts.popleft()
            if part == "..":
                here = here[:-1]
            elif part not in ("", "."):
                found = self._at([*here, part])
                if found.path.is_symlink() and links < MOST_LINKS:
                    links += 1
                    target = str(found.path.readlink())
                    here = [] if target.startswith("/") else here
                    parts.extendleft(reversed(target.split("/")))
                else:
                    here.append(part)
        return self._at(here)

    def _at(self, parts: list[str]) -> Spot:
        """Where a path lies whose last part is not followed."""
        path = "/" + "/".join(parts)
        for target, place in self.places:
            if path == target:
                return place
            if path.startswith(f"{target}/"):
                return Spot(place.base, f"{place.below}/{path.removeprefix(f'{target}/')}".lstrip("/"))
        own = Spot(self.own, path.strip("/"))
        if self.image is None or any(f"{path}/".startswith(f"/{folder}/") for folder in OWN):
            return own
        whole = Spot(self.image, path.strip("/"))
        return whole if whole.path.is_symlink() or whole.path.exists() else own
