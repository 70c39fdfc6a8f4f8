"""Kubeconfigs as people have them."""

import base64
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from atrium.clock import now


def certificate() -> tuple[str, str]:
    """A certificate of its own, and its key, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lab")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(7).not_valid_before(now()).not_valid_after(now().replace(year=now().year + 1))
    pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem, key.private_bytes(*form).decode()


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


CERTIFICATE, KEY = certificate()


def config(cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None, context: str = "lab") -> str:
    given = {"server": "https://127.0.0.1:6443/", "certificate-authority-data": in_base64(CERTIFICATE)} | (
        cluster or {}
    )
    return yaml.safe_dump(
        {
            "current-context": context, "contexts": [{"name": "lab", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": given}], "users": [{"name": "u", "user": user or {"token": "hush"}}],
        }
    )  # fmt: skip
