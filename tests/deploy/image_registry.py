"""A private registry on loopback (Debian's docker-registry) that asks for a password, and small images to carry."""

import gzip
import hashlib
import io
import json
import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

USER, WORD = "site", "carried"
HASHED = "$2b$04$Rng/zyJ/bmHV1ti5/612KOg89ppk4TWWQfGMfix5ThLG7s6A66rCm"  # of WORD
HERE = all(shutil.which(one) for one in ("skopeo", "docker-registry"))
KUBECTL = bool(shutil.which("kubectl"))
REASON = "images are carried where skopeo and docker-registry are on the path"
START_SECONDS = 60.0
CONFIG = """
version: 0.1
storage: {{filesystem: {{rootdirectory: {root}/kept}}}}
http: {{addr: "127.0.0.1:{port}"}}
auth: {{htpasswd: {{realm: site, path: {root}/users}}}}
"""


@dataclass(frozen=True)
class PrivateRegistry:
    """Its address, and the file of its credentials."""

    address: str
    authfile: Path

    def digest(self, name: str) -> str:
        """The digest that it answers for NAME:TAG."""
        path, _, tag = name.rpartition(":")
        types = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
        url = f"http://{self.address}/v2/{path}/manifests/{tag}"
        answer = httpx.head(url, auth=(USER, WORD), headers={"Accept": types}, timeout=60)
        return str(answer.headers.get("docker-content-digest", answer.status_code))


@contextmanager
def private_registry(folder: Path) -> Iterator[PrivateRegistry]:
    """The registry, running."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "users").write_text(f"{USER}:{HASHED}\n")
    (folder / "config.yml").write_text(CONFIG.format(root=folder, port=port))
    running = subprocess.Popen(
        ["docker-registry", "serve", folder / "config.yml"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        address, authfile = f"127.0.0.1:{port}", folder / "auth.json"
        until_answers(address)
        login = [
            "skopeo",
            "login",
            "--tls-verify=false",
            "--authfile",
            authfile,
            "-u",
            USER,
            "--password-stdin",
            address,
        ]
        subprocess.run(login, input=WORD, text=True, check=True, capture_output=True, timeout=60)
        yield PrivateRegistry(address, authfile)
    finally:
        running.terminate()
        running.wait(30)


def until_answers(address: str) -> None:
    """Until the registry answers at all."""
    due = time.monotonic() + START_SECONDS
    while time.monotonic() < due:
        with suppress(httpx.TransportError):
            httpx.get(f"http://{address}/v2/", timeout=10)
            return
        time.sleep(0.1)
    raise AssertionError(f"no registry at {address} within {START_SECONDS:.0f} s")


def small_image(folder: Path, says: str) -> str:
    """Writes an image of one small file as `dir:` keeps it, and returns its manifest's digest."""
    folder.mkdir(parents=True)
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        entry = tarfile.TarInfo("says")
        entry.size = len(says)
        archive.addfile(entry, io.BytesIO(says.encode()))
    config = {"architecture": "amd64", "os": "linux", "config": {},
              "rootfs": {"type": "layers", "diff_ids": [_sha(plain.getvalue())]}}  # fmt: skip
    parts = {"config": json.dumps(config).encode(), "layer": gzip.compress(plain.getvalue(), mtime=0)}
    for content in parts.values():
        (folder / _sha(content).removeprefix("sha256:")).write_bytes(content)
    kinds = {"config": "config.v1+json", "layer": "layer.v1.tar+gzip"}
    listed = {
        key: {"mediaType": f"application/vnd.oci.image.{kinds[key]}", "digest": _sha(content), "size": len(content)}
        for key, content in parts.items()
    }
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": listed["config"],
                "layers": [listed["layer"]]}  # fmt: skip
    text = json.dumps(manifest).encode()
    (folder / "manifest.json").write_bytes(text)
    (folder / "version").write_text("Directory Transport Version: 1.1\n")
    return _sha(text)


def _sha(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
