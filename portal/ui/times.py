"""Moments and spans of time in words: how long ago, when exactly (with its zone), how long."""

from datetime import UTC, datetime

from atrium.clock import now
from portal.words import _

MINUTE, HOUR, DAY = 60, 3600, 86400
OLD = 100 * DAY
Moment = datetime | str | None


def _read(moment: datetime | str) -> datetime:
    found = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def age(moment: Moment) -> str:
    """How long ago, in a few letters, or the day where that is long ago; an en dash for never."""
    if not moment:
        return "–"
    seconds = max(0, int((now() - _read(moment)).total_seconds()))
    if seconds >= OLD:
        return f"{_read(moment).astimezone(UTC):%Y-%m-%d}"
    if seconds < MINUTE:
        return _("{n} s ago").format(n=seconds)
    if seconds < HOUR:
        return _("{n} min ago").format(n=seconds // MINUTE)
    return _("{n} h ago").format(n=seconds // HOUR) if seconds < 2 * DAY else _("{n} days ago").format(n=seconds // DAY)


def coming(moment: Moment) -> str:
    """In how long, in a few letters; an en dash for never."""
    if not moment:
        return "–"
    seconds = max(0, int((_read(moment) - now()).total_seconds()))
    if seconds < MINUTE:
        return _("in {n} s").format(n=seconds)
    if seconds < HOUR:
        return _("in {n} min").format(n=seconds // MINUTE)
    return _("in {n} h").format(n=seconds // HOUR) if seconds < 2 * DAY else _("in {n} days").format(n=seconds // DAY)


def when(moment: Moment) -> str:
    """The moment itself, in UTC and saying so; an en dash for never."""
    return f"{_read(moment).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moment else "–"


def dated(moment: Moment) -> str:
    """The moment itself with how long ago that is, where it is not long ago; an en dash for never."""
    told = age(moment)
    return when(moment) if when(moment).startswith(told) else f"{when(moment)} ({told})"


def lasted(begin: Moment, end: Moment = None) -> str:
    """How long from `begin` to `end`, or until now; an en dash where it has not begun."""
    if not begin:
        return "–"
    return span(((_read(end) if end else now()) - _read(begin)).total_seconds())


def span(seconds: float) -> str:
    """A number of seconds as `0.4 s`, `12 s`, `3 min 05 s` or `2 h 10 min`."""
    whole = max(0, int(seconds))
    if seconds < 10:
        return _("{n} s").format(n=f"{max(0.0, seconds):.1f}")
    if whole < MINUTE:
        return _("{n} s").format(n=whole)
    if whole < HOUR:
        return _("{m} min {s} s").format(m=whole // MINUTE, s=f"{whole % MINUTE:02d}")
    return _("{h} h {m} min").format(h=whole // HOUR, m=f"{whole % HOUR // MINUTE:02d}")
