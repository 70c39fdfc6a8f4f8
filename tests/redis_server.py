"""A Redis of the tests' own on loopback (Debian's redis-server) that asks for a password."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from redis import Redis
from redis.exceptions import RedisError
from small_platform import free_port

PASSWORD, START_SECONDS = 'p@ss, w="1"', 120.0


@dataclass
class OwnRedis:
    """Its port, and the process while it runs."""

    port: int
    running: "subprocess.Popen[bytes] | None" = None

    def address(self, password: str = PASSWORD) -> str:
        return f"redis://:{quote(password, safe='')}@127.0.0.1:{self.port}/1"

    def asked(self) -> "Redis":
        return Redis.from_url(self.address())

    def start(self) -> None:
        words = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--requirepass", PASSWORD)
        self.running = subprocess.Popen(["redis-server", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        due = time.monotonic() + START_SECONDS
        while time.monotonic() < due:
            with suppress(RedisError), self.asked() as client:
                client.ping()
                return
            time.sleep(0.05)
        raise AssertionError(f"redis-server did not answer within {START_SECONDS:.0f} s")

    def stop(self) -> None:
        if self.running:
            self.running.kill()
            self.running.wait(30)


@contextmanager
def own_redis() -> Iterator[OwnRedis]:
    """The server, running. Skips where Redis is not installed."""
    if shutil.which("redis-server") is None:
        pytest.skip("no Redis on this machine: apt-get install redis-server")
    made = OwnRedis(free_port())
    made.start()
    try:
        yield made
    finally:
        made.stop()
