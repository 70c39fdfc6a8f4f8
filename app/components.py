"""The processes of one instance: how each is started, and how the platform asks it whether it works."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import httpx

from app.prometheus import ComponentSilent, ask_prometheus, starts_here
from atrium.home import get_home
from atrium.identity import platform_actor
from atrium.rpc import client, reaching
from atrium.settings import get_settings

ANSWER_SECONDS = 5.0
BEAT_SECONDS = 15.0


@dataclass(frozen=True)
class Component:
    """A process: `module` is what Python runs, `what` a sentence on it, `check` asks it and says how."""

    name: str
    module: str
    what: str
    check: Callable[[], str]


def _asks(seam: str, path: str) -> Callable[[], str]:
    def ask() -> str:
        with reaching(seam), client(seam, platform_actor("doctor"), ANSWER_SECONDS) as http:
            response = http.get(path)
        if not response.is_success:
            raise ComponentSilent(f"{seam} at {path}", f"it answered {response.status_code}", f"see logs/{seam}.log")
        return f"GET {path} answered {response.status_code}"

    return ask


def _ask_door() -> str:
    url = f"{get_settings().local_url}/healthz"
    try:
        response = httpx.get(url, timeout=ANSWER_SECONDS, trust_env=False, verify=False)  # noqa: S501  plain HTTP: no authorities to read
    except httpx.TransportError as error:
        raise ComponentSilent(f"door at {url}", f"it did not answer: {error}", "see logs/door.log") from error
    if response.status_code != httpx.codes.OK:
        raise ComponentSilent(
            f"door at {url}", f"it answered {response.status_code}", "see logs/door.log and logs/gate.log"
        )
    return f"GET {url} answered 200"


def _ask_worker() -> str:

    path = get_home().run / "worker.beat"
    age = time.time() - path.stat().st_mtime if path.exists() else float("inf")
    if age > BEAT_SECONDS:
        raise ComponentSilent(
            "worker's heartbeat", f"it is {age:.0f} s old, at most {BEAT_SECONDS:.0f} is good", "see logs/worker.log"
        )
    return f"age of worker.beat: {age:.0f}s"


COMPONENTS = (
    Component("gate", "tenancy.gate", "sign-in, tokens, the front door's questions", _asks("gate", "/healthz")),
    Component("door", "app.door", "front door (Envoy)", _ask_door),
    Component("argo", "workflows.engine", "workflow server (Argo's REST)", _asks("argo", "/api/v1/info")),
    Component("mlflow", "model_registry.server", "experiments and models (MLflow)", _asks("mlflow", "/mlflow/health")),
    Component("feast", "feature_store.server", "feature server (Feast)", _asks("feast", "/health")),
    Component("triton", "serving.triton", "model server (Triton)", _asks("triton-http", "/v2/health/ready")),
    Component("api", "app.rest", "REST application", _asks("api", "/api/openapi.json")),
    Component("worker", "app.worker", "schedules, reconciliation, summaries", _ask_worker),
    Component("portal", "portal", "pages (Streamlit)", _asks("portal", "/app/_stcore/health")),
    Component("demos", "serving.demos", "demos (Gradio)", _asks("demos", "/healthz")),
    Component("prometheus", "app.prometheus", "metrics (Prometheus)", ask_prometheus),
)


def components() -> tuple[Component, ...]:
    """The components that run on this machine: Prometheus only where it is installed and no other is named.

    Where the settings name a real Argo, the proxy before it runs in the workflow server's place.
    """
    found = tuple(one for one in COMPONENTS if one.name != "prometheus" or starts_here())
    return tuple(_as_proxy(one) if one.name == "argo" and get_settings().argo_url else one for one in found)


def _as_proxy(one: Component) -> Component:
    return replace(one, module="workflows.proxy", what="what stands before Argo Workflows")


def component(name: str) -> Component:
    """The component of that name; raises KeyError."""
    return {one.name: one for one in COMPONENTS}[name]


def python_binary() -> str:
    """The interpreter that runs the components."""
    return sys.executable
