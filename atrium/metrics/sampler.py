"""Our own keeper where there is no Prometheus: the last day at 15 seconds in one SQLite file, which the worker alone writes.

A tick is one row of a ring: every series' value at that moment, by the series' number, packed and compressed. The file cannot
outgrow the ring, whatever is measured.
"""

import json
import math
import sqlite3
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from atrium.clock import now
from atrium.metrics.arithmetic import quantile, rate
from atrium.metrics.protocol import LOOKBACK_SECONDS, Answerer, Line, MetricsUnavailable, Point, Query

EVERY_SECONDS = 15
KEPT_SECONDS = 86_400
MOST_SERIES = 4000
NOTED_SECONDS = 600  # how exactly it is noted when a series was last seen
BUSY_SECONDS = 10
SCHEMA = """
PRAGMA journal_mode=WAL;
PRAGMA synchronous=NORMAL;
CREATE TABLE IF NOT EXISTS series (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, labels TEXT NOT NULL, seen REAL NOT NULL, UNIQUE (name, labels));
CREATE TABLE IF NOT EXISTS ticks (slot INTEGER PRIMARY KEY, at REAL NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS ticks_at ON ticks (at);
"""
Key = tuple[tuple[str, str], ...]
Samples = list[tuple[float, float]]


class Writer:
    """The one writer of a sampler's file."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False)
        self.connection.executescript(SCHEMA)
        path.chmod(0o600)
        self.dropped = 0

    def _number(self, at: float, name: str, labels: str) -> int | None:
        """The series' number, a new one if needed, one of a series gone for a day if there is no more room; None for none."""
        find = "SELECT id, seen FROM series WHERE name=? AND labels=?"
        if known := self.connection.execute(find, (name, labels)).fetchone():
            if known[1] < at - NOTED_SECONDS:
                self.connection.execute("UPDATE series SET seen=? WHERE id=?", (at, known[0]))
            return int(known[0])
        number = int(self.connection.execute("SELECT count(*) FROM series").fetchone()[0])
        if number >= MOST_SERIES:
            gone = "SELECT id FROM series WHERE seen < ? ORDER BY seen LIMIT 1"
            found = self.connection.execute(gone, (at - KEPT_SECONDS - NOTED_SECONDS,)).fetchone()
            if found is None:
                return None
            number = int(found[0])
        self.connection.execute("INSERT OR REPLACE INTO series VALUES (?,?,?,?)", (number, name, labels, at))
        return number

    def add(self, samples: Iterable[tuple[str, Mapping[str, str], float]], moment: datetime | None = None) -> int:
        """Keeps one tick of (name, labels, value); returns how many series found no room (of 4,000)."""
        at = (moment or now()).timestamp()
        values, dropped = array("d"), 0
        with self.connection:
            for name, labels, value in samples:
                number = self._number(at, name, json.dumps(dict(sorted(labels.items()))))
                if number is None:
                    dropped += 1
                    continue
                if number >= len(values):
                    values.extend([math.nan] * (number + 1 - len(values)))
                values[number] = value
            slot = int(at // EVERY_SECONDS) % (KEPT_SECONDS // EVERY_SECONDS)
            row = (slot, at, zlib.compress(values.tobytes(), 1))
            self.connection.execute("INSERT OR REPLACE INTO ticks VALUES (?,?,?)", row)
        self.dropped = dropped
        return dropped

    def close(self) -> None:
        """Closes the file."""
        self.connection.close()


class SamplerMetrics:
    """Reads a sampler's file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def _series(self, connection: sqlite3.Connection, name: str, where: Mapping[str, str]) -> dict[int, dict[str, str]]:
        rows = connection.execute("SELECT id, labels FROM series WHERE name=?", (name,))
        found = {int(number): dict(json.loads(labels)) for number, labels in rows}
        return {
            number: labels
            for number, labels in found.items()
            if all(labels.get(key, "") == value for key, value in where.items())
        }

    @staticmethod
    def _ticks(connection: sqlite3.Connection, start: float, end: float) -> Iterator[tuple[float, "array[float]"]]:
        rows = connection.execute("SELECT at, body FROM ticks WHERE at >= ? AND at <= ? ORDER BY at", (start, end))
        for at, body in rows:
            values = array("d")
            values.frombytes(zlib.decompress(body))
            yield float(at), values

    def _read(self, query: Query, start: float, end: float) -> tuple[list[float], list[tuple[dict[str, str], Samples]]]:
        """Moments of the ticks, and each series with its samples there."""
        name = query.metric + ("_bucket" if query.quantile is not None else "")
        if not self.path.exists():
            return [], []
        try:
            with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=BUSY_SECONDS)) as connection:
                connection.execute("BEGIN")  # numbers and ticks of one moment
                series = self._series(connection, name, query.where)
                samples: dict[int, Samples] = {number: [] for number in series}
                moments = []
                for at, values in self._ticks(connection, start, end):
                    moments.append(at)
                    for number, found in samples.items():
                        if number < len(values) and not math.isnan(values[number]):
                            found.append((at, values[number]))
        except sqlite3.Error as error:
            raise MetricsUnavailable(
                f"samples in {self.path} ({error})", "the worker writes them every 15 s", "run .venv/bin/atrium doctor"
            ) from error
        return moments, [(series[number], found) for number, found in samples.items()]

    def at(self, query: Query, moment: datetime | None = None) -> list[Point]:
        """The values at a moment."""
        at = (moment or now()).timestamp()
        moments, series = self._read(query, at - (query.rate_seconds or LOOKBACK_SECONDS), at)
        return [Point(dict(key), value) for key, value in _values(query, at, moments, series).items()]

    def between(self, query: Query, start: datetime, end: datetime, step_seconds: float) -> list[Line]:
        """The values over time."""
        before = timedelta(seconds=query.rate_seconds or LOOKBACK_SECONDS)
        moments, series = self._read(query, (start - before).timestamp(), end.timestamp())
        lines: dict[Key, list[tuple[datetime, float]]] = {}
        for step in range(int((end - start).total_seconds() // step_seconds) + 1):
            moment = start + timedelta(seconds=step * step_seconds)
            for key, value in _values(query, moment.timestamp(), moments, series).items():
                lines.setdefault(key, []).append((moment.astimezone(UTC), value))
        return [Line(dict(key), values) for key, values in lines.items()]

    def about(self) -> Answerer:
        """Which file."""
        return Answerer("sampler", str(self.path))


def _one(query: Query, at: float, newest: float | None, samples: Samples) -> float | None:
    """One series' value at a moment: its rate, or what the newest tick says of it."""
    end = bisect_right(samples, (at, math.inf))
    if query.rate_seconds:
        start = bisect_left(samples, (at - query.rate_seconds, -math.inf))
        return rate(samples[start:end], at - query.rate_seconds, at)
    last = samples[end - 1] if end else None
    return last[1] if last and last[0] == newest else None


def _values(
    query: Query, at: float, moments: list[float], series: list[tuple[dict[str, str], Samples]]
) -> dict[Key, float]:
    place = bisect_right(moments, at)
    newest = moments[place - 1] if place and moments[place - 1] >= at - LOOKBACK_SECONDS else None
    groups: dict[Key, list[tuple[float, float]]] = {}
    for labels, samples in series:
        value = _one(query, at, newest, samples)
        if value is not None:
            key = tuple((label, labels[label]) for label in query.by if labels.get(label))
            groups.setdefault(key, []).append((float(labels.get("le", "nan")), value))
    if query.quantile is None:
        return {key: _taken(query, [value for _, value in found]) for key, found in groups.items()}
    found = {key: quantile(query.quantile, _summed(pairs)) for key, pairs in groups.items()}
    return {key: value for key, value in found.items() if value is not None}


def _taken(query: Query, values: list[float]) -> float:
    if query.together == "sum":
        return sum(values)
    return max(values) if query.together == "max" else min(values)


def _summed(pairs: list[tuple[float, float]]) -> dict[float, float]:
    buckets: dict[float, float] = {}
    for bound, value in pairs:
        buckets[bound] = buckets.get(bound, 0.0) + value
    return buckets
