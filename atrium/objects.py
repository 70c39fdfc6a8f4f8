"""An object store (S3) in place of folders, where the settings name one."""

import configparser
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from atrium.errors import SettingInvalid, Unavailable
from atrium.settings import get_settings

if TYPE_CHECKING:
    from pyarrow.fs import S3FileSystem

CONNECT_SECONDS, REQUEST_SECONDS = 5, 30
REFUSALS = ("ACCESS_DENIED", "INVALID_ACCESS_KEY_ID", "SIGNATURE", "NO_SUCH_BUCKET", "INVALID_CLIENT_TOKEN_ID", "HTTP status 403",
            "HTTP status 404")  # fmt: skip


class ObjectStoreSilent(Unavailable):
    """The object store cannot be reached."""


class ObjectStoreRefuses(Unavailable):
    """The object store answers, and denies what must be done there."""


@dataclass(frozen=True)
class ObjectStore:
    """A bucket, and the part of it that is ours."""

    files: "S3FileSystem"
    bucket: str
    prefix: str
    endpoint: str

    @property
    def shown(self) -> str:
        """Where it is, without keys."""
        return f"s3://{self.bucket}/{self.prefix} at {self.endpoint or 'Amazon S3'}"

    def path(self, *parts: str) -> str:
        """The bucket and an object's key, as `files` takes them."""
        return "/".join(part.strip("/") for part in (self.bucket, self.prefix, *parts) if part.strip("/"))

    @contextmanager
    def in_words(self, doing: str) -> Iterator[None]:
        """Turns what the store refuses inside the block into words: `ObjectStoreRefuses`, `ObjectStoreSilent`."""
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            said = " ".join(str(error).split())[:400]
            if any(word in said for word in REFUSALS):
                raise ObjectStoreRefuses(
                    f"{doing} in {self.shown} is denied: {said}",
                    "a bucket that is there, whose keys may list it, and read, write and delete its objects",
                    "mend the bucket's policy, or the keys that ATRIUM_OBJECT_STORE_URL_FILE holds; docs/storage.md tells how",
                ) from error
            raise ObjectStoreSilent(
                f"{doing} in {self.shown} failed: {said}",
                "it must be reachable from here; what was written before is kept",
                "start it, or mend ATRIUM_OBJECT_STORE_ENDPOINT; nothing here must be restarted",
            ) from error

    def check(self) -> None:
        """Writes, reads and deletes one object. Raises `ObjectStoreRefuses`, `ObjectStoreSilent`; it names what was denied."""
        place, text = self.path(f".atrium-check-{secrets.token_hex(4)}"), b"written by Atrium to see whether it may"
        with self.in_words("writing"), self.files.open_output_stream(place) as out:
            out.write(text)
        with self.in_words("reading"), self.files.open_input_stream(place) as file:
            file.read()
        with self.in_words("deleting"):
            self.files.delete_file(place)


def _keys() -> dict[str, str]:
    """Keys and region of the file that the settings name, as AWS' own programs write it; none where they name no file."""
    file = get_settings().object_store_url_file
    if file is None:
        return {}
    read = configparser.ConfigParser()
    try:
        read.read_string(file.read_text())
        section = read["default"]
        found = {"access_key": section["aws_access_key_id"], "secret_key": section["aws_secret_access_key"]}
    except (OSError, UnicodeDecodeError, configparser.Error, KeyError) as error:
        raise SettingInvalid(
            f"ATRIUM_OBJECT_STORE_URL_FILE is {str(file)!r}, which cannot be read as keys ({type(error).__name__})",
            "a file with the lines [default], aws_access_key_id = … and aws_secret_access_key = …",
            "mend the path, its rights, or the file",
        ) from None
    more = {"session_token": "aws_session_token", "region": "region"}
    return found | {name: section[key] for name, key in more.items() if key in section}


@lru_cache
def object_store() -> ObjectStore | None:
    """The store that the settings name, None where they name none. Raises `SettingInvalid`."""
    settings = get_settings()
    if not settings.object_store_url:
        return None
    from pyarrow.fs import S3FileSystem

    place, endpoint = urlsplit(settings.object_store_url), urlsplit(settings.object_store_endpoint)
    options = {"region": "us-east-1"} | _keys()
    where = {"endpoint_override": endpoint.netloc, "scheme": endpoint.scheme} if endpoint.netloc else {}
    files = S3FileSystem(**options, **where, connect_timeout=CONNECT_SECONDS, request_timeout=REQUEST_SECONDS)
    return ObjectStore(files, place.netloc, place.path.strip("/"), settings.object_store_endpoint)
