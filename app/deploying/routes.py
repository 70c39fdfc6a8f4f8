"""What leads from a site's own entrance to the door: HTTPRoutes of its Gateway API, or an Ingress."""

from typing import Final

from app.deploying.keys import NAMESPACE
from app.deploying.kubectl import Json, items
from atrium.errors import NotFound

SERVICE: Final = "atrium"
PORTS: Final = {
    "pages": 8080,
    "content": 8081,
}  # of the Service: pages and APIs; demos and reports, each below a host of its own
KNOWS: Final = "httproutes.gateway.networking.k8s.io"


class GatewayMissing(NotFound):
    """The cluster has no such Gateway, or no Gateway API."""


def check_gateway(namespace: str, name: str) -> None:
    """Raises `GatewayMissing` where the cluster lacks the Gateway API or this Gateway; `ClusterSaidNo`."""
    if not items("customresourcedefinitions", KNOWS):
        told = "an HTTPRoute needs the Gateway API, version v1"
        raise GatewayMissing(
            f"the custom resource {KNOWS}", told, "install a Gateway API implementation, or use --ingress-class"
        )
    gateways = items("gateways.gateway.networking.k8s.io", "-A")
    known = sorted(f"{one['metadata']['namespace']}/{one['metadata']['name']}" for one in gateways)
    if f"{namespace}/{name}" not in known:
        raise GatewayMissing(
            f"the Gateway {namespace}/{name}",
            f"there are: {', '.join(known) or 'none'}",
            "name one of them: --gateway NAMESPACE/NAME",
        )


def http_routes(gateway: str, host: str, content_host: str) -> list[Json]:
    """HTTPRoutes of the Gateway NAMESPACE/NAME: `host` to the pages, the wildcard `content_host` to demos and reports."""
    namespace, _, name = gateway.partition("/")
    return [
        {
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": f"{SERVICE}-{part}", "namespace": NAMESPACE},
            "spec": {
                "parentRefs": [{"namespace": namespace, "name": name}], "hostnames": [hosts],
                "rules": [{"backendRefs": [{"name": SERVICE, "port": PORTS[part]}], "timeouts": {"request": "0s"}}],
            },
        }
        for part, hosts in (("pages", host), ("content", content_host))
    ]  # fmt: skip


def ingress(class_name: str, host: str, content_host: str, tls_secret: str = "") -> Json:
    """An Ingress of that class for both hosts; with the certificate that `tls_secret` holds, where one is named."""
    rules = [
        {"host": hosts, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": SERVICE, "port": {"number": PORTS[part]}}}}]}}
        for part, hosts in (("pages", host), ("content", content_host))
    ]  # fmt: skip
    tls = [{"hosts": [host, content_host], "secretName": tls_secret}] if tls_secret else []
    metadata = {"name": SERVICE, "namespace": NAMESPACE}
    spec = {"ingressClassName": class_name, "rules": rules, **({"tls": tls} if tls else {})}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec}
