"""Keys under a passphrase: scrypt makes a key of it, AES-256-GCM seals the bytes."""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from atrium.errors import Invalid

SHORTEST_PASSPHRASE = 12
SALT_BYTES, NONCE_BYTES, KEY_BYTES = 16, 12, 32
COST, BLOCK, LANES = 2**15, 8, 1  # 32 MiB and about 0.1 s for each guess
PURPOSE = b"atrium backup keys 1"


class WrongPassphrase(Invalid):
    """The passphrase is too short, or not the one that sealed the backup."""


def _cipher(passphrase: str, salt: bytes) -> AESGCM:
    return AESGCM(Scrypt(salt, KEY_BYTES, COST, BLOCK, LANES).derive(passphrase.encode()))


def seal(passphrase: str, content: bytes) -> bytes:
    """Salt, nonce and the sealed bytes, one after the other. Raises `WrongPassphrase` for one of fewer than 12 characters."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise WrongPassphrase(
            f"a passphrase of {len(passphrase)} characters",
            f"at least {SHORTEST_PASSPHRASE}: it guards every secret of the platform",
            "take several random words, and keep them apart from the backup",
        )
    salt, nonce = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(NONCE_BYTES)
    return salt + nonce + _cipher(passphrase, salt).encrypt(nonce, content, PURPOSE)


def unseal(passphrase: str, sealed: bytes) -> bytes:
    """What `seal` was given. Raises `WrongPassphrase`."""
    salt, nonce, rest = sealed[:SALT_BYTES], sealed[SALT_BYTES:][:NONCE_BYTES], sealed[SALT_BYTES + NONCE_BYTES :]
    try:
        return _cipher(passphrase, salt).decrypt(nonce, rest, PURPOSE)
    except (InvalidTag, ValueError) as error:
        raise WrongPassphrase(
            "this passphrase",
            "the one that the backup was made with",
            "type it again; without it, restore with --without-keys and set secrets and tokens anew",
        ) from error
