"""Several front doors of one platform: whoever comes by any of them is led to the replica that has their page.

A page (Streamlit) and a demo (Gradio) live in one process. A cookie that the door makes chooses the replica by consistent
hashing (Envoy's ring hash), so that all doors choose alike; the door of that replica, told by a header that another door sent the
request, serves it. A replica that ends is left out after two seconds: its visitors' pages begin anew at another, from their address.
"""

from typing import Final

from app.door.envoy import TYPE, Config, cluster, tcp
from atrium.settings import addresses_in, get_settings

DOORS, CONTENT = "replicas", "replicas-content"
COOKIE, FROM_DOOR = "atrium_replica", "x-from-door"
LAST_RESORT_PERCENT = 1  # with nobody healthy any is tried; Envoy's own half would try the dead one of two
HEALTH: Final = {
    "http_health_check": {"path": "/healthz/ready"},
    "interval": "1s",
    "no_traffic_interval": "1s",
    "timeout": "1s",
    "unhealthy_threshold": 2,
    "healthy_threshold": 1,
}
ANOTHER: Final = {
    "name": "envoy.retry_host_predicates.previous_hosts",
    "typed_config": {"@type": f"{TYPE}.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"},
}
BY_COOKIE: Final = {
    "name": COOKIE,
    "ttl": "0s",  # a session's cookie, made where there is none
    "path": "/",
    "attributes": [{"name": "HttpOnly", "value": ""}, {"name": "SameSite", "value": "Lax"}],
}


def among(own: Config, doors: str, open_route: Config) -> list[Config]:
    """`own`, a route to a process of this replica; before it, where there are several replicas, `open_route` led to one of `doors`."""
    if not get_settings().replicas:
        return [own]
    action = {
        "cluster": doors,
        "timeout": "0s",
        "hash_policy": [{"cookie": BY_COOKIE}],
        "retry_policy": {
            "retry_on": "connect-failure,refused-stream,reset-before-request",
            "num_retries": 2,
            "retry_host_predicate": [ANOTHER],
            "host_selection_retry_max_attempts": 5,
        },
    }
    from_person = {"name": FROM_DOOR, "present_match": False}
    told = {"header": {"key": FROM_DOOR, "value": "1"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    match = dict(own["match"]) | {"headers": [from_person]}  # type: ignore[call-overload]  # a match is a dict
    return [open_route | {"match": match, "route": action, "request_headers_to_add": [told]}, own]


def door_clusters() -> list[Config]:
    """Both ports of every replica's front door; none where there is one replica."""
    settings = get_settings()
    found = [(host, int(port)) for host, port in addresses_in(settings.replicas)]
    apart = settings.content_port_or_next - settings.port
    return [_doors(name, found, more) for name, more in ((DOORS, 0), (CONTENT, apart))] if found else []


def _doors(name: str, doors: list[tuple[str, int]], apart: int) -> Config:
    """Front doors by their port and `apart`; the main port tells whether one lives."""
    endpoints = [
        {"endpoint": {"address": tcp(host, port + apart), "health_check_config": {"port_value": port}}}
        for host, port in doors
    ]
    return cluster(name, tcp(*doors[0])) | {
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
        "lb_policy": "RING_HASH",
        "common_lb_config": {"healthy_panic_threshold": {"value": LAST_RESORT_PERCENT}},
        "health_checks": [HEALTH],
        "close_connections_on_host_health_failure": True,
        "ignore_health_on_host_removal": True,
        "dns_refresh_rate": "2s",
    }
