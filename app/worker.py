"""`python -m app.worker`: schedules, reconciliation and summaries, each job in a thread of its own."""

import logging
import signal
import threading
import time

import app.door.counted
import app.door.rights
import serving.reconcile
import workflows.worker
from atrium.events import forget_old
from atrium.home import get_home
from atrium.jobs import Job
from atrium.serve import log_to_stderr

log = logging.getLogger(__name__)
LONGEST_WAIT_SECONDS = 60.0
HEARTBEAT_SECONDS = 2.0


def heartbeat() -> None:
    """Tells that the worker lives."""
    (get_home().run / "worker.beat").write_text(str(time.time()))


def all_jobs() -> list[Job]:
    """Every area's jobs."""
    own = [
        Job("worker.heartbeat", HEARTBEAT_SECONDS, heartbeat),
        Job("events.forget", 3600, lambda: log.info("%d events forgotten", forget_old())),
    ]
    return [
        *own,
        *app.door.rights.jobs(),
        *app.door.counted.jobs(),
        *workflows.worker.jobs(),
        *serving.reconcile.jobs(),
    ]


def repeat(job: Job, ended: threading.Event) -> None:
    """Runs a job until the worker ends; after a failure it waits twice as long each time, 60 seconds at most."""
    wait = job.every_seconds
    while not ended.wait(wait):
        try:
            job.run()
            wait = job.every_seconds
        except Exception:
            wait = min(max(wait, 0.5) * 2, LONGEST_WAIT_SECONDS)
            log.exception("job %s failed; again in %.0f s", job.name, wait)


def main() -> None:
    """Runs every job until told to stop."""
    log_to_stderr()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    threads = [threading.Thread(target=repeat, args=(job, ended), name=job.name, daemon=True) for job in all_jobs()]
    for thread in threads:
        thread.start()
    ended.wait()


if __name__ == "__main__":
    main()
