"""Cron schedules."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.crontab import ScheduleInvalid, read_crontab


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "zone", "after", "then"),
    [
        ("* * * * *", "", "2026-01-01T00:00:30", "2026-01-01T00:01:00"),
        ("30 2 * * 1-5", "", "2026-01-02T02:30:00", "2026-01-05T02:30:00"),
        ("0 0 29 2 *", "", "2026-03-01T00:00:00", "2028-02-29T00:00:00"),
        ("0 12 13 * fri", "", "2026-01-01T00:00:00", "2026-01-02T12:00:00"),
        ("5/20 * * * *", "", "2026-01-01T00:26:00", "2026-01-01T00:45:00"),
        ("0 9 * * *", "Asia/Shanghai", "2026-06-01T00:59:00", "2026-06-01T01:00:00"),
        ("30 2 * * *", "Europe/Paris", "2026-03-28T12:00:00", "2026-03-30T00:30:00"),
        ("30 2 * * *", "Europe/Paris", "2026-10-25T00:30:00", "2026-10-25T01:30:00"),
        ("CRON_TZ=America/New_York @daily", "", "2026-01-01T05:00:00", "2026-01-02T05:00:00"),
        ("@every 1h30m", "", "2026-01-01T00:00:00", "2026-01-01T01:30:00"),
    ],
)
def test_a_schedule_names_the_next_time(schedule, zone, after, then):
    assert read_crontab(schedule, zone).next_after(at(after)) == at(then)


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ("* * *", "expected exactly 5 fields, found 3: [* * *]"),
        ("61 * * * *", "end of range (61) above maximum (59): 61"),
        ("* 5-2 * * *", "beginning of range (5) beyond end of range (2): 5-2"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("x * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'),
        ("@fortnightly", "unrecognized descriptor: @fortnightly"),
        ("CRON_TZ=Mars/Base * * * * *", "provided bad location Mars/Base: unknown time zone Mars/Base"),
    ],
)
def test_a_schedule_that_cannot_be_read_is_refused_as_argo_does(schedule, said):
    with pytest.raises(ScheduleInvalid) as refused:
        read_crontab(schedule)
    assert str(refused.value) == said


@given(
    st.integers(0, 59), st.integers(0, 23), st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
    st.sampled_from(["UTC", "Europe/Paris", "America/Sao_Paulo", "Asia/Kathmandu", "Australia/Lord_Howe"]),
)  # fmt: skip
def test_every_time_fits_its_schedule_and_lies_after(minute, hour, moment, zone):
    crontab = read_crontab(f"{minute} {hour} * * *", zone)
    found = crontab.next_after(moment.replace(tzinfo=UTC))
    local = found.astimezone(crontab.zone)
    assert (local.minute, local.hour) == (minute, hour)
    assert found > moment.replace(tzinfo=UTC)


@given(
    st.sampled_from(["@every 90s", "@every 7s", "* * * * *", "*/5 2 * * *"]),
    st.lists(st.integers(1, 4000), min_size=1, max_size=40),
)
def test_every_time_is_due_once_however_often_somebody_looks(schedule, pauses):
    crontab, moment = read_crontab(schedule), at("2026-01-01T00:00:00")
    since, seen = moment, []
    for seconds in pauses:
        moment += timedelta(milliseconds=100 * seconds)
        due, since = crontab.due(since, moment, 1000)
        seen += due
    assert seen == crontab.between(at("2026-01-01T00:00:00"), moment, 1_000_000)
