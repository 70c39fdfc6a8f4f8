"""A cluster's Argo Server, asked with the cluster's own credential."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from workflows.clusters.kube import CONNECT_SECONDS, telling, tls
from workflows.clusters.models import Access, ClusterRow

ANSWER_SECONDS = 3.0


@dataclass(frozen=True)
class ArgoServer:
    """Its address and how it is asked; `name` is the cluster's, for messages."""

    name: str
    url: str
    token: str = field(default="", repr=False)
    verify: ssl.SSLContext | bool = True

    def client(self, timeout_seconds: float) -> httpx.Client:
        """A client whose connection comes about at once or not at all."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        timeout = httpx.Timeout(timeout_seconds, connect=CONNECT_SECONDS)
        return httpx.Client(base_url=self.url, headers=headers, verify=self.verify, timeout=timeout, trust_env=False)

    @contextmanager
    def reaching(self) -> Iterator[None]:
        """Turns a failed connection into `ClusterUnavailable`."""
        with telling(self.name):
            yield


def told_version(server: ArgoServer) -> str:
    """The version that an Argo Server tells; empty where it does not answer so."""
    try:
        with server.client(ANSWER_SECONDS) as http:
            said = http.get("/api/v1/version")
    except httpx.TransportError:
        return ""
    return str(said.json().get("version") or "") if said.is_success else ""


def argo_server(row: ClusterRow, access: Access) -> ArgoServer:
    """The Argo Server of a connected cluster."""
    return ArgoServer(row.name, row.argo_url, access.token, tls(access) if row.argo_checked else False)
