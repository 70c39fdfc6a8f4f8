"""The whole configuration of the front door: what is routed where, and by whose word."""

import json

from app.door.envoy import TYPE, Config, cluster, http_filter, listener, off, pipe, tcp
from app.door.rights import GRPC, JWT, NAME_FIELDS, SERVICE, watched
from atrium.home import get_home
from atrium.settings import get_settings
from tenancy import jwks

LARGEST_TENSOR_BYTES = 64 * 1024 * 1024
REQUESTS_PER_SECOND = 20_000
STREAM_IDLE = "3600s"
UNAVAILABLE = 503
AUTHZ, LIMIT, BUFFER, COMPRESS = (
    f"envoy.filters.http.{name}" for name in ("ext_authz", "local_ratelimit", "buffer", "compressor")
)
INFERENCE_ONLY = (JWT, GRPC, "revoked", "projects", LIMIT, BUFFER)
PLAIN = ("gate", "api", "portal", "demos", "argo", "mlflow", "feast", "triton-http")
ASKED = ("cookie", "authorization", "accept", "accept-language", "origin", "upgrade", "sec-fetch-site", "x-forwarded-proto",
         "x-mlflow-workspace", "user-agent")  # fmt: skip
COMPRESSED = ("text/html", "text/css", "text/javascript", "application/javascript", "application/json", "image/svg+xml")


def _exact(*names: str) -> Config:
    return {"patterns": [{"exact": name} for name in names]}


def _ask_gate(prefix: str) -> Config:
    service = {
        "server_uri": {"uri": "http://gate", "cluster": "gate", "timeout": "5s"},
        "path_prefix": prefix,
        "authorization_response": {
            "allowed_upstream_headers": _exact("x-atrium-identity"),
            "allowed_client_headers": _exact(
                "location", "set-cookie", "content-type", "www-authenticate", "cache-control"
            ),
            "allowed_client_headers_on_success": _exact("set-cookie"),
        },
    }
    return http_filter(
        AUTHZ,
        "ext_authz.v3.ExtAuthz",
        http_service=service,
        allowed_headers=_exact(*ASKED),
        status_on_error={"code": "ServiceUnavailable"},
    )


def _jwt() -> Config:
    provider = {
        "issuer": "atrium",
        "audiences": ["api", "run", "content"],
        "payload_in_metadata": "jwt",
        "jwt_cache_config": {"jwt_cache_size": 1000},  # a signature is checked once; expiry and revocation each time
        "local_jwks": {"inline_string": json.dumps(jwks())},
        "require_expiration": True,
        "clock_skew_seconds": 1,
        "from_headers": [{"name": "Authorization", "value_prefix": "Bearer "}],
    }
    rules = [{"match": {"prefix": "/"}, "requires": {"provider_name": "own"}}]
    return http_filter(JWT, "jwt_authn.v3.JwtAuthentication", providers={"own": provider}, rules=rules)


def _inference_filters() -> list[Config]:
    extractions: Config = {
        f"{SERVICE}.{method}": {"request_field_extractions": {field: {}}} for method, field in NAME_FIELDS.items()
    }
    bucket = {"max_tokens": REQUESTS_PER_SECOND, "tokens_per_fill": REQUESTS_PER_SECOND, "fill_interval": "1s"}
    always = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    return [
        _jwt(),
        http_filter(
            GRPC,
            "grpc_field_extraction.v3.GrpcFieldExtractionConfig",
            descriptor_set={"filename": str(get_home().door / "kserve.pb")},
            extractions_by_method=extractions,
        ),
        watched("revoked"),
        watched("projects"),
        http_filter(
            LIMIT,
            "local_ratelimit.v3.LocalRateLimit",
            stat_prefix="inference",
            token_bucket=bucket,
            filter_enabled=always,
            filter_enforced=always,
        ),
        http_filter(BUFFER, "buffer.v3.Buffer", max_request_bytes=LARGEST_TENSOR_BYTES),
    ]


def _compressor() -> Config:
    library = {
        "name": "gzip",
        "typed_config": {
            "@type": f"{TYPE}.extensions.compression.gzip.compressor.v3.Gzip",
            "compression_level": "COMPRESSION_LEVEL_3",
        },
    }
    common = {"min_content_length": 1024, "content_type": list(COMPRESSED)}
    return http_filter(
        COMPRESS,
        "compressor.v3.Compressor",
        compressor_library=library,
        response_direction_config={"common_config": common},
    )


def _errors() -> Config:
    """Envoy's own refusals, in the product's one error shape."""
    known = {
        401: (
            "NotSignedIn", "a request without a valid token",
            "a token is signed, not expired, and in the Authorization header", "create one under Settings, Tokens",
        ),
        403: (
            "Forbidden", "a model or path outside the token's projects",
            "a token asks models of its own projects: <project>--<service>", "create a token for that project",
        ),
        413: ("TooLarge", "a request body that is too large", f"at most {LARGEST_TENSOR_BYTES} bytes", "send fewer rows"),
        429: ("TooManyRequests", "one more request", f"at most {REQUESTS_PER_SECOND} a second", "try again in a second"),
        UNAVAILABLE: ("Unavailable", "a component that does not answer", "every component must run", "run .venv/bin/atrium doctor"),
    }  # fmt: skip
    mappers = []
    for status, (name, asked, allowed, step) in known.items():
        body = {
            "error": name,
            "message": f"{asked}: {allowed}. Next: {step}.",
            "asked": asked,
            "allowed": allowed,
            "next_step": step,
        }
        comparison = {"op": "EQ", "value": {"default_value": status, "runtime_key": f"door.{status}"}}
        only: Config = {"status_code_filter": {"comparison": comparison}}
        if status != UNAVAILABLE:  # the gate words its own refusals
            inference = {"header_filter": {"header": {"name": ":path", "string_match": {"prefix": "/v2"}}}}
            only = {"and_filter": {"filters": [only, inference]}}
        mappers.append({"filter": only, "body_format_override": {"json_format": body}})
    return {"mappers": mappers}


def _manager(name: str, hosts: list[Config], filters: list[Config]) -> Config:
    twins = {"mutations": [{"remove": "x-atrium-identity"}]}
    early = {"@type": f"{TYPE}.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation", **twins}
    return {
        "stat_prefix": name,
        "codec_type": "AUTO",
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "use_remote_address": True,
        "stream_idle_timeout": STREAM_IDLE,
        "request_headers_timeout": "10s",
        "common_http_protocol_options": {"headers_with_underscores_action": "DROP_HEADER", "idle_timeout": STREAM_IDLE},
        "http2_protocol_options": {"max_concurrent_streams": 256},
        "early_header_mutation_extensions": [{"name": "drop-identity", "typed_config": early}],
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "local_reply_config": _errors(),
        "route_config": {"virtual_hosts": hosts},
        "http_filters": [*filters, http_filter("envoy.filters.http.router", "router.v3.Router")],
    }


def _to(
    prefix: str,
    upstream: str,
    rewrite: str | None = None,
    drop: tuple[str, ...] = ("cookie", "authorization"),
    **more: object,
) -> Config:
    """A route for pages and protocols that the gate judges; streams may last."""
    action: Config = {"cluster": upstream, "timeout": "0s"}
    if rewrite is not None:
        action["prefix_rewrite"] = rewrite
    return {
        "match": {"prefix": prefix},
        "route": action,
        "request_headers_to_remove": list(drop),
        "typed_per_filter_config": off(*INFERENCE_ONLY),
        **more,
    }


def _open(prefix: str, upstream: str, drop: tuple[str, ...] = ()) -> Config:
    """A route that asks nobody: the upstream judges by itself, or there is nothing to protect."""
    return _to(prefix, upstream, drop=drop, typed_per_filter_config=off(AUTHZ, *INFERENCE_ONLY))


def _refuse(prefix: str, status: int = 404) -> Config:
    return {
        "match": {"prefix": prefix},
        "direct_response": {"status": status},
        "typed_per_filter_config": off(AUTHZ, *INFERENCE_ONLY),
    }


def _inference(prefix: str, upstream: str) -> Config:
    return {
        "match": {"prefix": prefix},
        "route": {"cluster": upstream, "timeout": "300s"},
        "request_headers_to_remove": ["authorization", "cookie"],
        "typed_per_filter_config": off(AUTHZ, COMPRESS),
    }


def _routes() -> list[Config]:
    home: Config = {
        "match": {"path": "/"},
        "redirect": {"path_redirect": "/app/", "response_code": "FOUND"},
        "typed_per_filter_config": off(AUTHZ, *INFERENCE_ONLY),
    }
    return [
        home,
        _refuse("/auth/check"),
        _refuse("/auth/content-check"),
        _open("/auth/", "gate"),
        _open("/healthz", "gate"),
        _inference("/v2", "triton-http"),
        _inference(f"/{SERVICE}/", "triton-grpc"),
        _open("/app/static/", "portal", drop=("cookie", "authorization")),
        _to("/app/", "portal", drop=("authorization",)),
        {
            "match": {"path": "/app"},
            "redirect": {"path_redirect": "/app/"},
            "typed_per_filter_config": off(AUTHZ, *INFERENCE_ONLY),
        },
        _to("/argo/", "argo", "/"),
        _to("/mlflow", "mlflow"),
        _to("/feast/", "feast", "/"),
        _to("/api/", "api"),
        _to("/metrics", "api"),
        _refuse("/"),
    ]


def _content_routes() -> list[Config]:
    return [_open("/__atrium/", "gate"), _to("/", "demos")]


def _tls() -> Config | None:
    settings = get_settings()
    if settings.tls_cert is None:
        return None
    pair = {
        "certificate_chain": {"filename": str(settings.tls_cert)},
        "private_key": {"filename": str(settings.tls_key)},
    }
    return {"tls_certificates": [pair], "alpn_protocols": ["h2", "http/1.1"]}


def configuration() -> Config:
    """The front door's bootstrap configuration for Envoy, from the settings and the home."""
    settings, home = get_settings(), get_home()
    main = _manager("door", [{"name": "all", "domains": ["*"], "routes": _routes()}],
                    [_compressor(), *_inference_filters(), _ask_gate("/auth/check")])  # fmt: skip
    content = _manager("content", [{"name": "all", "domains": ["*"], "routes": _content_routes()}],
                       [_compressor(), _ask_gate("/auth/content-check")])  # fmt: skip
    clusters = [cluster(name, pipe(home.socket(name))) for name in PLAIN]
    clusters.append(cluster("triton-grpc", pipe(home.socket("triton-grpc")), http2=True))
    return {
        "node": {"id": "door", "cluster": "door"},
        "admin": {"address": pipe(home.socket("door-admin"))},
        "static_resources": {
            "listeners": [
                listener("door", tcp(settings.bind, settings.port), main, _tls()),
                listener("content", tcp(settings.bind, settings.content_port_or_next), content, _tls()),
            ],
            "clusters": clusters,
        },
        "overload_manager": {
            "resource_monitors": [{
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {
                    "@type": f"{TYPE}.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    "max_active_downstream_connections": 10000,
                },
            }]
        },
    }  # fmt: skip
