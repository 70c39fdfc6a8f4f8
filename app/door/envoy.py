"""Small pieces of Envoy's configuration (API v3), so that the rest reads as what it means."""

import ssl
from collections.abc import Mapping
from pathlib import Path

Config = dict[str, object]
TYPE = "type.googleapis.com/envoy"
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
DEBIANS_CAS = "/etc/ssl/certs/ca-certificates.crt"
MANAGER = "envoy.filters.network.http_connection_manager"
HANDSHAKE_TIMEOUT = "10s"
UPSTREAM_IDLE = "4s"  # below what web servers grant: a request that meets a close is answered 503


def http_filter(name: str, kind: str, **settings: object) -> Config:
    """An HTTP filter `name` of the type `envoy.extensions.filters.http.<kind>`."""
    return {"name": name, "typed_config": {"@type": f"{TYPE}.extensions.filters.http.{kind}", **settings}}


def cluster(name: str, where: Config, http2: bool = False, tls_host: str = "", answers: str = "") -> Config:
    """An upstream at one address; `http2` for gRPC, `tls_host` the name that its certificate must have.

    `answers` is a script in Lua that sees what it answers before anything is counted.
    """
    made: Config = {
        "name": name,
        "type": "STATIC" if "pipe" in where else "STRICT_DNS",
        "connect_timeout": "2s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": where}}]}]},
        "circuit_breakers": {
            "thresholds": [{"max_connections": 4096, "max_requests": 8192, "max_pending_requests": 4096}]
        },
    }
    if tls_host:
        trusted = {"trusted_ca": {"filename": ssl.get_default_verify_paths().cafile or DEBIANS_CAS}}
        names = {"match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": tls_host}}]}
        context: Config = {
            "@type": f"{TYPE}.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": tls_host,
            "common_tls_context": {"validation_context": trusted | names},
        }
        made["transport_socket"] = {"name": "envoy.transport_sockets.tls", "typed_config": context}
    options: Config = {
        "@type": f"{TYPE.removesuffix('/envoy')}/{HTTP_OPTIONS}",
        "explicit_http_config": {"http2_protocol_options" if http2 else "http_protocol_options": {}},
        "common_http_protocol_options": {"idle_timeout": UPSTREAM_IDLE},
    }
    if answers:
        script = http_filter("envoy.filters.http.lua", "lua.v3.Lua", default_source_code={"inline_string": answers})
        last = http_filter("envoy.filters.http.upstream_codec", "upstream_codec.v3.UpstreamCodec")
        options["http_filters"] = [script, last]
    made["typed_extension_protocol_options"] = {HTTP_OPTIONS: options}
    return made


def pipe(path: Path) -> Config:
    """The address of a Unix socket."""
    return {"pipe": {"path": str(path)}}


def tcp(host: str, port: int) -> Config:
    """The address of a TCP port."""
    return {"socket_address": {"address": host, "port_value": port}}


def off(*filters: str) -> Config:
    """What a route says to switch filters off for itself."""
    disabled = {"@type": f"{TYPE}.config.route.v3.FilterConfig", "disabled": True}
    return {name: disabled for name in filters}


def chain(manager: Mapping[str, object], tls: Config | None = None, **match: str) -> Config:
    """Connections of one kind, given to `manager` (an HttpConnectionManager); `tls` is the context of those that speak it."""
    kind = {"@type": f"{TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"}
    made: Config = {"filters": [{"name": MANAGER, "typed_config": kind | dict(manager)}]}
    if match:
        made["filter_chain_match"] = match
    if tls:
        context = {
            "@type": f"{TYPE}.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": tls,
        }
        made |= {
            "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": context},
            "transport_socket_connect_timeout": HANDSHAKE_TIMEOUT,
        }
    return made


def listener(name: str, address: Config, *chains: Config) -> Config:
    """A port whose connections go to the first of `chains` that is theirs; looks for TLS where a chain asks whether it is."""
    made: Config = {
        "name": name,
        "address": address,
        "filter_chains": list(chains),
        "per_connection_buffer_limit_bytes": 1048576,
    }
    if any("filter_chain_match" in one for one in chains):
        inspector = {"@type": f"{TYPE}.extensions.filters.listener.tls_inspector.v3.TlsInspector"}
        made["listener_filters"] = [{"name": "envoy.filters.listener.tls_inspector", "typed_config": inspector}]
        made["listener_filters_timeout"] = HANDSHAKE_TIMEOUT
    return made
