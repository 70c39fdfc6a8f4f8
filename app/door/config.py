"""The whole configuration of the front door: what is routed where, and by whose word."""

import json
from collections.abc import Sequence
from urllib.parse import urlsplit

from app.door import certificate
from app.door.envoy import TYPE, Config, chain, cluster, http_filter, listener, off, pipe, tcp
from app.door.replicas import CONTENT, DOORS, among, door_clusters
from app.door.replies import LARGEST_FORM_BYTES, LARGEST_TENSOR_BYTES, REQUESTS_PER_SECOND, replies
from app.door.rights import GRPC, JWT, NAME_FIELDS, SERVICE, watched, watched_file
from atrium.errors import SettingInvalid
from atrium.home import get_home
from atrium.identity import IDENTITY_HEADER
from atrium.rpc import address
from atrium.settings import get_settings
from tenancy import jwks

STREAM_IDLE = "3600s"
MODEL_HEADER = "x-atrium-model"
LATENCY_BUCKETS_MS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000)
BODY_IDLE = "30s"  # between two pieces of a form or a tensor
NOBODYS_HEADERS = ("x-atrium-", "x-envoy-")  # identities and orders to Envoy come from no client
TO_HTTPS = {"https_redirect": True, "response_code": "PERMANENT_REDIRECT"}
AUTHZ, LIMIT, BUFFER, COMPRESS, NAMING = (
    f"envoy.filters.http.{name}" for name in ("ext_authz", "local_ratelimit", "buffer", "compressor", "header_mutation")
)
COMPRESSORS = tuple(f"{COMPRESS}.{name}" for name in ("zstd", "brotli", "gzip"))
SENT = "as-sent"  # a name of its own: a route that switches it off leaves the upstreams' scripts on
INFERENCE_ONLY = (JWT, GRPC, "revoked", "projects", LIMIT, BUFFER, NAMING, SENT)
PLAIN = ("gate", "api", "portal", "demos", "argo", "mlflow", "feast", "triton-http")
ASKED = ("cookie", "authorization", "accept", "accept-language", "origin", "upgrade", "sec-fetch-site", "x-forwarded-proto",
         "x-mlflow-workspace", "user-agent")  # fmt: skip
UNREADABLE = """function envoy_on_response(handle)
  if handle:headers():get(":status") ~= "500" then return end
  local body = handle:body()
  local said = body and body:getBytes(0, math.min(body:length(), 40)) or ""
  if said:find('^{"error":"Unable to parse ') or said:find('^{"error":"failed to parse ') then
    handle:headers():replace(":status", "400")
  end
end
"""  # Triton answers 500 to a request that is no JSON or lacks a member: that is the request's fault, not the model's
JUDGED = """local refused = {}
for _, one in ipairs({"1", "3", "5", "6", "7", "8", "9", "10", "11", "16"}) do refused[one] = true end
function envoy_on_response(handle)
  local said = handle:headers():get("grpc-status")
  if said and said ~= "0" then handle:headers():replace(":status", refused[said] and "400" or "500") end
end
"""  # a call that ends in an error is counted as over HTTP (google.rpc.Code says which are the caller's), not by gRPC's constant 200 …
AS_SENT = """function envoy_on_response(handle)
  if handle:headers():get("grpc-status") then handle:headers():replace(":status", "200") end
end
"""  # … which the caller gets, as gRPC has it
PUBLIC_FILES = ("/app/static/", "/app/app/static/", "/app/favicon.png")  # Streamlit's own, the portal's font and icon
COMPRESSED = ("text/html", "text/css", "text/javascript", "application/javascript", "application/json", "image/svg+xml")


def _exact(*names: str) -> Config:
    return {"patterns": [{"exact": name} for name in names]}


def _ask_gate(prefix: str) -> Config:
    service = {
        "server_uri": {"uri": "http://gate", "cluster": "gate", "timeout": "5s"},
        "path_prefix": prefix,
        "authorization_response": {
            "allowed_upstream_headers": _exact(IDENTITY_HEADER),
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
    model = {"key": MODEL_HEADER, "value": f"%DYNAMIC_METADATA({GRPC}:model_name)%"}  # by which requests are counted
    named = {"header": model, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
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
        _small_bodies(),
        http_filter(NAMING, "header_mutation.v3.HeaderMutation", mutations={"request_mutations": [{"append": named}]}),
        http_filter(SENT, "lua.v3.Lua", default_source_code={"inline_string": AS_SENT}),
    ]


def _small_bodies() -> Config:
    """Holds a request until its body is whole, and refuses a larger one; a route may set another bound."""
    return http_filter(BUFFER, "buffer.v3.Buffer", max_request_bytes=LARGEST_TENSOR_BYTES)


def _compressors() -> list[Config]:
    """A client that takes several gets zstd, which costs the least time; one that takes none of them gets plain answers."""
    common = {"min_content_length": 1024, "content_type": list(COMPRESSED)}
    libraries: dict[str, Config] = {
        "zstd": {"compression_level": 3},
        "brotli": {"quality": 4},
        "gzip": {"compression_level": "COMPRESSION_LEVEL_3"},
    }
    return [
        http_filter(
            f"{COMPRESS}.{name}",
            "compressor.v3.Compressor",
            compressor_library={
                "name": name,
                "typed_config": {
                    "@type": f"{TYPE}.extensions.compression.{name}.compressor.v3.{name.capitalize()}", **settings
                },
            },
            response_direction_config={"common_config": common},
            choose_first=name == "zstd",
        )
        for name, settings in libraries.items()
    ]  # fmt: skip


def _manager(name: str, routes: Config, filters: list[Config]) -> Config:
    dropped = [{"remove_on_match": {"key_matcher": {"prefix": one, "ignore_case": True}}} for one in NOBODYS_HEADERS]
    ours = {"mutations": dropped}
    early = {"@type": f"{TYPE}.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation", **ours}
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
        "local_reply_config": replies(),
        **routes,
        "http_filters": [
            *filters,
            http_filter("envoy.filters.http.router", "router.v3.Router", suppress_envoy_headers=True),
        ],
    }


def _to(
    prefix: str,
    upstream: str,
    rewrite: str | None = None,
    drop: tuple[str, ...] = ("cookie", "authorization"),
    **more: object,
) -> Config:
    """A route for pages and protocols that the gate judges; streams may last."""
    action: Config = {"cluster": upstream, "timeout": "0s"} | ({"auto_host_rewrite": True} if address(upstream) else {})
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


def _forms(prefix: str) -> Config:
    """The gate's own pages: open to everybody, so what is sent there is small and comes quickly."""
    kind = {"@type": f"{TYPE}.extensions.filters.http.buffer.v3.BufferPerRoute"}
    small = {BUFFER: kind | {"buffer": {"max_request_bytes": LARGEST_FORM_BYTES}}}
    others = (one for one in INFERENCE_ONLY if one != BUFFER)
    made = _to(prefix, "gate", drop=(), typed_per_filter_config=off(AUTHZ, *others) | small)
    return made | {"route": {"cluster": "gate", "timeout": BODY_IDLE, "idle_timeout": BODY_IDLE}}


def _refuse(prefix: str, status: int = 404) -> Config:
    return {
        "match": {"prefix": prefix},
        "direct_response": {"status": status},
        "typed_per_filter_config": off(AUTHZ, *INFERENCE_ONLY),
    }


def _inference(prefix: str, upstream: str, *also_off: str) -> Config:
    return {
        "match": {"prefix": prefix},
        "route": {"cluster": upstream, "timeout": "300s", "idle_timeout": "300s"},
        "request_headers_to_remove": ["authorization", "cookie", MODEL_HEADER],
        "typed_per_filter_config": off(AUTHZ, *COMPRESSORS, *also_off),
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
        *(
            [_open("/auth/run-token", "argo")] if get_settings().argo_url else []
        ),  # for steps' pods, which the proxy judges
        _forms("/auth/"),
        _open("/healthz", "gate"),
        _inference("/v2", "triton-http", NAMING, SENT),
        _inference(f"/{SERVICE}/", "triton-grpc"),
        *(_open(prefix, "portal", drop=("cookie", "authorization")) for prefix in PUBLIC_FILES),
        *among(_to("/app/", "portal", drop=("authorization",)), DOORS, _open("/app/", DOORS)),
        {
            "match": {"path": "/app"},
            "redirect": {"path_redirect": "/app/"},
            "typed_per_filter_config": off(AUTHZ, *INFERENCE_ONLY),
        },
        _to("/argo/", "argo", "/", typed_per_filter_config=off(*INFERENCE_ONLY, *COMPRESSORS)),  # logs and watches flow
        _to("/mlflow", "mlflow"),
        _to("/feast/", "feast", "/"),
        _to("/api/", "api"),
        _to("/metrics", "api"),
        _refuse("/"),
    ]


def _counted(model: str) -> list[Config]:
    """Under which name requests to a model are counted, over HTTP and gRPC alike (Envoy's virtual cluster)."""
    path = {"name": ":path", "string_match": {"safe_regex": {"regex": f"/v2/models/{model}(/versions/[0-9]+)?/infer"}}}
    method = {"name": ":path", "string_match": {"exact": f"/{SERVICE}/ModelInfer"}}
    named = {"name": MODEL_HEADER, "string_match": {"exact": f'["{model}"]'}}
    return [{"name": model, "headers": [path]}, {"name": model, "headers": [method, named]}]


def route_configuration(models: Sequence[str], name: str = "door") -> Config:
    """The routes of the main port (`door`), or of plain HTTP from this machine beside TLS (`here`).

    They count the requests to each of `models`; Envoy reads them again when they change.
    """
    counted = [one for model in models for one in _counted(model)]
    routes = _routes() if name == "door" else _local_routes()
    host = {"name": "all", "domains": ["*"], "routes": routes, "virtual_clusters": counted}
    kind = {"@type": f"{TYPE}.config.route.v3.RouteConfiguration", "name": name}
    return {**kind, "virtual_hosts": [host], "response_headers_to_remove": [IDENTITY_HEADER]}


def _judged(name: str) -> Config:
    """The main port's manager with the routes of that name."""
    routes: Config = {
        "rds": {"route_config_name": name, "config_source": watched_file("routes" if name == "door" else name)}
    }
    return _manager(name, routes, [*_compressors(), *_inference_filters(), _ask_gate("/auth/check")])


def _content_routes() -> list[Config]:
    return [_forms("/__atrium/"), *among(_to("/", "demos"), CONTENT, _open("/", CONTENT))]


def _upstream(name: str) -> Config:
    """The component's Unix socket, or the address that the settings give its seam."""
    elsewhere, answers = address(name), UNREADABLE if name == "triton-http" else ""
    if not elsewhere:
        return cluster(name, pipe(get_home().socket(name)), answers=answers)
    parts = urlsplit(elsewhere)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
        raise SettingInvalid(
            f"address {elsewhere!r} of {name}", "http(s)://host:port without a path", "change it; see docs/settings.md"
        )
    secure = parts.scheme == "https"
    where = tcp(parts.hostname, parts.port or (443 if secure else 80))
    return cluster(name, where, tls_host=parts.hostname * secure, answers=answers)


def _to_https(name: str) -> Config:
    """Leads plain HTTP to the same address over TLS."""
    away: Config = {"match": {"prefix": "/"}, "redirect": TO_HTTPS}
    own: Config = {"route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [away]}]}}
    return _manager(name, own, [])


def _local_routes() -> list[Config]:
    """Plain HTTP for steps, demos and checks of this machine, by token alone: browsers and others are led to TLS."""
    away: Config = {
        "match": {"prefix": "/"},
        "redirect": TO_HTTPS,
        "typed_per_filter_config": off(AUTHZ, *INFERENCE_ONLY),
    }
    return [_open("/healthz", "gate"), *(_with_token(route) for route in _routes()[1:]), away]


def _with_token(route: Config) -> Config:
    token = {"name": "authorization", "string_match": {"prefix": "Bearer "}}
    return route | {"match": {**dict(route["match"]), "headers": [token]}}  # type: ignore[call-overload]  # a match is a dict


def _chains(name: str, manager: Config) -> list[Config]:
    """Who connects how: one kind without TLS; with it, TLS from anywhere, and plain HTTP from this machine or elsewhere."""
    if get_settings().tls_cert is None:
        return [chain(manager)]
    found = [
        chain(manager, certificate.context(), transport_protocol="tls"),
        chain(_to_https(f"{name}-to-tls"), transport_protocol="raw_buffer"),
    ]
    if name == "door":
        found.append(chain(_judged("here"), transport_protocol="raw_buffer", source_type="SAME_IP_OR_LOOPBACK"))
    return found


def configuration() -> Config:
    """The front door's bootstrap configuration for Envoy, from the settings and the home."""
    settings, home = get_settings(), get_home()
    own = [{"name": "all", "domains": ["*"], "routes": _content_routes()}]
    content = _manager("content", {"route_config": {"virtual_hosts": own, "response_headers_to_remove": [IDENTITY_HEADER]}},
                       [*_compressors(), _small_bodies(), _ask_gate("/auth/content-check")])  # fmt: skip
    clusters = [_upstream(name) for name in PLAIN]
    clusters += [cluster("triton-grpc", pipe(home.socket("triton-grpc")), http2=True, answers=JUDGED), *door_clusters()]
    return {
        "node": {"id": "door", "cluster": "door"},
        "admin": {"address": pipe(home.socket("door-admin"))},
        "stats_config": {
            "histogram_bucket_settings": [{"match": {"suffix": "upstream_rq_time"}, "buckets": list(LATENCY_BUCKETS_MS)}]
        },
        "static_resources": {
            "listeners": [
                listener("door", tcp(settings.bind, settings.port), *_chains("door", _judged("door"))),
                listener("content", tcp(settings.bind, settings.content_port_or_next), *_chains("content", content)),
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
