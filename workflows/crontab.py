"""Cron schedules as Argo reads them: five fields, names, steps, `@daily`, `@every 90s`, in a time zone.

The rules are those of the library that Argo uses (robfig/cron v3, its standard parser): a day fits if it fits the day of the month or of the
week where both are given; an hour that a clock change leaves out is not run, one that it repeats is run twice.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

MONTHS = {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
DAYS = {name: number for number, name in enumerate("sun mon tue wed thu fri sat".split())}
FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day", 1, 31, {}),
    ("month", 1, 12, MONTHS),
    ("weekday", 0, 6, DAYS),
)
DESCRIPTORS = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip
UNITS = {"h": 3600, "m": 60, "s": 1}
LONGEST_SEARCH = timedelta(days=5 * 366)


class ScheduleInvalid(ValueError):
    """A schedule that cannot be read; the text says which part."""


@dataclass(frozen=True)
class Crontab:
    """A schedule that was read: the values of each field, or a period in seconds; and its time zone."""

    fields: tuple[frozenset[int], ...]
    stars: tuple[bool, ...]
    zone: ZoneInfo
    every_seconds: int = 0

    def next_after(self, moment: datetime) -> datetime | None:
        """The first time after `moment` that it names, in UTC; None where there is none in five years."""
        if self.every_seconds:
            return moment.replace(microsecond=0) + timedelta(seconds=self.every_seconds)
        found = moment.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
        last = found + LONGEST_SEARCH
        while found < last:
            local = found.astimezone(self.zone)
            if local.month not in self.fields[3] or not self._day(local):
                midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, tzinfo=None)
                found = max(midnight.replace(tzinfo=self.zone).astimezone(UTC), found + timedelta(minutes=1))
            elif local.hour not in self.fields[1]:
                found += timedelta(minutes=60 - local.minute)
            elif local.minute not in self.fields[0]:
                found += timedelta(minutes=1)
            else:
                return found
        return None

    def _day(self, local: datetime) -> bool:
        by_month, by_week = local.day in self.fields[2], local.isoweekday() % 7 in self.fields[4]
        return by_month and by_week if self.stars[2] or self.stars[4] else by_month or by_week

    def between(self, after: datetime, until: datetime, most: int) -> list[datetime]:
        """The times after `after` and up to `until`, the last `most` of them."""
        found: list[datetime] = []
        moment = self.next_after(after)
        while moment is not None and moment <= until:
            found.append(moment)
            moment = self.next_after(moment)
            if len(found) > 2 * most:
                found = found[-most:]
        return found[-most:]

    def due(self, since: datetime, until: datetime, most: int) -> tuple[list[datetime], datetime]:
        """The last `most` times after `since` and up to `until`, and since when to look the next time.

        A period (`@every 90s`) counts from its last time, whoever looks how often in between.
        """
        found = self.between(since, until, most)
        if not self.every_seconds:
            return found, until
        return found, found[-1] if found else since


def read_crontab(text: str, zone: str = "") -> Crontab:
    """Reads a schedule like `30 2 * * 1-5`; `CRON_TZ=Europe/Paris ` before it, or `zone`, names the time zone, UTC else.

    Raises:
        ScheduleInvalid: in the words of Argo's parser.
    """
    if found := re.match(r"(?:CRON_)?TZ=(\S*)\s+(.*)", text):
        zone, text = found[1], found[2]
    place = _zone(zone)
    text = text.strip()
    if text.startswith("@every "):
        return Crontab((), (), place, _period(text.removeprefix("@every ")))
    if text.startswith("@") and text not in DESCRIPTORS:
        raise ScheduleInvalid(f"unrecognized descriptor: {text}")
    words = DESCRIPTORS.get(text, text).split()
    if not words:
        raise ScheduleInvalid("empty spec string")
    if len(words) != len(FIELDS):
        raise ScheduleInvalid(f"expected exactly 5 fields, found {len(words)}: [{' '.join(words)}]")
    values = tuple(
        _field(word, lowest, highest, names) for word, (_, lowest, highest, names) in zip(words, FIELDS, strict=True)
    )
    stars = tuple(any(part.partition("/")[0] in ("*", "?") for part in word.split(",")) for word in words)
    return Crontab(values, stars, place)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError) as error:
        raise ScheduleInvalid(f"provided bad location {name}: unknown time zone {name}") from error


def _period(text: str) -> int:
    parts = re.findall(r"(\d+)([hms])", text)
    seconds = sum(int(number) * UNITS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != text or seconds < 1:
        raise ScheduleInvalid(f'failed to parse duration @every {text}: time: invalid duration "{text}"')
    return seconds


def _field(text: str, lowest: int, highest: int, names: dict[str, int]) -> frozenset[int]:
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        found |= set(_range(part, lowest, highest, names))
    return frozenset(found)


def _range(text: str, lowest: int, highest: int, names: dict[str, int]) -> range:
    bounds, _, step_text = text.partition("/")
    first_text, dash, last_text = bounds.partition("-")
    if step_text.count("/"):
        raise ScheduleInvalid(f"too many slashes: {text}")
    if last_text.count("-"):
        raise ScheduleInvalid(f"too many hyphens: {text}")
    if first_text in ("*", "?"):
        first, last = lowest, highest
    else:
        first = _number(first_text, names)
        last = _number(last_text, names) if dash else highest if step_text else first
    step = _number(step_text, {}) if "/" in text else 1
    if first < lowest:
        raise ScheduleInvalid(f"beginning of range ({first}) below minimum ({lowest}): {text}")
    if last > highest:
        raise ScheduleInvalid(f"end of range ({last}) above maximum ({highest}): {text}")
    if first > last:
        raise ScheduleInvalid(f"beginning of range ({first}) beyond end of range ({last}): {text}")
    if step == 0:
        raise ScheduleInvalid(f"step of range should be a positive number: {text}")
    return range(first, last + 1, step)


def _number(text: str, names: dict[str, int]) -> int:
    if text.lower() in names:
        return names[text.lower()]
    if not text.isdigit():
        raise ScheduleInvalid(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax')
    return int(text)
