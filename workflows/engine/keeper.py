"""The process that starts containers and outlives the workflow server: it notes how each ended and bounds what each may use.

One a home, of the standard library alone, run by its path, so that it is small and starts others quickly. It speaks frames of a
length (4 bytes, network order) and JSON over a Unix socket. A server orders: `hello`, answered with what runs and what has ended;
`start` a unit (see `Unit`); `end` one; `forget` ends that it has taken in; `quit`, by which all that runs is lost, to run again. Every
end is in the journal before it is told.
"""

import contextlib
import fcntl
import json
import os
import resource
import selectors
import signal
import socket
import struct
import sys
import threading
import time
from pathlib import Path
from typing import Any

IDLE_SECONDS = 3.0
SEND_SECONDS = 10.0
SAMPLE_SECONDS = 0.25
DISK_SECONDS = 2.0
CHUNK_BYTES = 64 * 1024
LONGEST_RESULT_BYTES = 256 * 1024
OPTIONS_DESCRIPTOR = 9
HIGH_DESCRIPTOR = 64
QUICK_SECONDS = 0.5
LONGEST_JOURNAL_BYTES = 1 << 20
PAGE_BYTES = resource.getpagesize()
LENGTH = struct.Struct("!I")
CUT = b"\n[the log's bound of %d MiB is reached: what follows is not kept]\n"


def send(connection: socket.socket, message: dict[str, Any]) -> None:
    """Sends one frame."""
    payload = json.dumps(message).encode()
    connection.sendall(LENGTH.pack(len(payload)) + payload)


def _text(path: str) -> bytes:
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, 1 << 16)
    finally:
        os.close(file)


def children_of(pid: int) -> list[int]:
    """Pids of the children of a process's first thread; none where it is gone."""
    try:
        return [int(one) for one in _text(f"/proc/{pid}/task/{pid}/children").split()]
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
        return int(_text(f"/proc/{pid}/stat").rpartition(b")")[2].split()[3])
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


def complain(text: str) -> None:
    """Writes a line to the keeper's own log."""
    print(time.strftime("%Y-%m-%dT%H:%M:%S"), text, file=sys.stderr, flush=True)


class Output:
    """A file that is made when the first of it comes, up to a bound; `times` has the moments of later parts noted beside it."""

    def __init__(self, path: str, bound: int, note: bytes, times: str, append: bool) -> None:
        self.path, self.bound, self.note, self.times = path, bound, note, times
        self.flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else os.O_TRUNC)
        self.size, self.file, self.stamps = 0, -1, -1
        self.began = time.monotonic()

    def write(self, data: bytes) -> None:
        """Adds what came; at the bound the note once, and nothing more."""
        if self.size > self.bound or not data:
            return
        over = self.size + len(data) > self.bound
        try:
            self._write(data[: self.bound - self.size] + self.note if over else data)
        except OSError as error:  # the disk is full, or the run was deleted: the step goes on
            complain(f"{self.path}: {error}")
            over = True
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


class Unit:
    """One container that runs.

    Its order: `key`, `path` (its log's, without ending; `append` adds to it), `root` (its root's folder), `argv`, `options` (texts that bwrap reads from
    descriptor 9), `files` (texts that it reads from the descriptors after that), `environment`,
    `boxed` (whether argv is bwrap's), `result` (whether the last of standard output is told), `seconds` (deadline), `grace_seconds`,
    `memory_bytes`, `log_bytes`, `disk_bytes` with `disk` (its folders), `groups` (control groups to be
    removed), `flush` (whether its end is flushed to disk).
    """

    def __init__(self, order: dict[str, Any]) -> None:
        self.order, self.key = order, str(order["key"])
        bound = int(order["log_bytes"])
        path = str(order["path"])
        self.log = Output(f"{path}.log", bound, CUT % (bound >> 20), f"{path}.times", bool(order["append"]))
        self.result = bytearray()
        self.began = time.time()
        seconds = order.get("seconds")
        self.due = time.monotonic() + float(seconds) if seconds is not None else None
        self.kill_at: float | None = None
        self.ended_for = ""
        self.inner: int | None = None
        self.code: int | None = None
        self.used = {"cpu_seconds": 0.0, "peak_memory_bytes": 0, "read_bytes": 0, "written_bytes": 0}
        self.pipes: dict[int, bool] = {}
        self.disk_at = time.monotonic() + DISK_SECONDS
        self.pid = self._spawn()

    def _pipe(self, result: bool) -> int:
        ours, theirs = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(ours, False)
        self.pipes[ours] = result
        return theirs

    def _spawn(self) -> int:
        ends = [self._pipe(self.order["result"])]
        if self.order["result"]:
            ends.append(self._pipe(False))
        options = "".join(f"{one}\0" for one in self.order["options"])
        texts = [_held(text) for text in (options, *self.order.get("files", ()))]
        nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        targets = [(nothing, 0), (ends[0], 1), (ends[-1], 2)]
        targets += [(one, OPTIONS_DESCRIPTOR + number) for number, one in enumerate(texts)]
        actions = [(os.POSIX_SPAWN_DUP2, one, number) for one, number in targets]
        argv = self.order["argv"]
        try:
            return os.posix_spawn(argv[0], argv, self.order["environment"], file_actions=actions, setsid=True)
        finally:
            for one in (*ends, *texts, nothing):
                os.close(one)

    def pump(self, descriptor: int) -> bool:
        """Takes what came on a pipe; False at its end."""
        try:
            data = os.read(descriptor, CHUNK_BYTES)
        except BlockingIOError:
            return True
        if self.pipes[descriptor]:
            self.result += data
            del self.result[:-LONGEST_RESULT_BYTES]
        self.log.write(data)
        return bool(data)

    def tell(self, number: int) -> None:
        """Sends a signal: SIGTERM to what the sandbox runs, SIGKILL to all of it."""
        if not self.order["boxed"]:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)
            return
        inner = self.inner or next(iter(children_of(self.pid)), None)
        targets = [inner or self.pid]
        if number != signal.SIGKILL and inner and (own := children_of(inner)):
            targets = own
        for pid in targets:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def end(self, grace_seconds: float, reason: str = "") -> None:
        """Asks it to end, and has it ended after the grace. The first reason stays."""
        if self.kill_at is None:
            self.ended_for = self.ended_for or reason
            self.kill_at = time.monotonic() + grace_seconds
            self.tell(signal.SIGTERM if grace_seconds else signal.SIGKILL)

    def check(self) -> None:
        """Ends it where it is over a bound."""
        now = time.monotonic()
        if self.kill_at is not None:
            if now >= self.kill_at:
                self.tell(signal.SIGKILL)
            return
        if self.due is not None and now >= self.due:
            self.end(float(self.order["grace_seconds"]), "deadline")
        tree = tree_of(self.pid)
        pids = tree[2:] if self.order["boxed"] else tree  # the first two are bwrap's
        seen = memory_bytes(pids, False)
        limit = self.order.get("memory_bytes")
        if limit and seen > limit:
            seen = memory_bytes(pids, True)
            if seen > limit:
                self.end(0, "memory")
        self.used["peak_memory_bytes"] = max(self.used["peak_memory_bytes"], seen)
        if self.order.get("disk_bytes") and now >= self.disk_at:
            self.disk_at = now + 3600  # until this look is done
            threading.Thread(target=self._check_disk, daemon=True).start()

    def _check_disk(self) -> None:
        if sum(map(disk_bytes, self.order["disk"])) > self.order["disk_bytes"]:
            self.end(0, "disk")
        self.disk_at = time.monotonic() + DISK_SECONDS

    def count(self, usage: resource.struct_rusage, inside: bool) -> None:
        """Adds what a process that has ended used; the peak of those inside the sandbox alone, since bwrap's holds the keeper's."""
        self.used["cpu_seconds"] += usage.ru_utime + usage.ru_stime
        self.used["read_bytes"] += usage.ru_inblock * 512
        self.used["written_bytes"] += usage.ru_oublock * 512
        if inside:
            self.used["peak_memory_bytes"] = max(self.used["peak_memory_bytes"], usage.ru_maxrss * 1024)

    def _leave_groups(self) -> None:
        """Learns whether the kernel ended it for its memory, and removes its control groups."""
        for group in self.order.get("groups") or ():
            if self.code and _oom_kills(group):
                self.ended_for = self.ended_for or "memory"
            with contextlib.suppress(OSError):
                os.rmdir(group)

    def finish(self) -> dict[str, Any]:
        """Takes the rest of its output and returns how it ended."""
        for descriptor in self.pipes:
            while self.pump(descriptor):
                if not _readable(descriptor):
                    break
            os.close(descriptor)
        self.log.close()
        self._leave_groups()
        about = {"key": self.key, "root": self.order["root"], "code": self.code, "reason": self.ended_for}
        if self.order["result"]:
            about["result"] = self.result.decode(errors="replace")
        return about | {"began": self.began, "ended": time.time(), "printed": self.log.size > 0, **self.used}


def _oom_kills(group: str) -> int:
    """How many processes the kernel ended in a group because it was over its memory limit."""
    for name in ("memory.oom_control", "memory.events"):
        with contextlib.suppress(FileNotFoundError):
            words = _text(f"{group}/{name}").split()
            return int(words[words.index(b"oom_kill") + 1]) if b"oom_kill" in words else 0
    return 0


def _held(text: str) -> int:
    """A descriptor from which the text can be read; above those that a container gets, so that none is overwritten."""
    made = os.memfd_create("text", os.MFD_CLOEXEC)
    high = fcntl.fcntl(made, fcntl.F_DUPFD_CLOEXEC, HIGH_DESCRIPTOR)
    os.close(made)
    os.write(high, text.encode())
    os.lseek(high, 0, os.SEEK_SET)
    return high


def _readable(descriptor: int) -> bool:
    with selectors.SelectSelector() as one:
        one.register(descriptor, selectors.EVENT_READ)
        return bool(one.select(0))


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
        self.idle_since = time.monotonic()

    def run(self) -> None:
        """Serves until no server is there and nothing runs, or it is told to quit."""
        sampled = 0.0
        while True:
            for key, _ in self.selector.select(SAMPLE_SECONDS if self.units else IDLE_SECONDS):
                key.data(key.fileobj)
            if self.died:  # after the pipes of this round, which it closes
                self.died = False
                self._reap()
            if self.quitting:
                for unit in self.units.values():
                    unit.tell(signal.SIGKILL)
                return
            now = time.monotonic()
            if self.units and now - sampled >= SAMPLE_SECONDS:
                sampled = now
                for unit in self.units.values():
                    unit.check()
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
            data = connection.recv(1 << 20, socket.MSG_DONTWAIT)
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
        try:
            unit = Unit(order)
        except OSError as error:
            self._tell({"key": order["key"], "refused": str(error)})
            return
        self.units[unit.key] = unit
        self.by_pid[unit.pid] = unit
        for descriptor in unit.pipes:
            self.selector.register(descriptor, selectors.EVENT_READ, lambda one, unit=unit: self._pump(unit, one))

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
            unit = self.by_pid.get(seen.si_pid) or self.by_pid.get(session_of(seen.si_pid))
            if unit and seen.si_pid == unit.pid:  # what it left is ours by now
                left = [
                    one for one in children_of(os.getpid()) if one not in self.by_pid and session_of(one) == unit.pid
                ]
                unit.inner = left[0] if left else None
            pid, status, usage = os.wait4(seen.si_pid, 0)
            if unit:
                self._count(unit, pid, status, usage)

    def _count(self, unit: Unit, pid: int, status: int, usage: resource.struct_rusage) -> None:
        unit.count(usage, inside=pid != unit.pid or not unit.order["boxed"])
        if pid == unit.pid:
            code = os.waitstatus_to_exitcode(status)
            unit.code = code if code >= 0 else 128 - code
        elif unit.inner == pid:
            unit.inner = None
        if unit.code is not None and unit.inner is None:
            for descriptor in unit.pipes:
                with contextlib.suppress(KeyError):
                    self.selector.unregister(descriptor)
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
    _become_subreaper()
    keeper = Keeper(path, journal)
    keeper.run()
    Path(path).unlink(missing_ok=True)


def _become_subreaper() -> None:
    """Has the kernel give us what our children leave behind, so that its use of CPU and memory is known."""
    import ctypes

    set_child_subreaper = 36
    if ctypes.CDLL(None, use_errno=True).prctl(set_child_subreaper, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
