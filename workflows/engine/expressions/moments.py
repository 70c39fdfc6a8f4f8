"""Times and durations as Go has them: layouts like `2006-01-02`, and methods like `.Year()`."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from atrium.clock import now
from workflows.engine.durations import seconds_in
from workflows.engine.expressions.values import ExpressionInvalid, Value, Worded

LAYOUT = re.compile(
    r"2006|January|Jan|Monday|Mon|MST|Z07:00|Z0700|-07:00|-0700|-07|\.0+|\.9+|15|06|02|01|03|04|05|_2|PM|pm|[1-5]"
)
CODES = {
    "2006": "%Y", "January": "%B", "Jan": "%b", "Monday": "%A", "Mon": "%a", "MST": "%Z", "15": "%H", "06": "%y", "02": "%d",
    "01": "%m", "03": "%I", "04": "%M", "05": "%S", "PM": "%p", "-0700": "%z",
}  # fmt: skip
LAYOUTS = (
    "2006-01-02", "15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04:05Z07:00", "Mon, 02 Jan 2006 15:04:05 MST",
    "Mon Jan _2 15:04:05 2006",
)  # fmt: skip


def go_format(moment: datetime, layout: str) -> str:
    """A moment in a layout of Go's `time.Format`."""
    single: dict[str, str] = {
        "1": str(moment.month), "2": str(moment.day), "3": str((moment.hour - 1) % 12 + 1), "4": str(moment.minute),
        "5": str(moment.second), "_2": f"{moment.day:2}", "pm": moment.strftime("%p").lower(),
    }  # fmt: skip

    def part(found: re.Match[str]) -> str:
        text = found[0]
        if text == "2006":
            return f"{moment.year:04}"
        if text in CODES:
            return moment.strftime(CODES[text])
        if text in single:
            return single[text]
        if text.startswith("."):
            return "." + f"{moment.microsecond * 1000:09}"[: len(text) - 1]
        return _zone(moment, text)

    return LAYOUT.sub(part, layout)


def _zone(moment: datetime, text: str) -> str:
    offset = moment.strftime("%z")
    if text.startswith("Z"):
        return "Z" if offset == "+0000" else _zone(moment, "-" + text[1:])
    return {"-07:00": f"{offset[:3]}:{offset[3:]}", "-07": offset[:3]}.get(text, offset)


def go_parse(text: str, layout: str) -> datetime:
    """A moment from a text in a layout of Go's. Raises `ExpressionInvalid`."""
    pattern = LAYOUT.sub(lambda found: CODES.get(found[0], "%d" if found[0] in ("_2", "2") else "%z"), layout)
    try:
        made = datetime.strptime(text, pattern)
    except ValueError as error:
        raise ExpressionInvalid(f"parsing time {text!r} as {layout!r}: {error}") from error
    return made if made.tzinfo else made.replace(tzinfo=UTC)


def seconds_of(text: str) -> float:
    """Seconds in a duration of Go: `1h30m`, `-1.5s`. Raises `ExpressionInvalid`."""
    try:
        return seconds_in(text)
    except ValueError as error:
        raise ExpressionInvalid(str(error)) from None


@dataclass(frozen=True, order=True)
class Duration:
    """A span of time."""

    seconds: float

    def as_json(self) -> object:
        """Nanoseconds."""
        return round(self.seconds * 1e9)

    def method(self, name: str) -> Callable[..., Value]:
        """Go's method of that name. Raises `ExpressionInvalid`."""
        table: dict[str, Callable[..., Value]] = {
            "Seconds": lambda: self.seconds,
            "Minutes": lambda: self.seconds / 60,
            "Hours": lambda: self.seconds / 3600,
            "Milliseconds": lambda: int(self.seconds * 1000),
            "String": lambda: str(self),
        }
        if name not in table:
            raise ExpressionInvalid(f"a duration has no method {name}; it has {', '.join(table)}")
        return table[name]

    def computed(self, operator: str, other: Value) -> Value:
        """The sum or difference with another. Raises `ExpressionInvalid`."""
        if isinstance(other, Moment) and operator == "+":
            return other.computed("+", self)
        if operator == "*" and isinstance(other, int):
            return Duration(self.seconds * other)
        if not isinstance(other, Duration) or operator == "*":
            raise ExpressionInvalid(f"a duration {operator} {other!r} is not known")
        return Duration(self.seconds + other.seconds if operator == "+" else self.seconds - other.seconds)

    def __str__(self) -> str:
        """As Go prints it: `1h30m0s`."""
        if self.seconds == 0:
            return "0s"
        sign, left = ("-", -self.seconds) if self.seconds < 0 else ("", self.seconds)
        if left < 1:
            return f"{sign}{left * 1000:g}ms"
        hours, rest = divmod(left, 3600)
        minutes, seconds = divmod(rest, 60)
        text = f"{seconds:.9f}".rstrip("0").rstrip(".") + "s"
        if hours:
            return f"{sign}{int(hours)}h{int(minutes)}m{text}"
        return f"{sign}{int(minutes)}m{text}" if minutes else sign + text


@dataclass(frozen=True, order=True)
class Moment:
    """A moment with its zone."""

    at: datetime

    def as_json(self) -> object:
        """RFC 3339."""
        return str(self)

    def method(self, name: str) -> Callable[..., Value]:
        """Go's method of that name. Raises `ExpressionInvalid`."""
        at = self.at
        table: dict[str, Callable[..., Value]] = {
            "Year": lambda: at.year,
            "Month": lambda: Worded(at.month, at.strftime("%B")),
            "Day": lambda: at.day,
            "Hour": lambda: at.hour,
            "Minute": lambda: at.minute,
            "Second": lambda: at.second,
            "Weekday": lambda: Worded((at.weekday() + 1) % 7, at.strftime("%A")),
            "YearDay": lambda: at.timetuple().tm_yday,
            "Unix": lambda: int(at.timestamp()),
            "UnixMilli": lambda: int(at.timestamp() * 1000),
            "UTC": lambda: Moment(at.astimezone(UTC)),
            "In": lambda zone: Moment(at.astimezone(zone.info)),
            "Format": lambda layout: go_format(at, layout),
            "Add": lambda span: self.computed("+", span),
            "Sub": lambda other: self.computed("-", other),
            "AddDate": self._add_date,
            "Before": lambda other: at < other.at,
            "After": lambda other: at > other.at,
            "Equal": lambda other: at == other.at,
            "String": lambda: go_format(at, "2006-01-02 15:04:05 -0700 MST"),
        }
        if name not in table:
            raise ExpressionInvalid(f"a time has no method {name}; it has {', '.join(table)}")
        return table[name]

    def _add_date(self, years: int, months: int, days: int) -> Value:
        month = self.at.month - 1 + months
        first = self.at.replace(year=self.at.year + years + month // 12, month=month % 12 + 1, day=1)
        return Moment(first + timedelta(days=self.at.day - 1 + days))

    def computed(self, operator: str, other: Value) -> Value:
        """The moment so much later or earlier, or the span between two. Raises `ExpressionInvalid`."""
        if isinstance(other, Duration):
            return Moment(self.at + timedelta(seconds=other.seconds if operator == "+" else -other.seconds))
        if isinstance(other, Moment) and operator == "-":
            return Duration((self.at - other.at).total_seconds())
        raise ExpressionInvalid(f"a time {operator} {other!r} is not known")

    def __str__(self) -> str:
        """RFC 3339, as JSON has it."""
        return go_format(self.at, "2006-01-02T15:04:05Z07:00")


@dataclass(frozen=True)
class Zone:
    """A time zone."""

    info: ZoneInfo

    def as_json(self) -> object:
        """Go shows nothing of it."""
        return {}


def current() -> Moment:
    """Now, in UTC."""
    return Moment(now().astimezone(UTC))


def read(text: Value, layout: str = "", zone: str = "") -> Moment:
    """A moment from a text, by the layout or the usual ones. Raises `ExpressionInvalid`."""
    for one in (layout,) if layout else LAYOUTS:
        try:
            made = go_parse(str(text), one)
        except ExpressionInvalid:
            continue
        return Moment(made.replace(tzinfo=ZoneInfo(zone)) if zone else made)
    raise ExpressionInvalid(f"invalid date {text}")
