"""`python kept.py COMMAND…`: runs a command and, however that or this ends, ends all that came of it.

Peers leave processes in sessions of their own that have overwritten their arguments and environment. Linux gives those to the
nearest subreaper when their parents end: here, to this process. Of the standard library alone, Linux only.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
ASKS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def _descendants() -> list[int]:
    """Pids of all below this process, dead ones that nobody waited for too."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(path.parent.name))
    found = [os.getpid()]
    for one in found:
        found += parents.get(one, [])
    return found[1:]


def _end_all() -> None:
    """Kills what is below until nothing is, and waits for each."""
    while below := _descendants():
        for pid in below:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.01)


def _asked(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def main(command: list[str]) -> int:
    """Exit code of the command; 128 and the signal's number where this process was asked to end."""
    parent = os.getppid()
    control = ctypes.CDLL(None, use_errno=True).prctl
    for option, value in ((PR_SET_CHILD_SUBREAPER, 1), (PR_SET_PDEATHSIG, signal.SIGTERM)):
        if control(option, value, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")
    for number in ASKS:
        signal.signal(number, _asked)
    try:
        if os.getppid() != parent:  # it ended before it could be noticed
            return 128 + signal.SIGTERM
        return subprocess.Popen(command).wait()
    finally:
        for number in ASKS:
            signal.signal(number, signal.SIG_IGN)
        _end_all()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
