"""Keys in files of mode 0600, made when first needed."""

import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from atrium.errors import SettingInvalid
from atrium.home import get_home
from atrium.settings import get_settings

RANDOM_BYTES = 32
NONCE_BYTES = 12


def _random() -> bytes:
    return secrets.token_bytes(RANDOM_BYTES)


def _signing() -> bytes:
    """A key for ES256, as PEM."""
    from joserfc.jwk import ECKey

    return bytes(ECKey.generate_key("P-256").as_pem(private=True))


# what replicas must have alike, and how each is made: a session, a sealed text and an identity hold at every one
MAKERS: Mapping[str, Callable[[], bytes]] = {"identity.key": _random, "master.key": _random, "signing.pem": _signing}


def key_file(name: str, make: Callable[[], bytes] | None = None) -> Path:
    """Path of the key `name` in the home; where it is missing it is made, by `make` or as such keys are; two makers agree on one."""
    path = get_home().keys / name
    if not path.exists():
        fresh = path.with_name(f".{name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write((make or MAKERS[name])())
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


def make_keys() -> None:
    """Makes the home's keys where they are missing, or takes them from the folder that the settings name.

    Raises:
        SettingInvalid: one is missing there, or the home has another.
    """
    folder = get_settings().keys_from
    for name in MAKERS:
        if folder:
            _take(folder, name)
        else:
            key_file(name)


def _take(folder: Path, name: str) -> None:
    try:
        given = (folder / name).read_bytes()
    except OSError as error:
        raise SettingInvalid(
            f"setting ATRIUM_KEYS_FROM is {str(folder)!r}: {error}",
            f"a folder with the keys of one replica: {', '.join(MAKERS)}",
            "copy them from the folder `keys` of its home",
        ) from error
    if key_file(name, lambda: given).read_bytes() != given:
        raise SettingInvalid(
            f"key {name} in {folder} is another than this home's",
            "replicas have the same keys",
            f"start with an empty home, or put this home's keys ({get_home().keys}) there",
        )


def seal(value: bytes, bound_to: str) -> bytes:
    """`value` encrypted (AES-256-GCM) with the home's master key; it opens only for the object that it is bound to."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key("master.key")).encrypt(nonce, value, bound_to.encode())


def unseal(sealed: bytes, bound_to: str) -> bytes:
    """What `seal` was given. Raises cryptography's InvalidTag where key, text or object are others."""
    nonce, text = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    return AESGCM(key("master.key")).decrypt(nonce, text, bound_to.encode())
