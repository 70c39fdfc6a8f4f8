"""The life of an alert: a simulated clock, then the rules on real samples."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from feeding import Feed
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

import monitoring
from atrium.clock import now
from atrium.database import reading
from atrium.errors import Forbidden
from atrium.events import EventRow
from atrium.identity import Actor
from atrium.metrics import SamplerMetrics
from monitoring.alerts import Tracked, judge, step
from monitoring.models import AlertNotFound, AlertRow, AlertState, SilenceInvalid
from monitoring.rules import find, rule, rules
from tenancy import list_audit

ON_BOTH_DATABASES = True
START = datetime(2026, 1, 1, tzinfo=UTC)
PENDING, FIRING, RESOLVED = AlertState.PENDING, AlertState.FIRING, AlertState.RESOLVED


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 120)), min_size=1, max_size=60), st.integers(0, 300))
def test_an_alert_fires_only_after_its_time_and_is_resolved_once(
    looks: list[tuple[bool, int]], for_seconds: int
) -> None:
    tracked: Tracked | None = None
    moment, true_since = START, None
    for true, seconds in looks:
        moment += timedelta(seconds=seconds)
        before, tracked = tracked, step(tracked, true, moment, for_seconds)
        true_since = (true_since or moment) if true else None
        if true_since is None:
            assert tracked is None or tracked.state is RESOLVED
            if before is not None and before.state is FIRING:
                assert tracked is not None and tracked.resolved_at == moment
            continue
        assert tracked is not None and tracked.pending_since == true_since and tracked.resolved_at is None
        long_enough = (moment - true_since).total_seconds() >= for_seconds
        assert tracked.state is (FIRING if long_enough else PENDING)
        if before is not None and before.state is FIRING:
            assert tracked == before  # nothing moves while it fires


@given(st.integers(0, 300), st.integers(0, 1000))
def test_one_that_was_never_told_of_leaves_no_trace(for_seconds: int, later: int) -> None:
    pending = step(None, True, START, for_seconds + 1)
    assert pending is not None and pending.state is PENDING
    assert step(pending, False, START + timedelta(seconds=later), for_seconds + 1) is None


def test_one_that_comes_again_is_a_new_one() -> None:
    resolved = Tracked(RESOLVED, START, START, START)
    later = START + timedelta(hours=1)
    assert step(resolved, True, later, 0) == Tracked(FIRING, later, later)
    assert step(resolved, False, later, 0) is None


BASE = now().replace(microsecond=0) - timedelta(minutes=40)


def steady(feed: Feed, samples: Mapping[str, float], seconds: int = 300, rise: float = 0.0) -> SamplerMetrics:
    """Ticks of the same samples for some time up to BASE; counters rise by `rise` times their value a tick."""
    ticks = seconds // 15
    for number in range(ticks + 1):
        at = BASE - timedelta(seconds=15 * (ticks - number))
        metrics = feed(at, {key: value * (1 + rise * number) for key, value in samples.items()})
    return metrics


class At(SamplerMetrics):
    """The sampler, asked as if it were BASE."""

    def at(self, query, moment=None):  # type: ignore[no-untyped-def]
        return super().at(query, moment or BASE)


CASES = [
    ("ComponentDown", {"atrium_component_up{component=api}": 0, "atrium_component_up{component=gate}": 1}, 0, ("", "api")),
    ("DiskNearlyFull", {"atrium_disk_free_bytes": 5e9, "atrium_disk_size_bytes": 1e11}, 0, ("", "disk")),
    ("DiskFull", {"atrium_disk_free_bytes": 5e8}, 0, ("", "disk")),
    ("ServiceNotLive", {"atrium_service_live{project=flights,service=delay}": 0}, 0, ("flights", "delay")),
    ("ServiceFailing", {"atrium_service_requests_total{project=flights,service=delay,code_class=5xx}": 1,
                        "atrium_service_requests_total{project=flights,service=delay,code_class=2xx}": 9}, 1,
     ("flights", "delay")),
    ("ServiceSlow", {f"atrium_service_request_duration_seconds_bucket{{project=flights,service=delay,le={le}}}": count
                     for le, count in (("0.5", 1), ("1.0", 5), ("5.0", 10), ("+Inf", 10))}, 1, ("flights", "delay")),
    ("RunFailed", {"atrium_pipeline_last_run_failed{project=flights,pipeline=train}": 1}, 0, ("flights", "train")),
    ("ScheduleLate", {"atrium_schedule_lag_seconds{project=flights,pipeline=train}": 300}, 0, ("flights", "train")),
    ("ScheduleLost", {"atrium_schedule_last_slot_lost{project=flights,pipeline=train}": 1}, 0, ("flights", "train")),
    ("JobLate", {"atrium_job_lag_seconds{job=serving.reconcile}": 90}, 0, ("", "serving.reconcile")),
    ("JobFailing", {"atrium_job_failures_in_a_row{job=serving.reconcile}": 3}, 0, ("", "serving.reconcile")),
    ("CertificateEnds", {"atrium_certificate_remaining_seconds": 86400 * 3}, 0, ("", "certificate")),
    ("MetricsIncomplete", {"atrium_collector_up{source=door}": 0}, 0, ("", "door")),
    ("PrometheusSilent", {"atrium_prometheus_answers": 0}, 0, ("", "prometheus")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "samples", "rise", "expected"), CASES, ids=[case[0] for case in CASES])
def test_a_rule_finds_its_object(
    feed: Feed, name: str, samples: dict[str, float], rise: float, expected: tuple[str, str]
) -> None:
    known = rule(name)
    assert known is not None
    found = find(known, At(steady(feed, samples, rise=rise).path))
    assert [(one.project, one.object) for one in found] == [expected]
    said = str(known.says(*expected, found[0].value))
    assert "{" not in said and "{" not in str(known.advises(*expected))


GOOD = {
    "atrium_component_up{component=api}": 1, "atrium_component_restarts_total{component=api}": 4, "atrium_collector_up{source=door}": 1,
    "atrium_disk_free_bytes": 5e10, "atrium_disk_size_bytes": 1e11, "atrium_service_live{project=flights,service=delay}": 1,
    "atrium_service_requests_total{project=flights,service=delay,code_class=5xx}": 0,
    "atrium_service_requests_total{project=flights,service=delay,code_class=2xx}": 100,
    "atrium_pipeline_last_run_failed{project=flights,pipeline=train}": 0, "atrium_job_lag_seconds{job=a}": 2,
    "atrium_job_failures_in_a_row{job=a}": 0, "atrium_certificate_remaining_seconds": 86400 * 200, "atrium_prometheus_answers": 1,
}  # fmt: skip


def test_no_rule_is_true_of_a_healthy_platform(feed: Feed) -> None:
    metrics = At(steady(feed, GOOD).path)
    assert {one.name: find(one, metrics) for one in rules() if find(one, metrics)} == {}


def test_a_component_that_was_started_again_is_found(feed: Feed) -> None:
    for number in range(21):
        metrics = feed(BASE - timedelta(seconds=15 * (20 - number)),
                       {"atrium_component_restarts_total{component=api}": float(number > 10)})  # fmt: skip
    known = rule("ComponentRestarting")
    assert known is not None
    assert [one.object for one in find(known, At(metrics.path))] == ["api"]


def rows() -> list[AlertRow]:
    with reading() as session:
        return list(session.scalars(select(AlertRow).order_by(AlertRow.id)))


def fired(feed: Feed, samples: Mapping[str, float] | None = None) -> AlertRow:
    """The row of an alert that fires now."""
    metrics = feed(now(), samples or {"atrium_service_live{project=flights,service=delay}": 0})
    judge(metrics, now() - timedelta(minutes=5))
    judge(metrics, now())
    (row,) = rows()
    assert row.state == FIRING
    return row


def test_judging_fires_resolves_and_writes_an_event_each(people: dict[str, Actor], feed: Feed) -> None:
    row = fired(feed)
    metrics = feed(now(), {"atrium_service_live{project=flights,service=delay}": 1})
    judge(metrics, now())
    judge(metrics, now())
    assert [(one.rule, one.state, one.project, one.object) for one in rows()] == [
        ("ServiceNotLive", RESOLVED, "flights", "delay")
    ]
    with reading() as session:
        told = session.scalars(select(EventRow).where(EventRow.kind == "alert.changed").order_by(EventRow.id)).all()
    assert [(one.payload["state"], one.object) for one in told] == [("firing", "delay"), ("resolved", "delay")]
    assert monitoring.alerts_to_tell(people["ben"], "flights") == []
    assert [one.id for one in monitoring.list_alerts(people["ben"], "flights")] == [row.id]


def test_a_rule_that_got_no_answer_leaves_its_alert_as_it_is(people: dict[str, Actor], feed: Feed) -> None:
    fired(feed)
    (path := people_home() / "empty.db").touch()
    broken = SamplerMetrics(path)  # a file without samples
    judge(broken, now())
    assert [one.state for one in rows()] == [FIRING]


def test_a_missed_sample_resolves_no_alert_but_long_silence_does(people: dict[str, Actor], feed: Feed) -> None:
    fired(feed)
    elsewhere, unheard = At(feed(BASE, {"atrium_service_live{project=flights,service=other}": 1}).path), {}
    later = now() + timedelta(minutes=10)
    for minutes, state in ((0, FIRING), (4, FIRING), (6, RESOLVED)):
        judge(elsewhere, later + timedelta(minutes=minutes), unheard=unheard)
        assert [one.state for one in rows()] == [state]


def people_home():  # type: ignore[no-untyped-def]
    from atrium.home import get_home

    return get_home().root


def test_alerts_are_seen_by_who_may_see_their_project(people: dict[str, Actor], feed: Feed) -> None:
    row = fired(feed)
    assert [one.id for one in monitoring.alerts_to_tell(people["vic"], "flights")] == [row.id]
    assert monitoring.list_alerts(people["ada"], "digits") == []
    with pytest.raises(Forbidden):
        monitoring.list_alerts(people["vic"], "digits")
    with pytest.raises(AlertNotFound):
        monitoring.get_alert(people["out"], row.id)
    with pytest.raises(Forbidden):
        monitoring.list_components(people["out"])


def test_an_engineer_silences_a_projects_alert_with_a_reason_and_an_end(people: dict[str, Actor], feed: Feed) -> None:
    row = fired(feed)
    with pytest.raises(Forbidden):
        monitoring.silence(people["vic"], row.id, "planned", 1)
    for reason, hours in (("", 1), ("x" * 301, 1), ("planned", 0), ("planned", 721), ("planned", float("nan"))):
        with pytest.raises(SilenceInvalid):
            monitoring.silence(people["ben"], row.id, reason, hours)
    silenced = monitoring.silence(people["ben"], row.id, "planned", 2).silence
    assert silenced is not None and silenced.by == "ben"
    assert monitoring.alerts_to_tell(people["vic"], "flights") == []
    line = list_audit(people["ada"], "flights").items[0]
    assert (line.action, line.actor, line.object) == ("alert.silence", "ben", "delay")
    assert monitoring.end_silence(people["ben"], row.id).silence is None
    assert [one.id for one in monitoring.alerts_to_tell(people["vic"], "flights")] == [row.id]


def test_only_the_administrator_silences_the_platforms_alerts(people: dict[str, Actor], feed: Feed) -> None:
    row = fired(feed, {"atrium_disk_free_bytes": 5e8})
    assert [one.object for one in monitoring.alerts_to_tell(people["vic"], "flights")] == ["disk"]
    with pytest.raises(Forbidden):
        monitoring.silence(people["ben"], row.id, "planned", 1)
    assert monitoring.silence(people["ada"], row.id, "planned", 1).silence is not None
