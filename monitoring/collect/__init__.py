"""Everything that is measured, gathered in at most 3 seconds: what does not answer in time is named, not waited for."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import lru_cache

import httpx
from prometheus_client import Metric

from atrium.errors import AtriumError
from atrium.metrics import gauge, read
from atrium.rpc import address
from atrium.settings import get_settings
from monitoring.collect.door import ask_text, collect_door
from monitoring.collect.processes import collect_processes
from monitoring.collect.state import (
    collect_components,
    collect_jobs,
    collect_machine,
    collect_runs,
    collect_schedules,
    collect_services,
)

log = logging.getLogger(__name__)
LONGEST_SECONDS = 3.0
Collector = Callable[[], Iterable[Metric]]


def _triton() -> Iterable[Metric]:
    return read(ask_text("triton-metrics", "/metrics"))


def _argo() -> Iterable[Metric]:
    return read(ask_text("argo", "/metrics"))


COLLECTORS: Mapping[str, Collector] = {
    "processes": collect_processes,
    "components": collect_components,
    "door": collect_door,
    "triton": _triton,
    "argo": _argo,
    "runs": collect_runs,
    "schedules": collect_schedules,
    "services": collect_services,
    "jobs": collect_jobs,
    "machine": collect_machine,
}


@lru_cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2 * len(COLLECTORS), "collect")


def _timed(collector: Collector) -> tuple[list[Metric], float]:
    begun = time.monotonic()
    return list(collector()), time.monotonic() - begun


def _result(name: str, future: "Future[tuple[list[Metric], float]]") -> tuple[list[Metric], float] | None:
    if not future.done():
        log.warning("measuring %s took more than %s s", name, LONGEST_SECONDS)
        return None
    try:
        return future.result()
    except (AtriumError, httpx.HTTPError, OSError, ValueError) as error:
        log.warning("measuring %s failed: %s", name, error)
        return None


def present() -> Mapping[str, Collector]:
    """The sources of this platform; an Argo or Triton elsewhere has metrics of its own, which its Prometheus scrapes."""
    named = (("argo", get_settings().argo_url), ("triton", address("triton-http")))
    elsewhere = {name for name, url in named if url}
    return {name: collector for name, collector in COLLECTORS.items() if name not in elsewhere}


def collect(collectors: Mapping[str, Collector] | None = None) -> list[Metric]:
    """Every family; `atrium_collector_up` tells for each source whether it answered within 3 seconds."""
    up = gauge("atrium_collector_up", "1 where a source of metrics answered in time, else 0.")
    took = gauge("atrium_collector_duration_seconds", "Seconds that a source of metrics took.")
    started = {name: _pool().submit(_timed, collector) for name, collector in (collectors or present()).items()}
    wait(started.values(), LONGEST_SECONDS)
    found = []
    for name, future in started.items():
        result = _result(name, future)
        up.add_sample(up.name, {"source": name}, float(result is not None))
        if result:
            found += result[0]
            took.add_sample(took.name, {"source": name}, result[1])
    return [*found, up, took]
