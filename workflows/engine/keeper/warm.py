"""Warm Pythons, each for one project and one way of starting, and how a step that one of them forks gets into its sandbox.

The sandbox is bubblewrap's, with the same options as for a step that it executes. It is told to wait at its very end, with everything
mounted and every capability given up, and never executes anything but, once the step has left processes behind, a `sleep`, so
that its first process takes those in.
"""

import os
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .processes import children_of, complain, held, high

HOOK = str(Path(__file__).with_name("interpreter.py"))
REQUESTS, FIRST_DESCRIPTOR = 3, 9
MOST = 16
IDLE_SECONDS = 60.0
BROKEN_SECONDS = 300.0
ALLOW = struct.pack("HBBI", 6, 0, 0, 0x7FFF0000)  # a seccomp filter of one instruction: everything is allowed
PLACEHOLDER = ["sleep", "infinity"]


class Gate:
    """The end of a sandbox's making: it tells that it is there, and holds the sandbox."""

    def __init__(self) -> None:
        self.seen, theirs = socket.socketpair()
        self.seen.send(b"x")  # what it waits for; it closes its end after that
        waits, self.hold = os.pipe2(os.O_CLOEXEC)
        self.given = (high(theirs.detach()), high(waits))

    def options(self, first: int) -> list[str]:
        """What tells bubblewrap of the descriptors, which it finds from `first` on."""
        return ["--block-fd", str(first), "--seccomp", str(first + 1)]

    def reached(self) -> bool:
        """Whether the sandbox is whole; False where its making failed. Raises BlockingIOError before that is known."""
        try:
            return self.seen.recv(1, socket.MSG_DONTWAIT) == b""
        except ConnectionError:
            return False

    def release(self) -> None:
        """Has the sandbox's first process go on, as the parent of what the step has left behind."""
        if self.hold >= 0:
            os.write(self.hold, ALLOW)
            self.close()

    def close(self) -> None:
        """Closes our ends; the sandbox must have ended."""
        self.seen.close()
        if self.hold >= 0:
            os.close(self.hold)
            self.hold = -1


class Interpreter:
    """One warm Python. `order`: `key`, `argv`, `options` (texts for descriptor 9), `watch` (paths by whose change it is out of date)."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.key, self.watch = str(order["key"]), [str(one) for one in order["watch"]]
        self.stamp, self.used, self.ready = self._stamp(), time.monotonic(), False
        self.connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.connection.setblocking(False)
        texts = [held("".join(f"{one}\0" for one in order["options"])), held(Path(HOOK).read_text())]
        self.words, says = os.pipe2(
            os.O_CLOEXEC | os.O_NONBLOCK
        )  # a step's output is a pipe, and its Python knows so from its start
        nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        targets = [(nothing, 0), (says, 1), (says, 2), (theirs.fileno(), REQUESTS)]
        targets += [(one, FIRST_DESCRIPTOR + number) for number, one in enumerate(texts)]
        actions = [(os.POSIX_SPAWN_DUP2, one, number) for one, number in targets]
        try:
            argv = order["argv"]
            self.pid = os.posix_spawn(argv[0], argv, {"PATH": os.defpath}, file_actions=actions, setsid=True)
        finally:
            theirs.close()
            for one in (*texts, nothing, says):
                os.close(one)

    def _stamp(self) -> list[tuple[int, int]]:
        return [(seen.st_ino, seen.st_mtime_ns) for seen in map(os.stat, self.watch)]

    def is_fresh(self) -> bool:
        """Whether its environment is still what it was when it began."""
        try:
            return self._stamp() == self.stamp
        except OSError:
            return False

    def close(self) -> None:
        """Ends it: it sees that nobody asks any more."""
        self.connection.close()
        os.close(self.words)

    def complaint(self) -> str:
        """The last line that it printed."""
        try:
            return os.read(self.words, 1 << 16).decode(errors="replace").strip().rpartition("\n")[2]
        except BlockingIOError:
            return "it ended"


class Fork:
    """A process forked from a warm Python into a sandbox, given by the pid of its first process, where it waits for what to run.

    It is there when its pid, or `refused: …`, comes from `told`; `pid` is 0 before that.

    Raises:
        OSError: the interpreter or the sandbox is gone, or there are too many requests.
    """

    def __init__(self, interpreter: Interpreter, sandbox: int, root: str) -> None:
        self.interpreter, self.pid = interpreter, 0
        seen = os.stat(root)
        self.told, says = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self.orders, takes = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        passed = [os.pidfd_open(sandbox), takes.fileno(), says]
        try:
            socket.send_fds(interpreter.connection, [f"{seen.st_dev}:{seen.st_ino}".encode()], passed)
        except OSError:
            self.close()
            raise
        finally:
            takes.close()
            for one in (passed[0], says):
                os.close(one)

    def hear(self) -> str:
        """Takes the word of how it went: why it is not there, empty where it is. Raises BlockingIOError before there is word."""
        text = os.read(self.told, 1 << 12).decode() or "refused: the interpreter ended"
        os.close(self.told)
        self.told = -1
        if text.startswith("refused"):
            return text
        self.pid = int(text)
        return ""

    def order(self, streams: list[int], step: dict[str, Any]) -> None:
        """Has it run a step, of which `words`, `environment`, `folder` and `executes` are given. Raises OSError where it is gone."""
        words = step["words"]
        text = "\0".join(
            [step["folder"], "1" if step.get("executes") else "", str(len(words)), *words, *step["environment"]]
        )
        file = held(text)
        try:
            socket.send_fds(self.orders, [b"o"], [*streams, file])
        finally:
            os.close(file)
            self.orders.close()

    def close(self) -> None:
        """Leaves it; where it still waits for its order, it ends."""
        self.orders.close()
        if self.told >= 0:
            os.close(self.told)
            self.told = -1


class Interpreters:
    """Those that are there; `leave` is told of a connection before it is closed.

    The first step of a kind finds none and is started as any; it has one begin for the next.
    """

    def __init__(self, leave: Callable[[socket.socket], None]) -> None:
        self.leave = leave
        self.kept: dict[str, Interpreter] = {}
        self.broken: dict[str, float] = {}

    def find(self, order: dict[str, Any] | None) -> tuple[Interpreter | None, Interpreter | None]:
        """The one that can fork now; and one that begins, to be watched."""
        if not order or time.monotonic() < self.broken.get(order["key"], 0.0):
            return None, None
        found = self.kept.get(order["key"])
        if found and not found.is_fresh():
            self.drop(found)
            found = None
        if found:
            found.used = time.monotonic()  # not dropped as idle before its step is asked for
            return found if found.ready else None, None
        if len(self.kept) >= MOST:
            self.drop(min(self.kept.values(), key=lambda one: one.used))
        try:
            begun = self.kept[order["key"]] = Interpreter(order)
        except OSError as error:
            self.disable(order["key"], str(error))
            return None, None
        return None, begun

    def said(self, one: Interpreter) -> bool:
        """Takes what it says, that it is ready; False where it has ended."""
        try:
            one.ready = bool(one.connection.recv(1))
        except OSError:
            one.ready = False
        return one.ready

    def drop(self, one: Interpreter) -> None:
        """Ends one."""
        self.leave(one.connection)
        one.close()
        self.kept.pop(one.key, None)

    def drop_idle(self) -> None:
        """Ends those that nothing used for a while."""
        for one in [one for one in self.kept.values() if time.monotonic() - one.used > IDLE_SECONDS]:
            self.drop(one)

    def disable(self, key: str, why: str) -> None:
        """Has steps started as any for a while."""
        complain(f"no warm interpreter for {key}: {why}")
        self.broken[key] = time.monotonic() + BROKEN_SECONDS
        if one := self.kept.get(key):
            self.drop(one)


def sandbox_of(bwrap: int) -> int | None:
    """The first process of a sandbox; None where it has none (any more)."""
    return next(iter(children_of(bwrap)), None)
