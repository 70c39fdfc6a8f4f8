"""A small HTTP server for recordings: /echo, /status/CODE, /slow/SECONDS, /sometimes/NAME (500 on the first request, then 200)."""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEPT = ("x-plain", "x-secret", "content-type")


class Answers(BaseHTTPRequestHandler):
    """Answers by the path alone; what it is asked twice it remembers."""

    protocol_version = "HTTP/1.1"
    seen: set[str] = set()

    def _answer(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length).decode()
        _, kind, *rest = self.path.split("/")
        value = rest[0] if rest else ""
        status = int(value) if kind == "status" else 200
        if kind == "slow":
            time.sleep(float(value))
        if kind == "sometimes" and self.path not in self.seen:
            self.seen.add(self.path)
            status = 500
        said = json.dumps(
            {"method": self.command, "path": self.path, "body": body,
             "headers": {name: self.headers[name] for name in KEPT if name in self.headers}}
        ).encode()  # fmt: skip
        try:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)
        except BrokenPipeError:
            self.close_connection = True  # the one who asked went away, as the slow path wants it

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _answer

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is written."""


def serve(host: str, port: int = 0) -> ThreadingHTTPServer:
    """A server in a thread of its own; its port is `server_address[1]`."""
    server = ThreadingHTTPServer((host, port), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


if __name__ == "__main__":
    print(serve(sys.argv[1], int(sys.argv[2])).server_address, flush=True)
    threading.Event().wait()
