"""The front door's certificate: checked before the door takes it, and taken again when its files change.

The settings name two files, which others renew in their own time. The door never reads them: a pair that fits together is
copied into one file (Envoy's secret discovery) that is replaced by rename, so that no half-written pair is ever served and
no connection is lost. A pair that cannot be used is refused in words, and the one before serves on.
"""

import base64
import json
import logging
import os
import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from app.door.envoy import TYPE, Config
from atrium.clock import now
from atrium.errors import SettingInvalid
from atrium.home import get_home
from atrium.jobs import Job
from atrium.settings import get_settings

EVERY_SECONDS = 1.0
NAME = "certificate"
RENEW = "renew it (certbot renew, or your own authority), then run make up again; a running door takes the new files by itself"
log = logging.getLogger(__name__)


class CertificateUnusable(SettingInvalid):
    """The files that ATRIUM_TLS_CERT and ATRIUM_TLS_KEY name cannot serve."""


@dataclass(frozen=True)
class Pair:
    """A certificate chain with its key, both in PEM; `names` are those that it is good for."""

    chain: bytes
    key: bytes
    not_before: datetime
    not_after: datetime
    names: tuple[str, ...]


def _read(setting: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateUnusable(
            f"setting {setting} is {str(path)!r} ({error.strerror})",
            f"a PEM file that user {os.getuid()} may read",
            f"correct {setting}, or the file's owner and mode",
        ) from error


def _check_mode(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise CertificateUnusable(
            f"key {str(path)!r} has mode {mode:04o}: others on this machine may read it",
            "a key is its owner's alone, mode 0600 or 0400",
            f"run chmod 600 '{path}'",
        )


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    addresses = [str(address) for address in found.get_values_for_type(x509.IPAddress)]
    return (*found.get_values_for_type(x509.DNSName), *addresses)


def read_pair(cert: Path, key: Path) -> Pair:
    """The pair in these two files, if it can serve now.

    Raises:
        CertificateUnusable: a file that is missing, unreadable or no PEM; a key that others may read, or of another
            certificate; a certificate that has expired or does not hold yet.
    """
    chain, secret = _read("ATRIUM_TLS_CERT", cert), _read("ATRIUM_TLS_KEY", key)
    _check_mode(key)
    try:
        leaf = x509.load_pem_x509_certificates(chain)[0]
    except ValueError as error:
        raise CertificateUnusable(
            f"setting ATRIUM_TLS_CERT is {str(cert)!r}, which holds no certificate",
            "PEM: -----BEGIN CERTIFICATE-----, the door's own first, then those that signed it",
            "name the certificate's file (certbot: fullchain.pem)",
        ) from error
    try:
        public = load_pem_private_key(secret, None).public_key()
    except (ValueError, TypeError) as error:
        raise CertificateUnusable(
            f"setting ATRIUM_TLS_KEY is {str(key)!r}, which holds no key that can be read",
            "a private key in PEM without a passphrase",
            "name the key's file (certbot: privkey.pem), or take the passphrase off with openssl pkey",
        ) from error
    shape = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if leaf.public_key().public_bytes(*shape) != public.public_bytes(*shape):
        raise CertificateUnusable(
            f"key {str(key)!r} does not belong to certificate {str(cert)!r}",
            "ATRIUM_TLS_CERT and ATRIUM_TLS_KEY name one pair",
            "name the two files that were made together",
        )
    pair = Pair(chain, secret, leaf.not_valid_before_utc, leaf.not_valid_after_utc, _names(leaf))
    _check_dates(cert, pair)
    return pair


def _check_dates(cert: Path, pair: Pair) -> None:
    moment = now()
    if moment >= pair.not_after:
        raise CertificateUnusable(
            f"certificate {str(cert)!r} expired on {pair.not_after:%Y-%m-%d %H:%M} UTC", "one that holds now", RENEW
        )
    if moment < pair.not_before:
        raise CertificateUnusable(
            f"certificate {str(cert)!r} holds from {pair.not_before:%Y-%m-%d %H:%M} UTC on, and it is {moment:%Y-%m-%d %H:%M} UTC",
            "one that holds now",
            "check this machine's clock (timedatectl), or wait",
        )


def configured_pair() -> Pair | None:
    """The pair that the settings name, or None without TLS. Raises `CertificateUnusable`."""
    settings = get_settings()
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    return read_pair(settings.tls_cert.expanduser(), settings.tls_key.expanduser())


def _inline(content: bytes) -> Config:
    return {"inline_bytes": base64.b64encode(content).decode()}


def _folder() -> Path:
    folder = get_home().door / "tls"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def write_certificate() -> bool:
    """Gives the door the pair that the settings name; False where it has it already. Raises `CertificateUnusable`."""
    pair = configured_pair()
    if pair is None:
        return False
    secret = {
        "@type": f"{TYPE}.extensions.transport_sockets.tls.v3.Secret",
        "name": NAME,
        "tls_certificate": {"certificate_chain": _inline(pair.chain), "private_key": _inline(pair.key)},
    }
    text = json.dumps({"resources": [secret]})
    path = _folder() / f"{NAME}.json"
    if path.exists() and path.read_text() == text:
        return False
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    os.replace(fresh, path)
    return True


def at_start() -> None:
    """Before the door starts: an unusable pair is told in the log, where the one taken last still serves.

    Raises:
        CertificateUnusable: and there is none taken before.
    """
    try:
        write_certificate()
    except CertificateUnusable as error:
        if not (_folder() / f"{NAME}.json").exists():
            raise
        log.warning("%s The certificate taken last serves on.", error)


def context() -> Config:
    """What a TLS listener says of its certificate: the file that `write_certificate` replaces."""
    folder = _folder()
    watch = {"path": str(folder / f"{NAME}.json"), "watched_directory": {"path": str(folder)}}
    secret = {"name": NAME, "sds_config": {"path_config_source": watch, "resource_api_version": "V3"}}
    return {"tls_certificate_sds_secret_configs": [secret], "alpn_protocols": ["h2", "http/1.1"]}


class Renewal:
    """Takes the pair's files anew when they changed; tells each trouble with them once."""

    def __init__(self) -> None:
        self.told = ""

    def __call__(self) -> None:
        """Looks once; where the files cannot serve, the pair before serves on."""
        trouble = ""
        try:
            if write_certificate():
                log.info("the front door took a renewed certificate")
        except CertificateUnusable as error:
            trouble = str(error)
        if trouble and trouble != self.told:
            log.warning("%s The certificate taken last serves on.", trouble)
        self.told = trouble


def jobs() -> list[Job]:
    """The worker's part: a renewed certificate is served within about a second."""
    return [Job("door.certificate", EVERY_SECONDS, Renewal())] if get_settings().tls_cert else []
