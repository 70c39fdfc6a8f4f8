"""Sandboxes made ahead of need, so that a step that is forked need not wait for its own: each is entered once, by one step, or ended.

It is bubblewrap's, made with the options of a step that began just before, over another root, and holds at its very end as any sandbox
does whose step is forked (see `warm`). Once it is whole, a process is forked into it, which waits for its order; nothing else has run in
it. A step gets it where its own options are the same to the letter and what is mounted is what was mounted.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from typing import Any

from .processes import children_of, held
from .warm import PLACEHOLDER, Fork, Gate, Interpreter, sandbox_of

OPTIONS_DESCRIPTOR = 9
IGNORED = (signal.SIGPIPE, signal.SIGXFSZ)  # by Python, and by whatever it starts, unless they are set back
MOST, IDLE_SECONDS = 2, 5.0
MOUNTS = ("--bind", "--ro-bind")
OF_ONE_STEP = ("--ro-bind-data", "--dev-bind-try", "--bind-fd", "--ro-bind-fd")
Watch = Callable[[Any, Callable[[Any], None]], None]


class Sandbox:
    """One that was made ahead. `order` is that of the step before, `root` the folder that this one's step will see as /."""

    def __init__(self, order: dict[str, Any], root: str, interpreter: Interpreter) -> None:
        self.root, self.since = root, time.monotonic()
        self.interpreter = interpreter
        self.fork: Fork | None = None
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
            self.pid = os.posix_spawn(
                argv[0], argv, order["environment"], file_actions=actions, setsid=True, setsigdef=IGNORED
            )
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

    def begin(self) -> Fork:
        """Has a process forked into it, which is whole. Raises OSError where it or the interpreter is gone."""
        first = sandbox_of(self.pid)
        if first is None:
            raise ProcessLookupError("the sandbox has ended")
        self.fork = Fork(self.interpreter, first, self.root)
        return self.fork

    def end(self) -> None:
        """Ends it, with nothing in it but what waits."""
        for pid in (*children_of(self.pid), self.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.gate.close()
        if self.fork:
            self.fork.close()


class Ahead:
    """Those that wait, by root; `watch` calls a function when a descriptor can be read, `leave` ends that."""

    def __init__(self, watch: Watch, leave: Callable[[Any], None]) -> None:
        self.kept: dict[str, Sandbox] = {}
        self.watch, self.leave = watch, leave

    def take(self, order: dict[str, Any], interpreter: Interpreter | None) -> Sandbox | None:
        """The one that stands ready for the step of that order; another over its root is ended."""
        found = self.kept.get(order["root"])
        if found is None:
            return None
        if found.interpreter is not interpreter or not found.fits(order):
            self._end(found)
            return None
        self._forget(found)
        return found

    def make(self, order: dict[str, Any], interpreter: Interpreter) -> None:
        """Begins one like the sandbox of that order where it names a root for it (`next`), and nothing in it is for one step alone."""
        root, options = order.get("next"), order["options"]
        own = options[-1] != "/" or any(
            one in OF_ONE_STEP for one in options
        )  # a folder to begin in is there for its step alone
        if not root or own or root in self.kept or len(self.kept) >= MOST:
            return
        with contextlib.suppress(OSError):  # then the next step makes its own
            made = self.kept[root] = Sandbox(order, root, interpreter)
            self.watch(made.gate.seen, lambda _: self._whole(made))

    def _whole(self, one: Sandbox) -> None:
        """One is whole, or could not be made, which its end will tell."""
        if self.kept.get(one.root) is not one:
            return
        try:
            whole = one.gate.reached()
        except BlockingIOError:
            return
        self.leave(one.gate.seen)
        if not whole:
            return
        try:
            told = one.begin().told
        except OSError:
            self._end(one)
        else:
            self.watch(told, lambda _: self._heard(one, told))

    def _heard(self, one: Sandbox, told: int) -> None:
        """There is word of what was to be forked into one."""
        if self.kept.get(one.root) is not one or one.fork is None or one.fork.told != told:
            return
        try:
            why_not = one.fork.hear()
        except BlockingIOError:
            return
        self.leave(told)
        if why_not:
            self._end(one)

    def _forget(self, one: Sandbox) -> None:
        del self.kept[one.root]
        self.leave(one.gate.seen)
        if one.fork and one.fork.told >= 0:
            self.leave(one.fork.told)

    def _end(self, one: Sandbox) -> None:
        self._forget(one)
        one.end()

    def died(self, pid: int) -> None:
        """Ends one of which a process has ended."""
        for one in [one for one in self.kept.values() if pid in (one.pid, one.fork and one.fork.pid)]:
            self._end(one)

    def drop(self, idle_seconds: float = 0.0) -> None:
        """Ends those that nobody took for so long."""
        for one in [one for one in self.kept.values() if time.monotonic() - one.since >= idle_seconds]:
            self._end(one)
