"""A way to a server that can be frozen or cut, so that a cluster seems dead without anybody touching it."""

import socket
import threading
from contextlib import suppress


class Tunnel:
    """Forwards connections to `target`; `freeze` lets no byte through and answers nobody, `thaw` goes on, `close` ends."""

    def __init__(self, host: str, port: int) -> None:
        self.target, self.flowing = (host, port), threading.Event()
        self.flowing.set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self) -> None:
        """Nothing passes any more; connections stay open, as with a server that hangs."""
        self.flowing.clear()

    def thaw(self) -> None:
        """Everything passes again."""
        self.flowing.set()

    def close(self) -> None:
        """Nobody is taken any more."""
        self.listener.close()
        self.flowing.set()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                near, _ = self.listener.accept()
                threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        self.flowing.wait()
        with suppress(OSError):  # one of the two is gone
            far = socket.create_connection(self.target)
            threading.Thread(target=self._pour, args=(far, near), daemon=True).start()
            self._pour(near, far)

    def _pour(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self.flowing.wait()
                sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
