"""Room on the home's disk: what is kept back for the server's own writing, and where steps that hold much of it are ended."""

import os
import shutil
from pathlib import Path

RESERVE_BYTES = 16 << 20
LARGEST_FLOOR_BYTES = 1 << 30
FLOOR_SHARE = 20  # of the disk: a twentieth


def floor_bytes(folder: Path) -> int:
    """Where less than this is free on a folder's disk, a step whose files hold more than this is ended (kubelet's disk pressure)."""
    return min(LARGEST_FLOOR_BYTES, shutil.disk_usage(folder).total // FLOOR_SHARE)


class Reserve:
    """A file that only takes room: given up when the disk is full, so that what steps left can be written, then removed."""

    def __init__(self, path: Path) -> None:
        self.path, self.held = path, path.exists()

    def keep(self) -> None:
        """Takes the room where it is not held and several times as much is free."""
        if self.held or shutil.disk_usage(self.path.parent).free < 4 * RESERVE_BYTES:
            return
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
            self.held = True
        except OSError:  # others were quicker: later, then
            self.path.unlink(missing_ok=True)
        finally:
            os.close(descriptor)

    def give_up(self) -> bool:
        """Frees the room; whether there was any."""
        held, self.held = self.held, False
        self.path.unlink(missing_ok=True)
        return held
