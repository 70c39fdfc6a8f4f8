"""Sandboxes made ahead of need, so that a step that is forked need not wait for its own: each is entered once, by one step, or ended.

It is bubblewrap's, made with the options of a step that began just before, over another root, and holds at its very end as any sandbox
does whose step is forked (see `warm`). Nothing has run in it. A step gets it where its own options are the same to the letter and what is
mounted is what was mounted.
"""

import contextlib
import os
import signal
import time
from typing import Any

from .processes import children_of, held
from .warm import PLACEHOLDER, Gate

OPTIONS_DESCRIPTOR = 9
MOST, IDLE_SECONDS = 2, 5.0
MOUNTS = ("--bind", "--ro-bind")
OF_ONE_STEP = ("--ro-bind-data", "--dev-bind-try", "--bind-fd", "--ro-bind-fd")


class Sandbox:
    """One that was made ahead. `order` is that of the step before, `root` the folder that this one's step will see as /."""

    def __init__(self, order: dict[str, Any], root: str) -> None:
        self.root, self.since = root, time.monotonic()
        self.options = [root if one == order["root"] else one for one in order["options"]]
        self.mounted = self._mounted()
        self.gate = Gate()
        given = [held("".join(f"{one}\0" for one in self.options)), *self.gate.given]
        argv = order["argv"]
        found = self.gate.options(OPTIONS_DESCRIPTOR + 1)
        argv = [*argv[: argv.index("--")], *found, "--", *PLACEHOLDER]
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        targets = [*((nothing, number) for number in range(3))]
        targets += [(one, OPTIONS_DESCRIPTOR + number) for number, one in enumerate(given)]
        actions = [(os.POSIX_SPAWN_DUP2, one, number) for one, number in targets]
        try:
            self.pid = os.posix_spawn(argv[0], argv, order["environment"], file_actions=actions, setsid=True)
        except OSError:
            self.gate.close()
            raise
        finally:
            for one in (*given, nothing):
                os.close(one)

    def _mounted(self) -> list[tuple[int, int]]:
        """What stands now where the options mount from. Raises OSError."""
        sources = [self.options[at + 1] for at, one in enumerate(self.options) if one in MOUNTS]
        return [(seen.st_dev, seen.st_ino) for seen in map(os.stat, sources)]

    def fits(self, order: dict[str, Any]) -> bool:
        """Whether the step of that order would get just this."""
        try:
            return bool(order["options"] == self.options and self._mounted() == self.mounted and children_of(self.pid))
        except OSError:
            return False

    def end(self) -> None:
        """Ends it, with nothing in it."""
        for pid in (*children_of(self.pid), self.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.gate.close()


class Ahead:
    """Those that wait, by root."""

    def __init__(self) -> None:
        self.kept: dict[str, Sandbox] = {}

    def take(self, order: dict[str, Any]) -> Sandbox | None:
        """The one that stands ready for the step of that order; another over its root is ended."""
        found = self.kept.pop(order["root"], None)
        if found and not (order.get("warm") and found.fits(order)):
            found.end()
            return None
        return found

    def make(self, order: dict[str, Any]) -> None:
        """Begins one like the sandbox of that order where it names a root for it (`next`), and nothing in it is for one step alone."""
        root, options = order.get("next"), order["options"]
        own = options[-1] != "/" or any(
            one in OF_ONE_STEP for one in options
        )  # a folder to begin in is there for its step alone
        if not root or own or root in self.kept or len(self.kept) >= MOST:
            return
        with contextlib.suppress(OSError):  # then the next step makes its own
            self.kept[root] = Sandbox(order, root)

    def died(self, pid: int) -> None:
        """Forgets one whose process has ended."""
        for one in [one for one in self.kept.values() if one.pid == pid]:
            one.gate.close()
            del self.kept[one.root]

    def drop(self, idle_seconds: float = 0.0) -> None:
        """Ends those that nobody took for so long."""
        for one in [one for one in self.kept.values() if time.monotonic() - one.since >= idle_seconds]:
            del self.kept[one.root]
            one.end()
