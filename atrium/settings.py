"""All settings in one table: environment, command line, `.env.example` and docs come from it."""

import os
import re
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from atrium.errors import SettingInvalid

CHECKOUT = Path(__file__).resolve().parent.parent
LARGEST_PORT = 65535
DOOR_HOST = re.compile("[A-Za-z0-9.-]+")
SECRET_PART = re.compile(r"://[^@/]*@")  # of an address: user and password
WEB = (("http", "https"), "https://host:port")
# setting -> the schemes that it may have, and an example
ADDRESSES: dict[str, tuple[tuple[str, ...], str]] = {
    "content_url": (("http", "https"), "https://*.demos.example.com"),
    "database_url": (("sqlite", "postgresql"), "postgresql+psycopg://user@host/atrium"),
    "argo_url": WEB,
    "mlflow_url": WEB,
    "triton_url": WEB,
    "prometheus_url": WEB,
    "oidc_issuer": WEB,
    "openlineage_url": WEB,
    "object_store_url": (("s3",), "s3://bucket/prefix"),
    "object_store_endpoint": WEB,
    "redis_url": (("redis", "rediss"), "redis://host:6379/0"),
}
# seams whose other end cannot be set yet; refused, for a setting without effect would be a lie
EMBEDDED_ONLY = frozenset({"mlflow_url", "triton_url", "oidc_issuer"})
# variables with our prefix that steps get or tests use
NOT_SETTINGS = frozenset(
    {
        "ATRIUM_URL",
        "ATRIUM_PROJECT",
        "ATRIUM_RUN",
        "ATRIUM_DATA",
        "ATRIUM_TOKEN_FILE",
        "ATRIUM_TEST_ARGO",
        "ATRIUM_TEST_ASSETS",
    }
)


class Settings(BaseSettings):
    """Every setting is an environment variable `ATRIUM_<NAME>`; an empty address means the embedded default."""

    model_config = SettingsConfigDict(
        env_prefix="ATRIUM_", env_file=CHECKOUT / ".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    home: Path = Field(
        CHECKOUT / ".atrium", description="Folder of all state; two homes and two ports make two instances"
    )
    bind: str = Field("127.0.0.1", description="Address that the front door binds to")
    port: int = Field(8080, ge=1, le=65534, description="Port of the front door")
    content_port: int = Field(
        0, ge=0, le=65535, description="Port of demos and reports; 0 means the front door's plus one"
    )
    public_host: str = Field("localhost", description="Host name under which people reach the front door")
    content_url: str = Field("", description="Wildcard address of the content port where it is not this machine")
    tls_cert: Path | None = Field(None, description="Certificate file (PEM) of the front door")
    tls_key: Path | None = Field(None, description="Key file (PEM) of the front door's certificate")
    admin_password: SecretStr | None = Field(
        None, description="Administrator's first password; else generated and shown once"
    )
    replicas: str = Field(
        "",
        description="Front doors of all replicas, host:port with commas between, or a name that has all their addresses; empty means there is one",
    )
    keys_from: Path | None = Field(
        None,
        description="Folder of the keys that every replica takes at its first start; empty means that the home makes its own",
    )
    database_url: str = Field(
        "",
        description="PostgreSQL of our own state, postgresql+psycopg://user@host/name; empty means SQLite in the home",
    )
    database_url_file: Path | None = Field(
        None, description="File that holds that address with its password, instead of `ATRIUM_DATABASE_URL`"
    )
    argo_url: str = Field("", description="Argo Server's address; empty means the embedded workflow server")
    argo_checked: bool = Field(
        True,
        description="Check the certificate of the Argo Server at ATRIUM_ARGO_URL; its own, made at its start, cannot be",
    )
    data_claim: str = Field(
        "",
        description="Volume claim in each project's namespace by which steps on the cluster reach its data; empty means they do not",
    )
    image_registry: str = Field(
        "",
        description="Private registry that keeps the images of steps on the cluster, host:port; empty means their own",
    )
    pull_secret: str = Field(
        "",
        description="Secret in each project's namespace with which steps' images are pulled; empty means none is needed",
    )
    mlflow_url: str = Field(
        "", description="Address of an MLflow server with Atrium's plugin; empty means the embedded one"
    )
    object_store_url: str = Field(
        "", description="Object store (s3://bucket/prefix) of MLflow's artifacts; empty means a folder of the home"
    )
    object_store_endpoint: str = Field(
        "", description="Address of an S3 that is not Amazon's, https://host:port; empty means Amazon's"
    )
    object_store_url_file: Path | None = Field(
        None,
        description="File of the object store's keys, as ~/.aws/credentials; empty means what AWS' own programs find",
    )
    redis_url: str = Field("", description="Redis of online features, redis://host:6379/0; empty means SQLite")
    redis_url_file: Path | None = Field(
        None, description="File that holds that address with its password, instead of `ATRIUM_REDIS_URL`"
    )
    triton_url: str = Field("", description="Triton's HTTP address; empty means the embedded Triton")
    prometheus_url: str = Field(
        "", description="Prometheus' address; empty means one started here, or the built-in sampler"
    )
    prometheus_token: SecretStr | None = Field(None, description="Bearer token that Prometheus asks for, if it does")
    alert_latency_ms: float = Field(
        1000.0, gt=0, description="Milliseconds that 95 of 100 requests to a service may take before its alert fires"
    )
    alert_disk_free_share: float = Field(
        0.1, gt=0, lt=1, description="Share of the home's disk that must be free, else its alert fires"
    )
    oidc_issuer: str = Field("", description="OpenID Connect issuer of sign-in; empty means local accounts")
    openlineage_url: str = Field(
        "", description="OpenLineage endpoint to forward lineage to; empty means the own store only"
    )
    session_hours: float = Field(12.0, gt=0, le=720, description="Hours after which an unused session ends")
    step_slots: int = Field(
        0, ge=0, description="Workflow steps that run at once; 0 means what the machine's cores allow"
    )
    steps_without_sandbox: bool = Field(
        False, description="Run steps unprotected where no sandbox works on this machine"
    )
    parallelism: int = Field(0, ge=0, description="Workflows that run at once on the embedded server; 0 means no limit")
    namespace_parallelism: int = Field(
        0, ge=0, description="Workflows that run at once in each project that has no limit of its own; 0 means no limit"
    )
    warm_python: bool = Field(
        True,
        description="Fork steps from a warm interpreter into their sandboxes, some of which are made ahead, where the platform runs as root",
    )
    step_log_mib: int = Field(
        256, ge=1, le=65536, description="Most that is kept of a step's output, in MiB; what follows is left out"
    )
    step_disk_gib: float = Field(
        20.0, gt=0, description="Most that the files of a step's own folders may take, in GiB; a step over it is ended"
    )
    images_exact: bool = Field(False, description="Refuse an image that a registered one only stands for inexactly")
    power_safe: bool = Field(False, description="Flush to disk at each transition, so that power loss loses nothing")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severity that logs hold")

    @field_validator(*ADDRESSES)
    @classmethod
    def _is_an_address(cls, value: str, info: ValidationInfo) -> str:
        if value and info.field_name in EMBEDDED_ONLY:
            raise ValueError("it stays empty in this version")
        schemes = ADDRESSES[str(info.field_name)][0]
        parts = urlsplit(value)
        if value and (parts.scheme.partition("+")[0] not in schemes or not (parts.netloc or parts.path)):
            raise ValueError(f"its scheme is one of {', '.join(schemes)}")
        return value

    @field_validator("bind")
    @classmethod
    def _is_an_ip_address(cls, value: str) -> str:
        return str(ip_address(value))

    @field_validator("public_host")
    @classmethod
    def _is_a_host(cls, value: str) -> str:
        if not value or not all(letter.isalnum() or letter in "-." for letter in value):
            raise ValueError("a host name without scheme and port")
        return value

    @field_validator("replicas")
    @classmethod
    def _are_doors(cls, value: str) -> str:
        for host, port in addresses_in(value):
            if not DOOR_HOST.fullmatch(host) or not port.isdecimal() or not 0 < int(port) < LARGEST_PORT:
                raise ValueError("host:port, with commas between")
        return value

    @model_validator(mode="after")
    def _replicas_speak_http(self) -> "Settings":
        if self.replicas and self.tls_cert:
            raise ValueError(
                "ATRIUM_REPLICAS and ATRIUM_TLS_CERT exclude each other: TLS ends before replicas, in what leads to them"
            )
        return self

    @model_validator(mode="after")
    def _tls_is_whole(self) -> "Settings":
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("ATRIUM_TLS_CERT and ATRIUM_TLS_KEY must be set together")
        return self

    @model_validator(mode="after")
    def _ports_differ(self) -> "Settings":
        if self.content_port == self.port or self.content_port_or_next > LARGEST_PORT:
            raise ValueError(
                f"ATRIUM_PORT is {self.port} and ATRIUM_CONTENT_PORT {self.content_port_or_next}: two ports from 1 to {LARGEST_PORT}"
            )
        return self

    @property
    def database(self) -> str:
        """Address of our own state, with its password; empty means SQLite in the home. Raises `SettingInvalid`."""
        return _address_with_secret("database_url", self.database_url, self.database_url_file)

    @property
    def redis(self) -> str:
        """Address of the Redis of online features, with its password; empty means SQLite. Raises `SettingInvalid`."""
        return _address_with_secret("redis_url", self.redis_url, self.redis_url_file)

    @property
    def content_port_or_next(self) -> int:
        """Port of the content listener: the set one, else the front door's plus one."""
        return self.content_port or self.port + 1

    @property
    def scheme(self) -> str:
        """`https` where a certificate is set, else `http`."""
        return "https" if self.tls_cert else "http"

    @property
    def public_url(self) -> str:
        """Address of the front door as people type it, without a slash at the end."""
        return f"{self.scheme}://{self.public_host}:{self.port}"

    @property
    def local_url(self) -> str:
        """Address of the front door from this machine (steps, demos, checks), without a slash at the end.

        Plain HTTP with TLS too: the door takes it from this machine alone, so that no step needs the certificate's name.
        """
        host = "127.0.0.1" if self.bind in ("0.0.0.0", "::", "127.0.0.1") else self.bind  # noqa: S104  compared, not bound
        return f"http://{host}:{self.port}"

    @property
    def content_hosts(self) -> str:
        """Origins of all items on the content port, with a star for the item's own name."""
        if self.content_url:
            scheme, _, rest = self.content_url.rstrip("/").partition("://")
            return f"{scheme}://*.{rest.removeprefix('*.')}"
        return f"{self.scheme}://*.localhost:{self.content_port_or_next}"

    def content_address(self, item: str, project: str) -> str:
        """Address of an item on the content port: a host name of its own, with a slash at the end."""
        return self.content_hosts.replace("*", f"{item}--{project}", 1) + "/"


def addresses_in(text: str) -> list[tuple[str, str]]:
    """Hosts and ports of a list `host:port,host:port`."""
    pairs = [one.strip().rpartition(":") for one in text.split(",") if one.strip()]
    return [(host, port) for host, _, port in pairs]


def _address_with_secret(name: str, address: str, file: Path | None) -> str:
    setting = f"ATRIUM_{name.upper()}"
    if file is None:
        return address
    if address:
        raise SettingInvalid(f"{setting} and {setting}_FILE are both set", "one of them", f"unset {setting}")
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingInvalid(
            f"{setting}_FILE is {str(file)!r}: {error}", f"a file that holds an address like {ADDRESSES[name][1]}",
            "mend the path, or its rights",
        ) from error  # fmt: skip


def allowed_values(name: str) -> str:
    """What the setting `name` (a field of `Settings`) may be, in words."""
    field = Settings.model_fields[name]
    bounds = {type(one).__name__: one for one in field.metadata}
    low, high, above = (getattr(bounds.get(kind), kind.lower(), None) for kind in ("Ge", "Le", "Gt"))
    span = f" of at least {low}" if low is not None else f" over {above}" if above is not None else ""
    span += f"{' and' if span else ' of'} at most {high}" if high is not None else ""
    if field.annotation is bool:
        return "true or false (also 1 or 0, yes or no)"
    if field.annotation in (int, float):
        return ("a whole number" if field.annotation is int else "a number") + span
    if get_origin(field.annotation) is Literal:
        return "one of " + ", ".join(get_args(field.annotation))
    if name in EMBEDDED_ONLY:
        return "empty: this version has the embedded one only"
    if name in ADDRESSES:
        return f"empty, or an address like {ADDRESSES[name][1]}"
    return {
        "bind": "an IP address, like 127.0.0.1 or 0.0.0.0",
        "public_host": "a host name without scheme and port",
        "replicas": "empty, or like 10.0.0.1:8080,10.0.0.2:8080",
    }.get(name, "a path")


def _explain(error: ValidationError) -> SettingInvalid:
    first = error.errors()[0]
    if not first["loc"]:
        return SettingInvalid("the settings", first["msg"].removeprefix("Value error, "), "see docs/settings.md")
    field = str(first["loc"][0])
    name = f"ATRIUM_{field.upper()}"
    shown = "***" if "PASSWORD" in name or "TOKEN" in name else SECRET_PART.sub("://***@", repr(first.get("input")))
    told = f"{allowed_values(field)} ({Settings.model_fields[field].description})"
    return SettingInvalid(
        f"setting {name} is {shown}", told, f"change or unset {name}; docs/settings.md lists every setting"
    )


def unknown_settings() -> list[str]:
    """Variables that look like settings and are none, for a typing error leaves a default in force without a word."""
    known = {f"ATRIUM_{name.upper()}" for name in Settings.model_fields}
    return sorted(name for name in os.environ if name.startswith("ATRIUM_") and name not in known | NOT_SETTINGS)


@lru_cache
def get_settings() -> Settings:
    """The process's settings, read once from the environment and `.env`.

    Raises:
        SettingInvalid: names the variable, its value, what is allowed.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise _explain(error) from None
