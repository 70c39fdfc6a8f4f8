"""What a container prints, kept up to a bound."""

import os
import time

from .processes import complain

QUICK_SECONDS = 0.5
CUT = b"\n[the log's bound of %d MiB is reached: what follows is not kept]\n"


class Output:
    """A file that is made when the first of it comes, up to a bound; `times` has the moments of later parts noted beside it."""

    def __init__(self, path: str, bound: int, note: bytes, times: str, append: bool) -> None:
        self.path, self.bound, self.note, self.times = path, bound, note, times
        self.flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else os.O_TRUNC)
        self.size, self.file, self.stamps = 0, -1, -1
        self.began = time.monotonic()
        self.lost = ""  # why a part of it was not kept, other than for the bound

    def write(self, data: bytes) -> None:
        """Adds what came; at the bound the note once, and nothing more."""
        if self.size > self.bound or not data:
            return
        over = self.size + len(data) > self.bound
        try:
            self._write(data[: self.bound - self.size] + self.note if over else data)
        except OSError as error:  # the disk is full, or the run was deleted: the step goes on
            complain(f"{self.path}: {error}")
            over, self.lost = True, error.strerror or str(error)
        self.size = self.bound + 1 if over else self.size + len(data)

    def _write(self, data: bytes) -> None:
        if self.file < 0:
            self.file = _created(self.path, self.flags)
        if time.monotonic() - self.began > QUICK_SECONDS:
            if self.stamps < 0:
                self.stamps = _created(self.times, self.flags)
            os.write(self.stamps, f"{self.size} {time.time():.6f}\n".encode())
        view = memoryview(data)
        while view:
            view = view[os.write(self.file, view) :]

    def close(self) -> None:
        """Closes the files."""
        for one in (self.file, self.stamps):
            if one >= 0:
                os.close(one)


def _created(path: str, flags: int) -> int:
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        return os.open(path, flags, 0o600)
