"""Keys in files of mode 0600, made when first needed."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from atrium.home import get_home

RANDOM_BYTES = 32
NONCE_BYTES = 12


def key_file(name: str, make: Callable[[], bytes] = lambda: secrets.token_bytes(RANDOM_BYTES)) -> Path:
    """Path of the key `name` in the home; `make` gives its bytes where it is missing; two makers agree on one."""
    path = get_home().keys / name
    if not path.exists():
        fresh = path.with_name(f".{name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(make())
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass  # another process was first: its key holds
        finally:
            fresh.unlink()
    return path


def key(name: str) -> bytes:
    """The bytes of the random 32-byte key `name`."""
    return key_file(name).read_bytes()


def seal(value: bytes, bound_to: str) -> bytes:
    """`value` encrypted (AES-256-GCM) with the home's master key; it opens only for the object that it is bound to."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key("master.key")).encrypt(nonce, value, bound_to.encode())


def unseal(sealed: bytes, bound_to: str) -> bytes:
    """What `seal` was given. Raises cryptography's InvalidTag where key, text or object are others."""
    nonce, text = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    return AESGCM(key("master.key")).decrypt(nonce, text, bound_to.encode())
