"""A container that runs."""

import contextlib
import os
import resource
import signal
import threading
import time
from typing import Any

from .ahead import IGNORED, Sandbox
from .output import CUT, Output
from .processes import children_of, disk_bytes, free_bytes, held, memory_bytes, oom_kills, opened, readable, tree_of
from .warm import PLACEHOLDER, Fork, Gate, Interpreter, sandbox_of

DISK_SECONDS = 2.0
CHUNK_BYTES = 64 * 1024
LONGEST_RESULT_BYTES = 256 * 1024
OPTIONS_DESCRIPTOR, HIGHEST = 9, 64


class Unit:
    """One container that runs.

    Its order: `key`, `path` (its log's, without ending; `append` adds to it), `root` (its root's folder), `argv`, `options` (texts that bwrap reads from
    descriptor 9), `files` (texts that it reads from the descriptors after that), `opened` (folders that it mounts by the descriptors after those, each a
    folder and a path in it that no link may lead elsewhere), `environment`,
    `boxed` (whether argv is bwrap's), `result` (whether the last of standard output is told), `seconds` (deadline), `grace_seconds`,
    `memory_bytes`, `log_bytes`, `disk_bytes` with `disk` (its folders), `floor_bytes` (what it may hold at most where less is free),
    `groups` (control groups to be removed), `flush` (whether its end is flushed to disk), `warm` (of which interpreter it may be forked, see
    `Interpreter`, with `words`, `environment` and `folder` of the step, and `executes` for one that is no Python: that is forked only into
    a sandbox made ahead), `next` (the root for which a like sandbox may be made ahead). With `warm` it is forked, into the sandbox `ahead`
    where there is one: `pid` is bwrap's in any case, `step` what was forked.
    """

    def __init__(self, order: dict[str, Any], warm: Interpreter | None = None, ahead: Sandbox | None = None) -> None:
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
        self.warm, self.step = warm, 0
        self.gate: Gate | None = None
        self.fork: Fork | None = None
        self.streams: list[int] = []
        self.alive = True
        self.unsure = ahead is not None  # whether the sandbox could be made, so that its end is not the step's
        self.pid = self._enter(ahead) if ahead else self._spawn()

    def _enter(self, ahead: Sandbox) -> int:
        """Takes a sandbox that was made ahead."""
        self.streams = self._streams()
        self.gate, self.fork = ahead.gate, ahead.fork
        return ahead.pid

    def _streams(self) -> list[int]:
        """Descriptors for standard input, output and error."""
        ends = [self._pipe(self.order["result"])]
        if self.order["result"]:
            ends.append(self._pipe(False))
        return [os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC), ends[0], ends[-1]]

    def _pipe(self, result: bool) -> int:
        ours, theirs = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(ours, False)
        self.pipes[ours] = result
        return theirs

    def _spawn(self) -> int:
        self.streams = self._streams()
        options = "".join(f"{one}\0" for one in self.order["options"])
        folders = opened(self.order.get("opened", ()))
        given = [*(held(text) for text in (options, *self.order.get("files", ()))), *folders]
        argv = self.order["argv"]
        if self.warm:
            self.gate = Gate()
            found = self.gate.options(OPTIONS_DESCRIPTOR + len(given))
            argv = [*argv[: argv.index("--")], *found, "--", *PLACEHOLDER]
            given += self.gate.given
        targets = [
            *zip(self.streams, range(3), strict=True),
            *zip(given, range(OPTIONS_DESCRIPTOR, HIGHEST), strict=False),
        ]
        actions = [(os.POSIX_SPAWN_DUP2, one, number) for one, number in targets]
        try:
            return os.posix_spawn(
                argv[0], argv, self.order["environment"], file_actions=actions, setsid=True, setsigdef=IGNORED
            )
        except OSError:
            self._leave_gate()
            raise
        finally:
            for one in given:
                os.close(one)
            if not self.gate:
                self._close_streams()

    def _close_streams(self) -> None:
        for one in set(self.streams):
            os.close(one)
        self.streams = []

    def join(self) -> Fork:
        """Has the step forked into its sandbox, which is whole, unless something waits there, and tells it what to run. Raises OSError."""
        if self.fork is None:
            sandbox = sandbox_of(self.pid)
            if sandbox is None or self.warm is None:
                raise ProcessLookupError("the sandbox has ended")
            self.fork = Fork(self.warm, sandbox, self.order["root"])
        self.fork.order(self.streams, self.order["warm"])
        self._close_streams()
        return self.fork

    def joined(self, fork: Fork) -> str:
        """Why the step was not forked; empty where it runs. Raises BlockingIOError before that is known."""
        if not fork.pid and (why_not := fork.hear()):
            return why_not
        self.step = fork.pid
        if self.kill_at is not None:
            self.tell(signal.SIGTERM)
        return ""

    def start_cold(self) -> None:
        """Starts it once more, as any: nothing of it has run."""
        self.alive = self.alive and not self.unsure  # what was made ahead has ended
        self.tell(signal.SIGKILL)
        for descriptor in self.pipes:
            os.close(descriptor)
        self.pipes, self.warm = {}, None
        self._leave_gate()
        self.unsure, self.inner = False, None
        self.pid, self.alive = self._spawn(), True

    def _leave_gate(self) -> None:
        if self.gate:
            self.gate.close()
            self.gate = None
        if self.fork:
            self.fork.close()
            self.fork = None
        if self.streams:
            self._close_streams()

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
        inner = self.inner or (sandbox_of(self.pid) if self.alive else None)
        if not (inner or self.alive):
            return
        targets = [inner or self.pid]
        if number != signal.SIGKILL and inner and (own := [self.step] if self.step else children_of(inner)):
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
        if self.step:
            if self.gate and pids:
                self.gate.release()
            pids += tree_of(self.step)
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
        taken, floor = sum(map(disk_bytes, self.order["disk"])), int(self.order.get("floor_bytes") or 0)
        if taken > self.order["disk_bytes"]:
            self.end(0, "disk")
        elif taken > floor > free_bytes(self.order["disk"][0]):
            self.end(0, "pressure")
        self.disk_at = time.monotonic() + DISK_SECONDS

    def count(self, usage: resource.struct_rusage, inside: bool) -> None:
        """Adds what a process that has ended used; the peak of those inside the sandbox alone, since bwrap's holds the keeper's."""
        self.used["cpu_seconds"] += usage.ru_utime + usage.ru_stime
        self.used["read_bytes"] += usage.ru_inblock * 512
        self.used["written_bytes"] += usage.ru_oublock * 512
        if inside:
            self.used["peak_memory_bytes"] = max(self.used["peak_memory_bytes"], usage.ru_maxrss * 1024)

    def ended(self, pid: int, code: int) -> None:
        """Takes the end of one of its processes. Its code is the step's, or bwrap's where that executed it or came to nothing."""
        if pid == self.step:
            self.step, self.code = 0, code
            self.tell(signal.SIGKILL)  # what it leaves ends with it
        elif pid == self.pid:
            self.alive = False
            if self.code is None and not self.step:
                self.code = code
        elif pid == self.inner:
            self.inner = None

    @property
    def told(self) -> int:
        """The descriptor from which word of its fork is to come; -1 where none is."""
        return self.fork.told if self.fork else -1

    @property
    def over(self) -> bool:
        """Whether all of it has ended."""
        return not (self.alive or self.inner or self.step or self.told >= 0)

    def _leave_groups(self) -> None:
        """Learns whether the kernel ended it for its memory, and removes its control groups."""
        for group in self.order.get("groups") or ():
            if self.code and oom_kills(group):
                self.ended_for = self.ended_for or "memory"
            with contextlib.suppress(OSError):
                os.rmdir(group)

    def finish(self) -> dict[str, Any]:
        """Takes the rest of its output and returns how it ended."""
        for descriptor in self.pipes:
            while self.pump(descriptor):
                if not readable(descriptor):
                    break
            os.close(descriptor)
        self.log.close()
        self._leave_gate()
        self._leave_groups()
        about = {"key": self.key, "root": self.order["root"], "code": self.code, "reason": self.ended_for}
        if self.order["result"]:
            about["result"] = self.result.decode(errors="replace")
        if self.log.lost:
            about["lost"] = self.log.lost
        return about | {"began": self.began, "ended": time.time(), "printed": self.log.size > 0, **self.used}
