"""All settings in one table: environment, command line, `.env.example` and docs come from it."""

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from atrium.errors import SettingInvalid

CHECKOUT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Every setting is an environment variable `ATRIUM_<NAME>`; an empty address means the embedded default."""

    model_config = SettingsConfigDict(env_prefix="ATRIUM_", env_file=CHECKOUT / ".env", extra="ignore", frozen=True)

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
    database_url: str = Field("", description="SQLAlchemy address of our own state; empty means SQLite in the home")
    argo_url: str = Field("", description="Argo Server's address; empty means the embedded workflow server")
    mlflow_url: str = Field(
        "", description="Address of an MLflow server with Atrium's plugin; empty means the embedded one"
    )
    object_store_url: str = Field(
        "", description="Object store (s3://…) of artifacts and datasets; empty means local folders"
    )
    redis_url: str = Field("", description="Redis of online features; empty means SQLite")
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
    step_log_mib: int = Field(
        256, ge=1, le=65536, description="Most that is kept of a step's output, in MiB; what follows is left out"
    )
    step_disk_gib: float = Field(
        20.0, gt=0, description="Most that the files of a step's own folders may take, in GiB; a step over it is ended"
    )
    images_exact: bool = Field(False, description="Refuse an image that a registered one only stands for inexactly")
    power_safe: bool = Field(False, description="Flush to disk at each transition, so that power loss loses nothing")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severity that logs hold")

    @model_validator(mode="after")
    def _tls_is_whole(self) -> "Settings":
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("ATRIUM_TLS_CERT and ATRIUM_TLS_KEY must be set together")
        return self

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
        """Address of the front door from this machine (steps, demos, checks), without a slash at the end."""
        host = "127.0.0.1" if self.bind in ("0.0.0.0", "::", "127.0.0.1") else self.bind  # noqa: S104  compared, not bound
        return f"{self.scheme}://{host}:{self.port}"

    def content_address(self, item: str, project: str) -> str:
        """Address of an item on the content port: a host name of its own, with a slash at the end."""
        if self.content_url:
            scheme, _, rest = self.content_url.rstrip("/").partition("://")
            return f"{scheme}://{item}--{project}.{rest.removeprefix('*.')}/"
        return f"{self.scheme}://{item}--{project}.localhost:{self.content_port_or_next}/"


def _explain(error: ValidationError) -> SettingInvalid:
    first = error.errors()[0]
    name = "ATRIUM_" + str(first["loc"][0]).upper() if first["loc"] else "the settings"
    field = Settings.model_fields.get(str(first["loc"][0])) if first["loc"] else None
    allowed = first["msg"] + (f" ({field.description})" if field and field.description else "")
    shown = (
        "***" if "PASSWORD" in name or "TOKEN" in name else repr(first.get("input") if first["loc"] else "both or none")
    )
    return SettingInvalid(
        f"setting {name} is {shown}", allowed, f"change or unset {name}; docs/settings.md lists every setting"
    )


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
