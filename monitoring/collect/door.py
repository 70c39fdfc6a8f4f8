"""What the front door counted: Envoy's statistics, under the platform's names."""

from collections.abc import Iterator, Mapping

import httpx
from prometheus_client import Metric
from prometheus_client.samples import Sample

import serving
from atrium.home import get_home
from atrium.identity import platform_actor
from atrium.metrics import counter, gauge, read
from atrium.rpc import BackEndUnavailable, address, client, reaching

ANSWER_SECONDS = 2.0
CLASSES = ("2", "3", "4", "5")
WANTED = r"vcluster\..*\.upstream_rq_(.xx|time)$|^cluster\.[^.]*\.upstream_rq_(.xx|time)$|^http\.(door|content)\.(downstream_rq_.xx|downstream_cx_active|jwt_authn\.denied|rbac\.denied|ext_authz\.(denied|error))$|rate_limited$"  # fmt: skip # noqa: E501
REFUSED = {
    "envoy_http_jwt_authn_denied": "token",
    "envoy_http_rbac_denied": "rights",
    "envoy_http_ext_authz_denied": "gate",
    "envoy_http_ext_authz_error": "gate silent",
    "envoy_http_local_rate_limit_rate_limited": "rate",
}
COMPONENTS = {"triton-http": "triton", "triton-grpc": "triton"}
MILLISECONDS = 1000


def ask_text(seam: str, path: str) -> str:
    """The text that a component answers with. Raises `BackEndUnavailable`, `httpx.HTTPStatusError`."""
    socket = get_home().socket(seam)
    if not address(seam) and not socket.exists():  # httpcore leaves a socket open that it cannot connect
        raise BackEndUnavailable(seam, f"there is no {socket}")
    with reaching(seam), client(seam, platform_actor("monitoring"), ANSWER_SECONDS) as http:
        return http.get(path).raise_for_status().text


def _service(name: str) -> Mapping[str, str]:
    project, _, service = name.partition("--")
    return {"project": project, "service": service}


def _component(name: str) -> Mapping[str, str]:
    return {"component": COMPONENTS.get(name, name)}


class _Door:
    """The families, filled sample by sample; what two upstreams of one component say is summed."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}

    def add(self, name: str, labels: Mapping[str, str], value: float) -> None:
        key = (name, tuple(sorted(labels.items())))
        self.values[key] = self.values.get(key, 0.0) + value

    def classes(self, name: str, labels: Mapping[str, str]) -> None:
        """Each class of answers begins at zero, so that the first failure is an increase."""
        for one in CLASSES:
            self.add(name, {**labels, "code_class": f"{one}xx"}, 0.0)

    def answered(self, name: str, labels: Mapping[str, str], sample: Sample) -> None:
        self.classes(name, labels)
        self.add(name, {**labels, "code_class": sample.labels["envoy_response_code_class"] + "xx"}, sample.value)

    def timed(self, name: str, labels: Mapping[str, str], sample: Sample) -> None:
        part = sample.name.rpartition("_")[2]
        if part == "bucket":
            bound = sample.labels["le"]
            bound = bound if bound == "+Inf" else repr(float(bound) / MILLISECONDS)
            self.add(f"{name}_bucket", {**labels, "le": bound}, sample.value)
        else:
            self.add(f"{name}_{part}", labels, sample.value / (MILLISECONDS if part == "sum" else 1))

    def take(self, sample: Sample) -> None:
        name, labels = sample.name, sample.labels
        if name.startswith("envoy_vhost_vcluster"):
            model = labels["envoy_virtual_cluster"]
            if "--" not in model:
                return
            if name.endswith("_xx"):
                self.answered("atrium_service_requests_total", _service(model), sample)
            else:
                self.classes("atrium_service_requests_total", _service(model))
                self.timed("atrium_service_request_duration_seconds", _service(model), sample)
        elif name == "envoy_cluster_upstream_rq_xx":
            self.answered("atrium_upstream_requests_total", _component(labels["envoy_cluster_name"]), sample)
        elif name.startswith("envoy_cluster_upstream_rq_time_"):
            self.timed("atrium_upstream_request_duration_seconds", _component(labels["envoy_cluster_name"]), sample)
        elif name == "envoy_http_downstream_rq_xx" and labels["envoy_http_conn_manager_prefix"] != "admin":
            port = {"port": labels["envoy_http_conn_manager_prefix"]}
            self.answered("atrium_door_requests_total", port, sample)
        elif name == "envoy_http_downstream_cx_active" and labels["envoy_http_conn_manager_prefix"] != "admin":
            self.add("atrium_door_connections", {"port": labels["envoy_http_conn_manager_prefix"]}, sample.value)
        elif name in REFUSED:
            self.add("atrium_door_refused_total", {"by": REFUSED[name]}, sample.value)

    def families(self) -> Iterator[Metric]:
        made = [
            counter("atrium_service_requests", "Requests to a service that the front door passed on, by class of status."),
            Metric("atrium_service_request_duration_seconds", "Time that a service took, as the front door saw it.", "histogram"),
            counter("atrium_upstream_requests", "Requests that the front door passed on to a component, by class of status."),
            Metric("atrium_upstream_request_duration_seconds", "Time that a component took, seen from the front door.", "histogram"),
            counter("atrium_door_requests", "Requests to the front door (door) and the content port, by class of status."),
            counter("atrium_door_refused", "Requests that the front door let nowhere, by what refused them."),
            gauge("atrium_door_connections", "Open connections to the front door and the content port."),
        ]  # fmt: skip
        for family in made:
            names = {family.name, *(f"{family.name}_{part}" for part in ("total", "bucket", "count", "sum"))}
            for (name, labels), value in self.values.items():
                if name in names:
                    family.add_sample(name, dict(labels), value)
        return iter(made)


def collect_door() -> Iterator[Metric]:
    """Requests by port, component and service, with the time that they took. Raises `BackEndUnavailable`."""
    found = _Door()
    for one in serving.service_states(platform_actor("monitoring")):  # also those that nobody asked yet
        found.classes("atrium_service_requests_total", {"project": one.project, "service": one.name})
    for family in read(ask_text("door-admin", f"/stats/prometheus?filter={_quoted(WANTED)}")):
        for sample in family.samples:
            found.take(sample)
    return found.families()


def _quoted(pattern: str) -> str:
    return str(httpx.QueryParams({"f": pattern})).partition("=")[2]
