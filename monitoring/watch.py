"""The worker's part: asks the components, samples the metrics, judges the rules, draws the charts."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from atrium.clock import now
from atrium.database import reading, writing
from atrium.events import emit, recent
from atrium.home import get_home
from atrium.identity import Actor, Verb, require
from atrium.jobs import Job
from atrium.metrics import (
    EVERY_SECONDS,
    Metrics,
    MetricsUnavailable,
    Query,
    Writer,
    gauge,
    prometheus,
    sampler,
    sampler_file,
    samples,
)
from monitoring.alerts import Key, forget_old, judge
from monitoring.charts import draw
from monitoring.collect import collect
from monitoring.models import ComponentRow, ComponentStatus
from monitoring.replicas import FORGOTTEN, leads
from tenancy import audit

log = logging.getLogger(__name__)
COMPONENT_SECONDS = 10.0
RESTART_ASKED = "component.restart-asked"
SECOND, LONGEST_RESTART = timedelta(seconds=1), timedelta(minutes=2)  # supervisord tells whole seconds
LOOKS_A_DAY_CHART = 20  # the last day is drawn every five minutes
Checks = Callable[[], Sequence[ComponentStatus]]


def note_restart(who: Actor, name: str) -> None:
    """Notes that somebody asked for a restart of a component, so that it does not count as a death. Raises `Forbidden`."""
    require(who, Verb.ADMINISTER)
    with writing() as session:
        audit(session, who, "component.restart", None, name)
        emit(session, RESTART_ASKED, "", name, {"by": who.name})


def _asked_for(name: str, began: datetime | None) -> bool:
    """Whether the process that began then was started because somebody asked for it shortly before."""
    asked = recent(RESTART_ASKED, "", name, 1)
    return bool(asked and began and asked[0].at - SECOND <= began <= asked[0].at + LONGEST_RESTART)


def note_components(found: Sequence[ComponentStatus], moment: datetime | None = None) -> None:
    """Keeps what was found of each component; a process that began anew under the same supervisor was restarted."""
    at, pid_file = moment or now(), get_home().run / "supervisord.pid"
    supervisor = pid_file.read_text().strip() if pid_file.exists() else ""
    with writing() as session:
        own = get_home().replica
        known = {row.name: row for row in session.scalars(select(ComponentRow).where(ComponentRow.replica == own))}
        for place, one in enumerate(found):
            since = datetime.fromisoformat(one.since) if one.since else None
            row = known.pop(one.name, None)
            if row is None:
                row = ComponentRow(
                    replica=own, name=one.name, state="", restarts=0, supervisor=supervisor, since=since, changed_at=at
                )
                session.add(row)
            died = row.since and since and since > row.since and row.supervisor == supervisor
            if died and not _asked_for(one.name, since):
                row.restarts, row.restarted_at = row.restarts + 1, at
            if row.state != one.state:
                row.changed_at = at
                emit(session, "component.changed", "", one.name, {"state": one.state, "checked": one.checked[:300]})
            row.place, row.what, row.state, row.since = place, one.what, one.state, since or row.since
            row.version, row.memory_mib, row.checked, row.mend = (
                one.version,
                one.memory_mib,
                one.checked[:1000],
                one.mend,
            )
            row.checked_at, row.supervisor = at, supervisor
        for gone in known.values():
            session.delete(gone)
        session.execute(
            delete(ComponentRow).where(ComponentRow.checked_at < at - FORGOTTEN, ComponentRow.replica != own)
        )


class Keeper:
    """Who answers questions about metrics just now: Prometheus where it answers and knows this platform, else the sampler."""

    def __init__(self) -> None:
        self.writer: Writer | None = None
        self.note, self.looks = "", 0
        self.unheard: dict[Key, datetime] = {}

    def metrics(self) -> Metrics:
        """Prometheus or the sampler; `note` tells why it is not Prometheus where there should be one."""
        theirs = prometheus()
        self.note = ""
        if theirs is None:
            return sampler()
        try:
            if theirs.at(Query("atrium_component_up")):
                return theirs
            self.note = f"Prometheus at {theirs.about().where} has no samples of this platform"
        except MetricsUnavailable as error:
            self.note = str(error)
        return sampler()

    def sample(self) -> None:
        """Keeps one tick in the sampler's file, whoever answers, so that a Prometheus that falls silent leaves no gap."""
        self.writer = self.writer or Writer(sampler_file())
        found = collect()
        if prometheus() is not None:
            answers = gauge("atrium_prometheus_answers", "1 where Prometheus answers and scrapes this platform.")
            answers.add_sample(answers.name, {}, float(not self.note))
            found.append(answers)
        if dropped := self.writer.add(samples(found)):
            log.warning("the sampler had no room for %d series", dropped)

    def look(self) -> None:
        """Samples; where it leads, judges every rule, draws the last hour, and now and then the last day."""
        self.sample()
        metrics = self.metrics()
        with reading() as session:
            if not leads(session, now()):
                return
        judge(metrics, unheard=self.unheard)
        draw(metrics, "hour", self.note)
        if self.looks % LOOKS_A_DAY_CHART == 0:
            draw(metrics, "day", self.note)
        self.looks += 1


def jobs(checks: Checks) -> list[Job]:
    """The worker's part; `checks` asks every component at once."""
    keeper = Keeper()
    return [
        Job("monitoring.components", COMPONENT_SECONDS, lambda: note_components(checks())),
        Job("monitoring.look", EVERY_SECONDS, keeper.look),
        Job("monitoring.forget", 3600, forget_old),
    ]
