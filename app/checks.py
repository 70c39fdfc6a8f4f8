"""What must hold before anything starts: free ports, room, a certificate that can serve, one start at a time."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import IO

from app.door.certificate import configured_pair
from app.setup.machine import GIB, LEAST_HOME_GIB, free_gib, port_trouble
from atrium.errors import Conflict, Unavailable
from atrium.home import get_home
from atrium.objects import object_store
from atrium.settings import get_settings


class PortTaken(Conflict):
    """A port that the front door needs is somebody else's."""


class DiskFull(Unavailable):
    """Too little room for the home."""


class StartsAlready(Conflict):
    """Another `atrium up` or `down` of this home has not ended yet."""


def check_ports() -> None:
    """Raises `PortTaken`, which names who listens there, where somebody else holds one of the front door's ports."""
    settings = get_settings()
    for name, port in (("ATRIUM_PORT", settings.port), ("ATRIUM_CONTENT_PORT", settings.content_port_or_next)):
        if trouble := port_trouble(settings.bind, port):
            raise PortTaken(
                f"port {port} ({name}) on {settings.bind} is {trouble}",
                "it must be free",
                f"stop what listens there (ss -ltnp 'sport = :{port}'), or set {name} to another port",
            )


def check_disk() -> None:
    """Raises `DiskFull` where the home's disk has less than half a GiB left."""
    folder = get_home().root
    if (free := free_gib(folder)) < LEAST_HOME_GIB:
        raise DiskFull(
            f"{free * GIB / 2**20:.0f} MiB left for {folder}",
            f"at least {LEAST_HOME_GIB * 1024:.0f} MiB",
            "free some, or set ATRIUM_HOME elsewhere",
        )


def check_start() -> None:
    """Everything that must hold. Raises `PortTaken`, `DiskFull`, `CertificateUnusable`, `ObjectStoreRefuses`, `ObjectStoreSilent`."""
    check_disk()
    check_ports()
    configured_pair()
    if store := object_store():
        store.check()


def hold_home(waits: Callable[[], None]) -> IO[str]:
    """The lock of who serves this home, open; calls `waits` and waits where somebody else holds it."""
    with ExitStack() as opened:  # closes it where the wait is cut off
        file = opened.enter_context((get_home().run / "serving.lock").open("w"))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waits()
            fcntl.flock(file, fcntl.LOCK_EX)
        opened.pop_all()
    return file


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Holds this home's start lock. Raises `StartsAlready` where another command holds it."""
    with (get_home().run / "up.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StartsAlready(
                f"starting {get_home().root}", "one atrium up or down at a time", "wait until the other one has ended"
            ) from error
        yield
