"""Folders that containers see as /, used again within a project, since to make one takes longer than a short step runs."""

import contextlib
import os
import secrets
import shutil
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from pathlib import Path

MACHINE_ETC = "/etc/.machine"
ETC = ("ca-certificates", "alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "resolv.conf", "hosts",
       "nsswitch.conf", "protocols", "services", "mime.types", "timezone", "os-release", "debian_version", "python3",
       "python3.11", "ssl/certs", "ssl/openssl.cnf")  # fmt: skip
LIVE = ("resolv.conf", "hosts")
FOLDERS = ("", "argo", "argo/staging", "atrium", "dev", "etc", "etc/.machine", "etc/ssl", "home", "mnt", "proc", "root", "run",
           "tmp", "usr", "var", "var/tmp", "work")  # fmt: skip
EMPTY = ("argo/staging/script", "atrium/token")
LINKS = ("bin", "sbin", "lib", "lib32", "lib64")


def prepare_etc(folder: Path) -> None:
    """Copies what steps see of the machine's /etc, none of it secret, to `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in ETC:
        _copy_etc(folder, name)


_refreshed = {"at": 0.0}


def refresh_etc(folder: Path) -> None:
    """Copies again what the machine changes while it runs, its resolver and host names; looks at most once a second."""
    if time.monotonic() - _refreshed["at"] < 1:
        return
    _refreshed["at"] = time.monotonic()
    for name in LIVE:
        source, kept = Path("/etc") / name, folder / name
        if source.exists() and (not kept.exists() or source.stat().st_mtime_ns != kept.stat().st_mtime_ns):
            _copy_etc(folder, name)


def _copy_etc(folder: Path, name: str) -> None:
    source, target = Path("/etc") / name, folder / name
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    elif source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(target.name + ".new")
        shutil.copy2(source, fresh)
        fresh.rename(target)


def skeleton(mounted: Iterable[str]) -> dict[str, str | None]:
    """What a root holds, by path: None for a folder, `->` and a target for a link, else a file's text.

    `mounted` are paths where folders of the machine will be mounted.
    """
    held: dict[str, str | None] = dict.fromkeys(FOLDERS)
    for path in mounted:
        parts = path.strip("/").split("/")
        held |= dict.fromkeys("/".join(parts[:end]) for end in range(1, len(parts) + 1))
    held |= {f"etc/{name}": f"->{MACHINE_ETC}/{name}" for name in ETC}
    held |= dict.fromkeys(EMPTY, "")
    held["etc/passwd"] = f"root:x:0:0:root:/root:/bin/sh\nstep:x:{os.getuid()}:{os.getgid()}:step:/tmp:/bin/sh\n"
    held["etc/group"] = f"root:x:0:\nstep:x:{os.getgid()}:\n"
    for name in LINKS:
        source = Path("/") / name
        if source.is_symlink():
            held[name] = f"->{source.readlink()}"
        elif source.is_dir():
            held[name] = None
    return held


def _link(kept: Path, target: str, place: Path) -> None:
    """Makes a symbolic link as one more name of one that is kept: that is quicker, and nobody can change what a link says."""
    one = kept / target.strip("/").replace("/", "+")
    if not os.path.lexists(one):
        kept.mkdir(exist_ok=True)
        with contextlib.suppress(FileExistsError):
            one.symlink_to(target)
    os.link(one, place, follow_symlinks=False)


def make_root(folder: Path, held: Mapping[str, str | None]) -> None:
    """Makes a root anew."""
    folder.mkdir(parents=True, mode=0o755)
    for path, content in held.items():
        place = folder / path
        if content is None:
            place.mkdir(exist_ok=True)
        elif content.startswith("->"):
            _link(folder.parent.parent / ".links", content[2:], place)
        else:
            place.write_text(content)
    for path in ("tmp", "var/tmp"):
        (folder / path).chmod(0o1777)


def _mark(path: str) -> tuple[int, ...]:
    """What tells whether a file or folder was changed: nobody can set back the time of its last change (ctime)."""
    found = os.lstat(path)
    return (found.st_ino, found.st_mode, found.st_uid, found.st_gid, found.st_ctime_ns)


def remove(folder: str | Path) -> None:
    """Removes a folder with all in it, what its owner made unreadable too."""

    def insist(action: Callable[..., object], path: str, _error: object) -> None:
        try:
            os.chmod(os.path.dirname(path), 0o700)
            if os.path.isdir(path) and not os.path.islink(path):
                os.chmod(path, 0o700)
            action(path)
        except OSError:
            return

    shutil.rmtree(folder, onerror=insist)
    shutil.rmtree(folder, ignore_errors=True)


class _Project:
    """What the roots of a project hold, and those that are free."""

    def __init__(self, mounted: Iterable[str]) -> None:
        self.held = skeleton(mounted)
        self.inside: dict[str, set[str]] = defaultdict(set)
        for path in filter(None, self.held):
            parent, _, name = path.rpartition("/")
            self.inside[parent].add(name)
        # A link has one name more for each root, so its own mark changes; whoever replaces it changes the folder around it.
        self.watched = [path for path, content in self.held.items() if content is None or not content.startswith("->")]
        self.free: deque[str] = deque()  # used in turns, so that the next one is known before


class Roots:
    """The roots of one home; `mounted` tells of a project the paths where folders of the machine are always mounted."""

    def __init__(self, folder: Path, mounted: Callable[[str], Iterable[str]]) -> None:
        self.folder, self.mounted = folder, mounted
        self.projects: dict[str, _Project] = {}
        self.marks: dict[str, dict[str, tuple[int, ...]]] = {}
        self.stamp, self.numbers = secrets.token_hex(4), count()

    def _project(self, name: str) -> _Project:
        if name not in self.projects:
            self.projects[name] = _Project(self.mounted(name))
        return self.projects[name]

    def sweep(self, used: set[str]) -> None:
        """Removes the roots that an earlier server made and nothing uses any more."""
        for root in [
            str(one) for project in self.folder.glob("*") if project.name != ".links" for one in project.iterdir()
        ]:
            if root not in used and not Path(root).name.startswith(self.stamp):
                remove(root)

    def has_free(self, name: str) -> bool:
        """Whether a root that was used before is there for the project."""
        return bool(self._project(name).free)

    def next(self, name: str) -> str | None:
        """The root that `take` would give now; None where it would make one."""
        free = self._project(name).free
        return free[0] if free else None

    def take(self, name: str) -> Path:
        """A clean root for a container of the project."""
        try:
            return Path(self._project(name).free.popleft())
        except IndexError:
            return self._make(name)

    def add(self, name: str) -> None:
        """Makes one more free root for the project."""
        self._project(name).free.append(str(self._make(name)))

    def _make(self, name: str) -> Path:
        project = self._project(name)
        folder = self.folder / name / f"{self.stamp}-{next(self.numbers)}"
        make_root(folder, project.held)
        self.marks[str(folder)] = {path: _mark(f"{folder}/{path}") for path in project.held}
        return folder

    def give_back_unchanged(self, name: str, root: str) -> bool:
        """Takes back a root in which nothing was changed; False for another, which `give_back` empties and takes longer."""
        project, marks = self._project(name), self.marks.get(root)
        try:
            if marks is None or any(_mark(f"{root}/{path}") != marks[path] for path in project.watched):
                return False
        except OSError:
            return False
        project.free.append(root)
        return True

    def give_back(self, name: str, root: str) -> None:
        """Empties a root for the next container of the project; removes it where the last one changed what it is made of."""
        project = self._project(name)
        if root in self.marks and self._cleaned(root, project):
            project.free.append(root)
        else:
            self.marks.pop(root, None)
            remove(root)

    def _cleaned(self, root: str, project: _Project) -> bool:
        """Empties what was changed; whether all that a root is made of is as it was."""
        marks = self.marks[root]
        try:
            for path in project.watched:
                place = f"{root}/{path}"
                content = project.held[path]
                mark = _mark(place)
                if mark == marks[path]:
                    continue
                if content is not None or mark[:-1] != marks[path][:-1]:
                    return False
                self._empty(place, project.inside[path])
                parts = ((f"{path}/{name}".lstrip("/"), f"{place}/{name}") for name in project.inside[path])
                if any(_mark(where)[:-1] != marks[part][:-1] for part, where in parts):
                    return False
                marks[path] = _mark(place)
        except OSError:
            return False
        return True

    @staticmethod
    def _empty(folder: str, kept: set[str]) -> None:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name not in kept:
                    if entry.is_dir(follow_symlinks=False):
                        remove(entry.path)
                    else:
                        os.unlink(entry.path)
