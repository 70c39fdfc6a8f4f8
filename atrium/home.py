"""Where things lie in the home folder."""

import contextlib
import hashlib
import os
import secrets
import stat
import tempfile
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from atrium.errors import SettingInvalid
from atrium.settings import get_settings

LONGEST_SOCKET_PATH = 100  # the kernel takes 107 characters
LONGEST_SOCKET_NAME = 24
UNUSABLE = frozenset("%;#\n")  # supervisord's file reads these as its own


@lru_cache(256)
def _private(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise SettingInvalid(
            f"folder {folder}", f"it must be a folder of user {os.getuid()}", "remove it or set ATRIUM_HOME"
        )
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)
    return folder


@lru_cache(256)
def _data(home: "Home", project: str) -> Path:
    return _private(home.project(project) / "data")


@dataclass(frozen=True)
class Home:
    """The home folder; every folder is made with mode 0700 when it is first asked for."""

    root: Path

    @property
    def run(self) -> Path:
        """Folder of the Unix sockets; elsewhere, under a short name, where the home's own path is too long for one."""
        inside = self.root / "run"
        if len(str(inside)) + LONGEST_SOCKET_NAME <= LONGEST_SOCKET_PATH:
            return _private(inside)
        return _private(Path(tempfile.gettempdir()) / f"atrium-{os.getuid()}-{self.instance}")

    @property
    def instance(self) -> str:
        """Eight characters that tell this instance from others on the machine."""
        return hashlib.sha256(str(self.root).encode()).hexdigest()[:8]

    @property
    def replica(self) -> str:
        """Eight characters that tell this home from others of one platform, kept in it; a path may be the same in two pods."""
        path = self.run / "replica"
        if not path.exists():
            made = path.with_name(f"replica-{secrets.token_hex(4)}")
            made.write_text(secrets.token_hex(4))
            with contextlib.suppress(FileExistsError):  # another process of this home was first
                path.hardlink_to(made)
            made.unlink()
        return path.read_text()

    @property
    def keys(self) -> Path:
        """Folder of keys, each of mode 0600."""
        return _private(self.root / "keys")

    @property
    def logs(self) -> Path:
        """Folder of the processes' logs."""
        return _private(self.root / "logs")

    @property
    def database(self) -> Path:
        """SQLite file of our own state."""
        return _private(self.root) / "atrium.db"

    @property
    def artifacts(self) -> Path:
        """Folder of MLflow's artifacts."""
        return _private(self.root / "artifacts")

    @cached_property
    def engine(self) -> Path:
        """Folder of the embedded workflow server: its database, steps, logs, artifacts."""
        return _private(self.root / "engine")

    @property
    def images(self) -> Path:
        """Folder of images that were copied out of a container runtime."""
        return _private(self.root / "images")

    @property
    def triton(self) -> Path:
        """Folder of Triton: backends and `models/`, the model repository."""
        return _private(self.root / "triton")

    @property
    def door(self) -> Path:
        """Folder of the front door's files."""
        return _private(self.root / "door")

    @property
    def loaded(self) -> Path:
        """File that is there once every service that is live has been loaded since this home's start."""
        return self.run / "services.loaded"

    def socket(self, name: str) -> Path:
        """Path of the Unix socket of the process `name`."""
        return self.run / f"{name}.sock"

    def project(self, project: str) -> Path:
        """Folder of a project."""
        return _private(self.root / "projects" / project)

    def data(self, project: str) -> Path:
        """Folder of a project's datasets and features, the same path inside a step."""
        return _data(self, project)


@lru_cache
def get_home() -> Home:
    """The home that the settings name.

    Raises:
        SettingInvalid: the folder belongs to somebody else, or its path holds what the supervisor's file cannot.
    """
    root = get_settings().home.expanduser().absolute()
    if wrong := sorted(set(str(root)) & UNUSABLE):
        raise SettingInvalid(
            f"setting ATRIUM_HOME is {str(root)!r}, which holds {wrong[0]!r}",
            "any path without % ; # and line breaks; spaces, other scripts and great length do no harm",
            "name another folder",
        )
    _private(root)
    return Home(root)
