"""What a Kubernetes Service does: each new connection goes to the next of several addresses."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count

Address = tuple[str, int]


class _Turns:
    port: int
    loop: asyncio.AbstractEventLoop

    def __init__(self, addresses: Sequence[Address]) -> None:
        self.addresses, self.numbers, self.ended = addresses, count(), asyncio.Event()

    async def _next(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        for _ in self.addresses:
            with suppress(ConnectionRefusedError):
                return await asyncio.open_connection(*self.addresses[next(self.numbers) % len(self.addresses)])
        raise ConnectionRefusedError(f"nobody listens at {self.addresses}")

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(65536):
                writer.write(piece)
                await writer.drain()
        writer.close()

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionRefusedError):
            far_reader, far_writer = await self._next()
            await asyncio.gather(self._carry(reader, far_writer), self._carry(far_reader, writer))
        writer.close()


@contextmanager
def in_turns(addresses: Sequence[Address], port: int = 0) -> Iterator[int]:
    """Listens at 127.0.0.1, at a free port where `port` is 0, and gives connections to `addresses` in turns; to another where nobody listens."""
    turns, ready = _Turns(addresses), threading.Event()

    async def serve() -> None:
        async with await asyncio.start_server(turns.connection, "127.0.0.1", port) as server:
            turns.port, turns.loop = server.sockets[0].getsockname()[1], asyncio.get_running_loop()
            ready.set()
            await turns.ended.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(10)
    try:
        yield turns.port
    finally:
        turns.loop.call_soon_threadsafe(turns.ended.set)
        thread.join(10)
