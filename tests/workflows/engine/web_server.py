"""A web server for tests: it answers, notes what it was asked, keeps what is put, asks for a password where it is to."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit


class Answers(BaseHTTPRequestHandler):
    """`/files/…` are files that PUT makes (`/locked/…` too, with ada's password), `/status/N` has that status, `/slow` never ends."""

    server: "WebServer"

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""

    def _send(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path).path
        self.server.asked.append((self.command, self.path, dict(self.headers), body))
        place = self.server.folder / path.strip("/")
        pair = base64.b64encode(b"ada:hush-hush").decode()
        if path.startswith("/locked/") and self.headers.get("Authorization") != f"Basic {pair}":
            return self._send(401)
        if path == "/slow":
            self.server.released.wait(60)
        if path.startswith("/status/"):
            return self._send(int(path.removeprefix("/status/")), b"as asked", X_Mood="calm")
        if path == "/echo":
            headers = {name.lower(): value for name, value in self.headers.items()}
            about = {"method": self.command, "headers": headers, "body": body.decode(errors="replace")}
            return self._send(200, json.dumps(about).encode(), Content_Type="application/json")
        if path == "/moved":
            return self._send(302, Location="/echo")
        if path == "/large":
            return self._send(200, b"x" * (300 * 1024))
        if self.command == "PUT":
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(body)
            return self._send(201)
        return self._send(200, place.read_bytes()) if place.is_file() else self._send(404)

    do_GET = do_POST = do_PUT = do_DELETE = _any


class WebServer(ThreadingHTTPServer):
    """It serves from a thread of its own on a free port of the loopback address."""

    daemon_threads = True
    answers = Answers

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), self.answers)
        self.folder, self.released = folder, threading.Event()
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Ends it."""
        self.released.set()
        self.shutdown()
        self.server_close()
