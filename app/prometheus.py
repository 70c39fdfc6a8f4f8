"""`python -m app.prometheus`: becomes the machine's Prometheus, which scrapes the front door and answers only us.

Prometheus listens on no Unix socket, so it listens on a loopback port, over TLS, and lets in whoever shows the certificate whose
key is a file of mode 0600 in the home.
"""

import json
import os
import re
import shutil
import socket
import subprocess
from datetime import timedelta
from functools import lru_cache
from ipaddress import IPv4Address
from pathlib import Path

import requests
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import tenancy
from atrium.clock import now
from atrium.errors import Unavailable
from atrium.home import get_home
from atrium.metrics import own_prometheus_file
from atrium.settings import get_settings

ANSWER_SECONDS = 5.0
SCRAPE_SECONDS = 15
CERTIFICATE_DAYS = 3650
KEPT = ("15d", "512MB")
LOOPBACK = "127.0.0.1"


class ComponentSilent(Unavailable):
    """A component runs but does not answer as it should."""


def binary() -> str | None:
    """Path of the machine's `prometheus` (Debian's package), or None."""
    return shutil.which("prometheus")


def starts_here() -> bool:
    """Whether the supervisor runs one: where it is installed and the settings name no other."""
    return binary() is not None and not get_settings().prometheus_url


@lru_cache
def prometheus_version() -> str:
    """The version of the machine's Prometheus."""
    said = subprocess.run([binary() or "prometheus", "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"version (\S+)", said.stdout + said.stderr)
    return found[1] if found else "unknown"


def ask_prometheus() -> str:
    """Asks whether it is ready. Raises `ComponentSilent`."""
    step = f"see {get_home().logs}/prometheus.log"
    if not own_prometheus_file().exists():
        raise ComponentSilent("prometheus", "it has not said where it listens", step)
    said = json.loads(own_prometheus_file().read_text())
    try:
        answer = requests.get(
            f"{said['url']}/-/ready",
            cert=(said["certificate"], said["key"]),
            verify=said["certificate"],
            timeout=ANSWER_SECONDS,
        )
    except requests.RequestException as error:
        raise ComponentSilent(f"prometheus at {said['url']}", f"it did not answer: {error}", step) from error
    if not answer.ok:
        raise ComponentSilent(f"prometheus at {said['url']}", f"it answered {answer.status_code}", step)
    return f"GET {said['url']}/-/ready answered {answer.status_code}"


def make_certificate() -> tuple[Path, Path]:
    """A certificate for loopback that is its own authority, for server and client alike, and its key; made once."""
    certificate, key = get_home().keys / "prometheus.pem", get_home().keys / "prometheus.key"
    if certificate.exists() and key.exists():
        return certificate, key
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"atrium-{get_home().instance}")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - timedelta(minutes=5))
        .not_valid_after(now() + timedelta(days=CERTIFICATE_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(LOOPBACK))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .sign(private, hashes.SHA256())
    )
    private_bytes = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write_private(key, private_bytes)
    _write_private(certificate, made.public_bytes(serialization.Encoding.PEM))
    return certificate, key


def _write_private(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def scrape_configuration(token_file: Path) -> dict[str, object]:
    """Prometheus' configuration: this platform's /metrics by a bearer token from a file."""
    settings = get_settings()
    address = settings.local_url.partition("://")[2]
    job: dict[str, object] = {
        "job_name": "atrium",
        "scheme": settings.scheme,
        "metrics_path": "/metrics",
        "authorization": {"type": "Bearer", "credentials_file": str(token_file)},
        "static_configs": [{"targets": [address]}],
    }
    if settings.tls_cert:
        job["tls_config"] = {"ca_file": str(settings.tls_cert), "server_name": settings.public_host}
    return {"global": {"scrape_interval": f"{SCRAPE_SECONDS}s", "scrape_timeout": "10s"}, "scrape_configs": [job]}


def prepare() -> list[str]:
    """Writes everything that Prometheus reads, and where it will listen; returns its command."""
    folder = get_home().root / "prometheus"
    folder.mkdir(mode=0o700, exist_ok=True)
    certificate, key = make_certificate()
    token = folder / "token"
    _write_private(token, tenancy.issue_metrics_token().encode())
    _write_private(folder / "prometheus.yml", yaml.safe_dump(scrape_configuration(token)).encode())
    tls = {
        "cert_file": str(certificate), "key_file": str(key), "client_ca_file": str(certificate),
        "client_auth_type": "RequireAndVerifyClientCert",
    }  # fmt: skip
    _write_private(folder / "web.yml", yaml.safe_dump({"tls_server_config": tls}).encode())
    port = _free_port()
    said = {"url": f"https://{LOOPBACK}:{port}", "certificate": str(certificate), "key": str(key)}
    own_prometheus_file().write_text(json.dumps(said))
    return [
        binary() or "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
        f"--web.config.file={folder}/web.yml", f"--web.listen-address={LOOPBACK}:{port}", "--log.level=warn",
        f"--storage.tsdb.retention.time={KEPT[0]}", f"--storage.tsdb.retention.size={KEPT[1]}",
    ]  # fmt: skip


def main() -> None:
    """Becomes Prometheus."""
    command = prepare()
    os.umask(0o077)
    os.execv(command[0], command)  # noqa: S606  becomes it


if __name__ == "__main__":
    main()
