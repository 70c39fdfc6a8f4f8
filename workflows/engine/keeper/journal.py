"""The ends that no server has taken in yet."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from .processes import complain

LONGEST_JOURNAL_BYTES = 1 << 20


class Journal:
    """The ends that no server has taken in yet, a line of JSON each in one file."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.ends: dict[str, dict[str, Any]] = {}
        self.file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        for line in Path(path).read_bytes().splitlines():
            with contextlib.suppress(ValueError):  # the last line of one that was killed or lost its power
                end = json.loads(line)
                self.ends[end["key"]] = end

    def add(self, end: dict[str, Any], flush: bool) -> None:
        """Keeps an end."""
        self.ends[end["key"]] = end
        try:
            os.write(self.file, json.dumps(end).encode() + b"\n")
            if flush:
                os.fsync(self.file)
        except OSError as error:  # a full disk: a server that listens still gets it
            complain(f"{self.path}: {error}")

    def forget(self, keys: list[str]) -> None:
        """Drops ends that a server has taken in; the file is emptied with the last, or written anew once it is long."""
        for key in keys:
            self.ends.pop(key, None)
        if not self.ends:
            os.ftruncate(self.file, 0)
        elif os.fstat(self.file).st_size > LONGEST_JOURNAL_BYTES:
            lines = b"".join(json.dumps(end).encode() + b"\n" for end in self.ends.values())
            Path(f"{self.path}.new").write_bytes(lines)
            os.rename(f"{self.path}.new", self.path)
            os.close(self.file)
            self.file = os.open(self.path, os.O_RDWR | os.O_APPEND)
