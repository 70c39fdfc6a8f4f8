"""What /proc tells of processes, and small things that the keeper's parts share."""

import contextlib
import errno
import fcntl
import os
import resource
import selectors
import stat
import sys
import time
from collections.abc import Iterable
from pathlib import Path

HIGH_DESCRIPTOR = 64
PAGE_BYTES = resource.getpagesize()


def text_of(path: str) -> bytes:
    """What a small file holds."""
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, 1 << 16)
    finally:
        os.close(file)


def children_of(pid: int) -> list[int]:
    """Pids of the children of a process's first thread; none where it is gone."""
    try:
        return [int(one) for one in text_of(f"/proc/{pid}/task/{pid}/children").split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def tree_of(pid: int) -> list[int]:
    """The pid and those of all its descendants."""
    found = [pid]
    for one in found:
        found += children_of(one)
    return found


def session_of(pid: int) -> int:
    """The session of a process, a dead one too until it is waited for; 0 where it is gone."""
    try:
        return int(text_of(f"/proc/{pid}/stat").rpartition(b")")[2].split()[3])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def memory_bytes(pids: list[int], shared_once: bool) -> int:
    """Resident memory of the processes together; pages that they share count once where asked, which takes longer."""
    total = 0
    for pid in pids:
        try:
            if shared_once:
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                total += next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
            else:
                total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return total


def disk_bytes(folder: str) -> int:
    """What the files below a folder occupy, links not followed."""
    total = 0
    pending = [folder]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    with contextlib.suppress(FileNotFoundError):
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
                        if entry.is_dir(follow_symlinks=False):
                            pending.append(entry.path)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue
    return total


def free_bytes(folder: str) -> int:
    """What is free on a folder's disk; without bound where the folder is gone."""
    try:
        found = os.statvfs(folder)
    except FileNotFoundError:
        return sys.maxsize
    return found.f_bavail * found.f_frsize


def complain(text: str) -> None:
    """Writes a line to the keeper's own log, which may be on the full disk that it tells of."""
    with contextlib.suppress(OSError):
        print(time.strftime("%Y-%m-%dT%H:%M:%S"), text, file=sys.stderr, flush=True)


def oom_kills(group: str) -> int:
    """How many processes the kernel ended in a group because it was over its memory limit."""
    for name in ("memory.oom_control", "memory.events"):
        with contextlib.suppress(FileNotFoundError):
            words = text_of(f"{group}/{name}").split()
            return int(words[words.index(b"oom_kill") + 1]) if b"oom_kill" in words else 0
    return 0


def high(descriptor: int) -> int:
    """The same, above those that a container gets, so that none is overwritten; the one given is closed."""
    made = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, HIGH_DESCRIPTOR)
    os.close(descriptor)
    return made


def held(text: str) -> int:
    """A descriptor from which the text can be read."""
    made = high(os.memfd_create("text", os.MFD_CLOEXEC))
    os.write(made, text.encode())
    os.lseek(made, 0, os.SEEK_SET)
    return made


def readable(descriptor: int) -> bool:
    """Whether something can be read at once, its end too."""
    with selectors.SelectSelector() as one:
        one.register(descriptor, selectors.EVENT_READ)
        return bool(one.select(0))


def opened(paths: Iterable[tuple[str, str]]) -> list[int]:
    """Descriptors of what lies at each path below its folder. Raises OSError where a part of a path is a link."""
    found = list[int]()
    try:
        for base, path in paths:
            found.append(os.open(base, os.O_PATH | os.O_CLOEXEC))
            for part in path.split("/"):
                inner = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=found[-1])
                os.close(found[-1])
                found[-1] = inner
                if stat.S_ISLNK(os.fstat(inner).st_mode):
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), f"{base}/{path}")
            found[-1] = high(found[-1])
    except OSError:
        for one in found:
            os.close(one)
        raise
    return found
