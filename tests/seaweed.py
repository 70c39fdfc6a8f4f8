"""An S3 server of the tests' own: SeaweedFS from its wheel, with a bucket and two users."""

import json
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pyarrow.fs import S3FileSystem

SECRET = "a-long-secret-key"
START_SECONDS = 120
GRPC = 10_000  # each of its servers has a second port, that much higher


@dataclass
class Seaweed:
    """The running server; `atrium` may do everything in the bucket `atrium`, `reader` may only read."""

    folder: Path
    port: int

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def keys(self, user: str, secret: str = SECRET) -> Path:
        """A file of a user's keys, as AWS' own programs write it."""
        path = self.folder / f"{user}-{secret}.ini"
        path.write_text(f"[default]\naws_access_key_id = {user}\naws_secret_access_key = {secret}\n")
        return path

    def settings(self, user: str, bucket: str = "atrium", secret: str = SECRET) -> dict[str, str]:
        """The environment that names it."""
        return {"ATRIUM_OBJECT_STORE_URL": f"s3://{bucket}/ours", "ATRIUM_OBJECT_STORE_ENDPOINT": self.endpoint,
                "ATRIUM_OBJECT_STORE_URL_FILE": str(self.keys(user, secret))}  # fmt: skip

    def files(self) -> S3FileSystem:
        """What a look from outside sees."""
        return S3FileSystem(access_key="boss", secret_key=SECRET, region="us-east-1", endpoint_override=f"127.0.0.1:{self.port}",
                            scheme="http", allow_bucket_creation=True)  # fmt: skip


def _free_ports(count: int) -> list[int]:
    while True:
        ports = random.sample(range(20_000, 30_000), count)
        try:
            for port in ports:
                for one in (port, port + GRPC):
                    with socket.socket() as probe:
                        probe.bind(("127.0.0.1", one))
        except OSError:
            continue
        return ports


def _make_bucket(made: Seaweed, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            made.files().create_dir("atrium")
            with made.files().open_output_stream("atrium/first") as out:
                out.write(b"x")
            return
        except OSError:
            assert process.poll() is None, (made.folder / "log").read_text()[-3000:]
            assert time.monotonic() < deadline, (made.folder / "log").read_text()[-3000:]
            time.sleep(0.2)


@contextmanager
def running_seaweed(folder: Path) -> Iterator[Seaweed]:
    """A server in `folder`, ended with the block."""
    master, volume, filer, s3 = _free_ports(4)
    users = {
        "boss": ["Admin"],
        "atrium": ["Read:atrium", "Write:atrium", "List:atrium"],
        "reader": ["Read:atrium", "List:atrium"],
    }
    identities = [
        {"name": name, "credentials": [{"accessKey": name, "secretKey": SECRET}], "actions": may} for name, may in users.items()
    ]  # fmt: skip
    (folder / "s3.json").write_text(json.dumps({"identities": identities}))
    (folder / "data").mkdir()
    program = Path(sys.executable).parent / "weed"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-master.port={master}",
             f"-volume.port={volume}", f"-filer.port={filer}", "-s3", f"-s3.port={s3}", f"-s3.config={folder / 's3.json'}",
             "-s3.port.iceberg=0", "-s3.port.lance=0",
             "-master.telemetry=false", "-master.volumeSizeLimitMB=64", "-volume.max=20"],
            stdout=log, stderr=log, cwd=folder,
        )  # fmt: skip
    try:
        made = Seaweed(folder, s3)
        _make_bucket(made, process)
        yield made
    finally:
        process.kill()
        process.wait(20)
