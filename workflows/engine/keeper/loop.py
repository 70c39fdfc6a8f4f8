"""The keeper's loop."""

import contextlib
import fcntl
import json
import os
import resource
import selectors
import signal
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .ahead import IDLE_SECONDS as AHEAD_SECONDS
from .ahead import Ahead
from .journal import Journal
from .kernel import become_subreaper, leave_mounts_of_others
from .processes import children_of, session_of
from .units import Unit
from .warm import Fork, Interpreter, Interpreters

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

IDLE_SECONDS = 3.0
SEND_SECONDS = 10.0
SAMPLE_SECONDS = 0.25
LENGTH = struct.Struct("!I")


def send(connection: socket.socket, message: dict[str, Any]) -> None:
    """Sends one frame."""
    payload = json.dumps(message).encode()
    connection.sendall(LENGTH.pack(len(payload)) + payload)


class Keeper:
    """The loop over the socket, the servers' connections, the pipes and the ends of processes."""

    def __init__(self, path: str, journal: str) -> None:
        self.journal = Journal(journal)
        self.units: dict[str, Unit] = {}
        self.by_pid: dict[int, Unit] = {}
        self.buffers: dict[socket.socket, bytearray] = {}
        self.selector = selectors.EpollSelector()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        Path(path).unlink(missing_ok=True)
        self.listener.bind(path)
        os.chmod(path, 0o600)
        self.listener.listen()
        wake, self.wake_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(self.wake_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.selector.register(self.listener, selectors.EVENT_READ, self._accept)
        self.selector.register(wake, selectors.EVENT_READ, self._wake)
        self.died = self.quitting = False
        self.warm, self.ahead = Interpreters(self._leave), Ahead(self._watch, self._leave)
        self.idle_since = time.monotonic()

    def run(self) -> None:
        """Serves until no server is there and nothing runs, or it is told to quit."""
        sampled = 0.0
        while True:
            for key, _ in self.selector.select(SAMPLE_SECONDS if self.units or self.ahead.kept else IDLE_SECONDS):
                key.data(key.fileobj)
            if self.died:  # after the pipes of this round, which it closes
                self.died = False
                self._reap()
            if self.quitting:
                for unit in self.units.values():
                    unit.tell(signal.SIGKILL)
                self.ahead.drop()
                return
            now = time.monotonic()
            self.ahead.drop(AHEAD_SECONDS)
            if self.units and now - sampled >= SAMPLE_SECONDS:
                sampled = now
                for unit in self.units.values():
                    unit.check()
                self.warm.drop_idle()
            if self.units or self.buffers:
                self.idle_since = now
            elif now - self.idle_since >= IDLE_SECONDS:
                return

    # --- servers ------------------------------------------------------------------------------------------------------

    def _accept(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        connection.settimeout(SEND_SECONDS)
        self.buffers[connection] = bytearray()
        self.selector.register(connection, selectors.EVENT_READ, self._read)

    def _read(self, connection: socket.socket) -> bool:
        """Takes what a server sent; False once it has gone, or has sent no more."""
        try:
            data = connection.recv(1 << 16, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except ConnectionError:
            data = b""
        if not data:
            self._drop(connection)
            return False
        buffer = self.buffers[connection]
        buffer += data
        while len(buffer) >= LENGTH.size and len(buffer) >= LENGTH.size + (size := LENGTH.unpack_from(buffer)[0]):
            order = json.loads(bytes(buffer[LENGTH.size : LENGTH.size + size]))
            del buffer[: LENGTH.size + size]
            self._do(connection, order)
        return True

    def _drop(self, connection: socket.socket) -> None:
        self.selector.unregister(connection)
        del self.buffers[connection]
        connection.close()
        self.ahead.drop()  # another server will not use those roots

    def _do(self, connection: socket.socket, order: dict[str, Any]) -> None:
        if order["do"] == "hello":
            for other in [one for one in self.buffers if one is not connection]:
                while self._read(other):  # a server that has ended may have left orders
                    pass
            running = {key: unit.order["root"] for key, unit in self.units.items()}
            send(connection, {"running": running, "ended": self.journal.ends})
        elif order["do"] == "end":
            if unit := self.units.get(order["key"]):
                unit.end(float(order["grace_seconds"]), order.get("reason", ""))
        elif order["do"] == "forget":
            self.journal.forget(order["keys"])
        elif order["do"] == "quit":
            self.quitting = True
        elif order["key"] not in self.units:
            self._start(order)

    def _start(self, order: dict[str, Any]) -> None:
        ready, begun = self.warm.find(order.get("warm"))
        ahead = self.ahead.take(order, ready)
        if begun:
            self._watch(begun.connection, lambda _: self._said(begun))
        forks = ready if ahead or not (order.get("warm") or {}).get("executes") else None
        try:
            unit = Unit(order, forks, ahead)
        except OSError as error:
            self._tell({"key": order["key"], "refused": str(error)})
            return
        self.units[unit.key] = unit
        self._follow(unit)
        if ahead:
            self._join(unit)
        if ready:
            self.ahead.make(order, ready)

    def _follow(self, unit: Unit) -> None:
        self.by_pid[unit.pid] = unit
        for descriptor in unit.pipes:
            self._watch(descriptor, lambda one: self._pump(unit, one))
        if unit.gate:
            self._watch(unit.gate.seen, lambda _: self._join(unit))

    def _watch(self, one: "FileDescriptorLike", act: Callable[[Any], object]) -> None:
        self.selector.register(one, selectors.EVENT_READ, act)

    def _leave(self, one: "FileDescriptorLike") -> None:
        with contextlib.suppress(KeyError, ValueError):
            self.selector.unregister(one)

    # --- warm interpreters --------------------------------------------------------------------------------------------

    def _said(self, interpreter: Interpreter) -> None:
        if not self.warm.said(interpreter):
            self._leave(interpreter.connection)
            if self.warm.kept.get(interpreter.key) is interpreter:
                self.warm.disable(interpreter.key, interpreter.complaint())

    def _join(self, unit: Unit) -> None:
        """A sandbox may be whole: its step is forked into it. Of one that could not be made the end comes as of any."""
        if unit.gate is None:
            return
        try:
            whole = unit.gate.reached()
        except BlockingIOError:
            return
        self._leave(unit.gate.seen)
        if whole:
            unit.unsure = False
            try:
                fork = unit.join()
            except OSError as error:
                self._start_cold(unit, str(error))
                return
            if not fork.pid:
                self._watch(fork.told, lambda told: self._joined(unit, fork, told))
            else:
                self._joined(unit, fork, -1)

    def _joined(self, unit: Unit, fork: Fork, told: int) -> None:
        """There is word of a step that was to be forked."""
        if fork.told != told:  # it was heard
            return
        try:
            why_not = unit.joined(fork)
        except BlockingIOError:
            return
        self._leave(told)
        if why_not:
            self._start_cold(unit, why_not)
        else:
            self.by_pid[unit.step] = unit

    def _start_cold(self, unit: Unit, why: str) -> None:
        if not unit.alive or unit.kill_at is not None:  # it was to end, and does
            unit.tell(signal.SIGKILL)
            self._finish_if_over(unit)
            return
        if unit.warm and not unit.unsure:
            self.warm.disable(unit.warm.key, why)
        if unit.gate:
            self._leave(unit.gate.seen)
        for descriptor in (*unit.pipes, unit.told):
            self._leave(descriptor)
        del self.by_pid[unit.pid]
        unit.start_cold()
        self._follow(unit)

    def _tell(self, message: dict[str, Any]) -> None:
        for connection in list(self.buffers):
            try:
                send(connection, message)
            except OSError:  # gone, or it does not read: it finds every end on disk when it comes back
                self._drop(connection)

    # --- units --------------------------------------------------------------------------------------------------------

    def _pump(self, unit: Unit, descriptor: int) -> None:
        if not unit.pump(descriptor):
            self.selector.unregister(descriptor)

    def _wake(self, wake: int) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(wake, 4096)
        self.died = True

    def _reap(self) -> None:
        while True:
            try:
                seen = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if seen is None:
                return
            if seen.si_pid not in self.by_pid:
                for one, fork in [(one, one.fork) for one in self.units.values() if one.fork and one.told >= 0]:
                    self._joined(one, fork, fork.told)  # it may be a step of which we were told and have not heard
            unit = self.by_pid.get(seen.si_pid) or self.by_pid.get(session_of(seen.si_pid))
            if unit and seen.si_pid == unit.pid:
                unit.inner = next(iter(self._left_by(unit.pid)), None)
            pid, status, usage = os.wait4(seen.si_pid, 0)
            if unit and unit.unsure and pid == unit.pid and unit.kill_at is None:
                self._start_cold(unit, "the sandbox made ahead has ended")
            elif unit:
                self._count(unit, pid, status, usage)
            else:
                self.ahead.died(pid)
                for left in self._left_by(pid):  # by a sandbox that was ended while its first process was being made
                    os.kill(left, signal.SIGKILL)

    def _left_by(self, pid: int) -> list[int]:
        """What a session's first process has left behind, which is ours by now."""
        return [one for one in children_of(os.getpid()) if one not in self.by_pid and session_of(one) == pid]

    def _count(self, unit: Unit, pid: int, status: int, usage: resource.struct_rusage) -> None:
        unit.count(usage, inside=pid != unit.pid or not unit.order["boxed"])
        code = os.waitstatus_to_exitcode(status)
        unit.ended(pid, code if code >= 0 else 128 - code)
        if pid != unit.pid:
            self.by_pid.pop(pid, None)
        self._finish_if_over(unit)

    def _finish_if_over(self, unit: Unit) -> None:
        if unit.over:
            for descriptor in unit.pipes:
                self._leave(descriptor)
            del self.units[unit.key], self.by_pid[unit.pid]
            end = unit.finish()
            self.journal.add(end, bool(unit.order["flush"]))
            self._tell(end)


def main(path: str, journal: str) -> None:
    """Keeps what a server orders on the Unix socket at `path`, ends in `journal`; returns at once where another keeper does."""
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    become_subreaper()
    leave_mounts_of_others()
    keeper = Keeper(path, journal)
    keeper.run()
    Path(path).unlink(missing_ok=True)
