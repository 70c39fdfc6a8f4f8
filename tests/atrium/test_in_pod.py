"""What a Python of a cluster's step finds: the run's token where the platform gives one, its words where it does not."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

SHOWS = (
    "import os, json; print(json.dumps({k: v for k, v in os.environ.items() if k.startswith(('ATRIUM', 'MLFLOW'))}))"
)
LAUNCH = """
import sys
from pathlib import Path
from atrium import in_pod
in_pod.ACCOUNT, in_pod.TOKEN = Path(sys.argv[1]), Path(sys.argv[2])
sys.argv = sys.argv[2:]
in_pod.main()
"""


@contextmanager
def platform(status: int, body: object, seen: list[str]) -> Iterator[str]:
    """A server in the platform's place, which keeps what was shown to it."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(f"{self.path} {self.headers['Authorization']}")
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def started(tmp_path: Path, url: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """A program started as the image's `python` starts it."""
    (tmp_path / "account").write_text("pods-own\n")
    environment = {"PATH": os.environ["PATH"], "ATRIUM_URL": url, "ATRIUM_HOME": "/home", **more}
    words = [
        sys.executable,
        "-c",
        LAUNCH,
        str(tmp_path / "account"),
        str(tmp_path / "token"),
        sys.executable,
        "-c",
        SHOWS,
    ]
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60)


def test_a_step_finds_what_a_step_on_one_machine_finds(tmp_path: Path) -> None:
    seen: list[str] = []
    with platform(200, {"project": "flights", "run": "run-1", "token": "secret"}, seen) as url:
        made = started(tmp_path, url, ARGO_NODE_ID="n")
    assert seen == ["/auth/run-token Bearer pods-own"]
    found = json.loads(made.stdout)
    assert (found["ATRIUM_PROJECT"], found["ATRIUM_RUN"], found["MLFLOW_TRACKING_TOKEN"]) == (
        "flights",
        "run-1",
        "secret",
    )
    assert (found["MLFLOW_TRACKING_URI"], found["ATRIUM_DATA"]) == (f"{url}/mlflow", "/home/projects/flights/data")
    token = Path(found["ATRIUM_TOKEN_FILE"])
    assert (token.read_text(), token.stat().st_mode & 0o777) == ("secret", 0o600)


@pytest.mark.parametrize("more", [{}, {"ARGO_NODE_ID": "n", "ATRIUM_TOKEN_FILE": "/own"}])
def test_elsewhere_python_starts_as_it_is(tmp_path: Path, more: dict[str, str]) -> None:
    seen: list[str] = []
    with platform(200, {}, seen) as url:
        made = started(tmp_path, url, **more)
    assert (seen, "ATRIUM_RUN" in json.loads(made.stdout)) == ([], False)


def test_a_refused_step_ends_with_the_platforms_words(tmp_path: Path) -> None:
    with platform(403, {"message": "no pod of a run"}, []) as url:
        made = started(tmp_path, url, ARGO_NODE_ID="n")
    assert made.returncode == 1 and "no pod of a run" in made.stderr and not made.stdout
