"""`python -m app.worker`: schedules, reconciliation and summaries, each job in a thread of its own."""

import json
import logging
import os
import signal
import threading
import time

import app.door.certificate
import app.door.counted
import app.door.rights
import atrium.lineage
import feature_store.worker
import model_registry.worker
import monitoring.watch
import serving.reconcile
import workflows.worker
from app.status import statuses
from atrium.events import forget_old
from atrium.home import get_home
from atrium.jobs import Job, JobRecord, jobs_file
from atrium.serve import log_to_stderr

log = logging.getLogger(__name__)
LONGEST_WAIT_SECONDS = 60.0
HEARTBEAT_SECONDS = 2.0
LINEAGE_SECONDS = 2.0


RECORDS: dict[str, JobRecord] = {}


def heartbeat() -> None:
    """Tells that the worker lives, and how its jobs go."""
    fresh = jobs_file().with_suffix(".new")
    fresh.write_text(json.dumps({name: record.told() for name, record in RECORDS.items()}))
    os.replace(fresh, jobs_file())
    (get_home().run / "worker.beat").write_text(str(time.time()))


def all_jobs() -> list[Job]:
    """Every area's jobs."""
    own = [
        Job("worker.heartbeat", HEARTBEAT_SECONDS, heartbeat),
        Job("lineage.forward", LINEAGE_SECONDS, atrium.lineage.forward),
        Job("events.forget", 3600, lambda: log.info("%d events forgotten", forget_old())),
    ]
    areas = (
        app.door.rights, app.door.certificate, app.door.counted, workflows.worker, feature_store.worker, model_registry.worker,
        serving.reconcile,
    )  # fmt: skip
    return [*own, *(job for area in areas for job in area.jobs()), *monitoring.watch.jobs(statuses)]


def repeat(job: Job, ended: threading.Event) -> None:
    """Runs a job until the worker ends; after a failure it waits twice as long each time, 60 seconds at most."""
    wait = job.every_seconds
    while not ended.wait(wait):
        try:
            job.run()
            wait = job.every_seconds
            RECORDS[job.name].note(good=True)
        except Exception:
            RECORDS[job.name].note(good=False)
            wait = min(max(wait, 0.5) * 2, LONGEST_WAIT_SECONDS)
            log.exception("job %s failed; again in %.0f s", job.name, wait)


def main() -> None:
    """Runs every job until told to stop."""
    log_to_stderr()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    jobs = all_jobs()
    RECORDS.update({job.name: JobRecord(job.every_seconds) for job in jobs})
    threads = [threading.Thread(target=repeat, args=(job, ended), name=job.name, daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    ended.wait()


if __name__ == "__main__":
    main()
