"""What our own tables and files know: components, runs, services, jobs, the disk, the certificate."""

import json
import shutil
import time
from collections.abc import Iterator
from datetime import UTC
from importlib.metadata import version

from cryptography import x509
from prometheus_client import Metric

import serving
import workflows
from atrium.clock import now
from atrium.database import reading
from atrium.home import get_home
from atrium.identity import platform_actor
from atrium.jobs import jobs_file
from atrium.metrics import counter, gauge
from atrium.settings import get_settings
from monitoring.replicas import component_rows, shown_name

WHO = platform_actor("monitoring")


def beat_seconds() -> float:
    """Seconds since the worker last told that it lives; a day where it never did."""
    beat = get_home().run / "worker.beat"
    return time.time() - beat.stat().st_mtime if beat.exists() else 86_400.0


def collect_components() -> Iterator[Metric]:
    """Each component as the worker last found it; the worker itself by its heartbeat."""
    up = gauge(
        "atrium_component_up", "1 where a component answered as it should, 0 where not; nothing while it starts."
    )
    restarts = counter("atrium_component_restarts", "How often a component was started again after it had died.")
    age = gauge("atrium_component_check_age_seconds", "Seconds since the components were last asked.")
    beat = gauge("atrium_worker_heartbeat_age_seconds", "Seconds since the worker told that it lives.")
    info = gauge("atrium_build_info", "Always 1; the label names the version.")
    with reading() as session:
        rows = component_rows(session)
    for row in rows:
        if row.state != "starting":  # neither up nor down; one that starts again and again is told by its restarts
            up.add_sample(up.name, {"component": shown_name(row)}, float(row.state == "up"))
        restarts.add_sample(f"{restarts.name}_total", {"component": shown_name(row)}, row.restarts)
    if mine := [row.checked_at for row in rows if row.replica == get_home().replica]:
        age.add_sample(age.name, {}, (now() - max(mine)).total_seconds())
    beat.add_sample(beat.name, {}, beat_seconds())
    info.add_sample(info.name, {"version": version("atrium")}, 1)
    yield from (up, restarts, age, beat, info)


def collect_runs() -> Iterator[Metric]:
    """Runs by project and phase, and whether each pipeline's newest finished run failed."""
    runs = gauge("atrium_runs", "Runs by project and phase.")
    failed = gauge("atrium_pipeline_last_run_failed", "1 where a pipeline's newest finished run failed, else 0.")
    for one in workflows.run_counts(WHO):
        runs.add_sample(runs.name, {"project": one.project, "phase": one.phase}, one.count)
    for last in workflows.newest_results(WHO):
        labels = {"project": last.project, "pipeline": last.pipeline}
        failed.add_sample(failed.name, labels, float(last.phase in ("Failed", "Error")))
    yield from (runs, failed)


def collect_schedules() -> Iterator[Metric]:
    """How late each schedule is, and whether its newest slot got no run."""
    lag = gauge("atrium_schedule_lag_seconds", "Seconds by which a schedule's oldest waiting slot is late.")
    lost = gauge("atrium_schedule_last_slot_lost", "1 where a schedule's newest slot failed or was missed, else 0.")
    for one in workflows.schedule_lags(WHO):
        labels = {"project": one.project, "pipeline": one.pipeline}
        lag.add_sample(lag.name, labels, one.seconds)
        lost.add_sample(lost.name, labels, float(one.lost))
    yield from (lag, lost)


def collect_services() -> Iterator[Metric]:
    """Services by state, and whether each answers with what is wanted."""
    states = gauge("atrium_services", "Services by project and state.")
    live = gauge("atrium_service_live", "1 where what is wanted of a service is live, else 0.")
    counts: dict[tuple[str, str], int] = {}
    for one in serving.service_states(WHO):
        key = (one.project, one.state.value)
        counts[key] = counts.get(key, 0) + 1
        labels = {"project": one.project, "service": one.name}
        live.add_sample(live.name, labels, float(one.state is serving.ServiceState.LIVE))
    for (project, state), count in counts.items():
        states.add_sample(states.name, {"project": project, "state": state}, count)
    yield from (states, live)


def collect_jobs() -> Iterator[Metric]:
    """How the worker's jobs go, as it notes it every two seconds."""
    runs = counter("atrium_job_runs", "Runs of a job of the worker, by outcome.")
    lag = gauge("atrium_job_lag_seconds", "Seconds by which a job of the worker is late.")
    in_a_row = gauge("atrium_job_failures_in_a_row", "Failures of a job of the worker since it last succeeded.")
    if jobs_file().exists():
        silent = beat_seconds()
        for name, one in json.loads(jobs_file().read_text()).items():
            labels = {"job": name}
            runs.add_sample(f"{runs.name}_total", {**labels, "outcome": "succeeded"}, one["succeeded"])
            runs.add_sample(f"{runs.name}_total", {**labels, "outcome": "failed"}, one["failed"])
            lag.add_sample(lag.name, labels, one["lag_seconds"] + max(0.0, silent - one["every_seconds"]))
            in_a_row.add_sample(in_a_row.name, labels, one["failures_in_a_row"])
    yield from (runs, lag, in_a_row)


def collect_machine() -> Iterator[Metric]:
    """The home's disk, and how long the front door's certificate holds."""
    free = gauge("atrium_disk_free_bytes", "Bytes left on the disk of the home.")
    size = gauge("atrium_disk_size_bytes", "Bytes of the disk of the home.")
    holds = gauge("atrium_certificate_remaining_seconds", "Seconds until the front door's certificate ends.")
    usage = shutil.disk_usage(get_home().root)
    free.add_sample(free.name, {}, usage.free)
    size.add_sample(size.name, {}, usage.free + usage.used)
    if path := get_settings().tls_cert:
        ends = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
        holds.add_sample(holds.name, {}, (ends.astimezone(UTC) - now()).total_seconds())
    yield from (free, size, holds)
