"""Where newest values of features are: a file in the project's data folder, or the Redis that the settings name, one for all projects."""

import json
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from atrium.errors import Unavailable
from atrium.settings import SECRET_PART, get_settings

if TYPE_CHECKING:
    from redis.exceptions import RedisError

PORT, ANSWER_SECONDS = 6379, 5
REFUSALS = ("NOAUTH", "WRONGPASS", "NOPERM", "invalid username-password", "Authentication required")


class RedisSilent(Unavailable):
    """The Redis of online features cannot be reached."""


class RedisRefuses(Unavailable):
    """The Redis of online features answers, and denies or cannot do what is asked."""


def configuration(file: Path) -> dict[str, object]:
    """Feast's `online_store`: the Redis of the settings, else SQLite in `file`. Raises `SettingInvalid`."""
    address = get_settings().redis
    return (
        {"type": "redis", "connection_string": connection(address)}
        if address
        else {"type": "sqlite", "path": str(file)}
    )


def connection(address: str) -> str:
    """Feast's connection string (`host:port,name=value`) for `redis[s]://user:password@host:port/db?name=value`."""
    parts = urlsplit(address)
    values: dict[str, object] = {"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": ANSWER_SECONDS}
    values |= {"db": int(parts.path.strip("/") or 0), "ssl": parts.scheme == "rediss"}
    values |= {name: unquote(said) for name in ("username", "password") if (said := getattr(parts, name))}
    values |= {name: _typed(value) for name, value in parse_qsl(parts.query)}
    # Feast splits at commas before it reads each value as JSON
    told = [f"{name}={json.dumps(value)}".replace(",", "\\u002c") for name, value in values.items()]
    return ",".join([f"{parts.hostname}:{parts.port or PORT}", *told])


def _typed(text: str) -> object:
    return int(text) if text.isdecimal() else {"true": True, "false": False}.get(text.lower(), text)


def shown(address: str) -> str:
    """An address of Redis without its password."""
    return SECRET_PART.sub("://", address).partition("?")[0]


def in_words(error: "RedisError") -> Unavailable:
    """What Redis, or the way to it, said: `RedisRefuses` or `RedisSilent`."""
    from redis.exceptions import AuthenticationError, ConnectionError, ResponseError, TimeoutError

    place, said = shown(get_settings().redis), " ".join(str(error).split())[:300]
    refused = isinstance(error, AuthenticationError | ResponseError) or any(word in said for word in REFUSALS)
    if refused or not isinstance(error, ConnectionError | TimeoutError):
        return RedisRefuses(
            f"Redis of online features at {place}: {said}",
            "a Redis whose user may read and write the keys of its database",
            "mend the password that ATRIUM_REDIS_URL_FILE holds, or what Redis says; docs/storage.md tells how",
        )
    return RedisSilent(
        f"Redis of online features at {place} does not answer: {said}",
        "it must be reachable from here; what is in it stays",
        "start it, or mend ATRIUM_REDIS_URL; nothing here must be restarted",
    )


def check_online_store() -> str:
    """Asks the Redis of the settings, and says where it is; empty without one. Raises `RedisSilent`, `RedisRefuses`, `SettingInvalid`."""
    address = get_settings().redis
    if not address:
        return ""
    from redis import Redis
    from redis.exceptions import RedisError

    try:
        with Redis.from_url(address, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS) as asked:
            asked.ping()
    except RedisError as error:
        raise in_words(error) from error
    return shown(address)
