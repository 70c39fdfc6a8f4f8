"""The server's end of the keeper: orders go to it, ends of containers come from it."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

from atrium.errors import Unavailable
from atrium.home import Home
from workflows.engine import keeper
from workflows.engine.state import Json, compact_json

START_SECONDS = 20.0
RETRY_SECONDS = 0.02


class KeeperSilent(Unavailable):
    """The process that starts containers does not answer."""


class ContainerLost(Exception):
    """A container's processes ended with the keeper and left no word of how; it is to run again."""


def _frame(message: Json) -> bytes:
    payload = compact_json(message)
    return keeper.LENGTH.pack(len(payload)) + payload


def end_keeper(home: Home) -> bool:
    """Ends a home's keeper with all that it runs; a server runs that again when it takes its workflows up. False where none ran."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(START_SECONDS)
        try:
            connection.connect(str(home.socket("keeper")))
            connection.sendall(_frame({"do": "quit"}))
            while connection.recv(keeper.CHUNK_BYTES):
                pass
        except (FileNotFoundError, ConnectionError):
            return False
        return True


class Launcher:
    """One server's connection to its home's keeper, which is started where none runs."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.running: dict[str, str] = {}
        self.ended: dict[str, Json] = {}
        self.waiting: dict[str, asyncio.Future[Json]] = {}
        self.writer: asyncio.StreamWriter | None = None
        self.opening = asyncio.Lock()
        self.listening: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connects, and learns what runs. Raises `KeeperSilent`."""
        async with self.opening:
            while self.writer is None:
                reader, writer = await self._connect()
                try:
                    writer.write(_frame({"do": "hello"}))
                    known = await self._receive(reader)
                except (asyncio.IncompleteReadError, ConnectionError):  # one that was just ending
                    writer.close()
                    continue
                self.running, self.ended, self.writer = known["running"], known["ended"], writer
                self.listening = asyncio.get_running_loop().create_task(self._listen(reader))

    async def close(self) -> None:
        """Ends the connection; what runs goes on."""
        if self.listening:
            self.listening.cancel()
        if self.writer:
            self.writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        path = self.home.socket("keeper")
        due = asyncio.get_running_loop().time() + START_SECONDS
        process: subprocess.Popen[bytes] | None = None
        while True:
            try:
                return await asyncio.open_unix_connection(str(path))
            except (FileNotFoundError, ConnectionRefusedError):
                if process is None or process.poll() is not None:
                    process = self._start_keeper(path)
            if asyncio.get_running_loop().time() > due:
                raise KeeperSilent(
                    f"the keeper of {self.home.root}", "it starts the steps", f"see {self.home.logs}/keeper.log"
                )
            await asyncio.sleep(RETRY_SECONDS)

    def _start_keeper(self, path: Path) -> "subprocess.Popen[bytes]":
        with (self.home.logs / "keeper.log").open("ab") as log:
            command = [sys.executable, "-I", "-S", keeper.FOLDER, str(path), str(self.home.engine / "keeper.journal")]
            environment = {"PATH": os.environ.get("PATH", os.defpath)}
            nothing = subprocess.DEVNULL
            return subprocess.Popen(
                command, start_new_session=True, stdin=nothing, stdout=log, stderr=log, env=environment, cwd="/"
            )

    def _send(self, message: Json) -> None:
        if self.writer is None or self.writer.is_closing():
            raise ContainerLost
        self.writer.write(_frame(message))

    @staticmethod
    async def _receive(reader: asyncio.StreamReader) -> Json:
        (size,) = keeper.LENGTH.unpack(await reader.readexactly(keeper.LENGTH.size))
        return json.loads(await reader.readexactly(size))  # type: ignore[no-any-return]

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                self._take(await self._receive(reader))
        except (asyncio.IncompleteReadError, ConnectionError):
            self.writer = None
            lost, self.waiting = self.waiting, {}
            for future in lost.values():
                if not future.done():
                    future.set_exception(ContainerLost())

    def _take(self, message: Json) -> None:
        key = message["key"]
        self.running.pop(key, None)
        future = self.waiting.pop(key, None)
        if "refused" not in message:
            self.ended[key] = message
        if future and not future.done():
            if "refused" in message:
                future.set_exception(OSError(message["refused"]))
            else:
                future.set_result(message)

    def _future(self, key: str) -> "asyncio.Future[Json]":
        future = asyncio.get_running_loop().create_future()
        self.waiting[key] = future
        return future

    async def found(self, key: str) -> Json | None:
        """How a container ended that ran before, waiting for it where it still runs; None where it has not run.

        Raises:
            ContainerLost: it ran, and its keeper was ended with it.
        """
        await self.open()
        if end := self.ended.get(key):
            return end
        return await self._future(key) if key in self.running else None

    async def run(self, order: Json) -> Json:
        """Starts a container and returns how it ended, once it has: code, reason, began, ended, what it used.

        Raises:
            ContainerLost: the keeper was ended, and the container with it; OSError: it could not be started.
        """
        await self.open()
        self._send({"do": "start", **order})
        self.running[order["key"]] = order["root"]
        return await self._future(order["key"])

    def forget(self, keys: list[str]) -> None:
        """Drops ends that are taken in: what came of them is on disk."""
        for key in keys:
            self.ended.pop(key, None)
        if (
            keys and self.writer and not self.writer.is_closing()
        ):  # else the keeper tells them again, and they are dropped then
            self._send({"do": "forget", "keys": keys})

    def end(self, key: str, grace_seconds: float, reason: str = "") -> None:
        """Asks a container to end, and has it ended after the grace; the reason comes back with its end."""
        if key in self.running and self.writer and not self.writer.is_closing():
            self._send({"do": "end", "key": key, "grace_seconds": grace_seconds, "reason": reason})
