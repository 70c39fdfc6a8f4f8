"""What every answerer of the metrics seam does, held to the same samples and the same numbers."""

from datetime import UTC, datetime, timedelta

import pytest

from atrium.clock import now
from atrium.metrics import Metrics, Query

START = datetime.fromtimestamp(int(now().timestamp()) // 7200 * 7200 - 14_400, UTC)  # two blocks of Prometheus' ago
TICK, TICKS = 15, 81
END = START + timedelta(seconds=TICK * (TICKS - 1))
BUCKETS = ("0.1", "0.5", "1.0", "+Inf")


def tick(number: int) -> list[tuple[str, dict[str, str], float]]:
    """Samples of one tick: memory of two parts, a counter that is reset in the middle, a histogram, a series that ends."""
    middle = TICKS // 2
    count = number if number < middle else number - middle
    found = [
        ("memory_bytes", {"part": "door", "host": "a"}, 100.0 + number),
        ("memory_bytes", {"part": "door", "host": "b"}, 50.0),
        ("memory_bytes", {"part": "gate", "host": "a"}, 10.0),
        ("requests_total", {"part": "door", "class": "2xx"}, 30.0 * count),
        ("requests_total", {"part": "door", "class": "5xx"}, 3.0 * number),
    ]
    found += [("seconds_bucket", {"part": "door", "le": bound}, number * share) for bound, share in
              zip(BUCKETS, (50.0, 90.0, 100.0, 100.0), strict=True)]  # fmt: skip
    if number < TICKS - 30:
        found.append(("gone", {"part": "door"}, 1.0))
    return found


class MetricsContract:
    """Inherited by a test class of each answerer, whose fixture `metrics` holds the ticks above."""

    def test_the_newest_values_are_summed_by_the_labels_asked_for(self, metrics: Metrics) -> None:
        found = {one.labels["part"]: one.value for one in metrics.at(Query("memory_bytes", by=("part",)), END)}
        assert found == {"door": 230.0, "gate": 10.0}

    @pytest.mark.parametrize(("together", "expected"), [("max", 180.0), ("min", 50.0)])
    def test_the_largest_or_least_is_taken(self, metrics: Metrics, together: str, expected: float) -> None:
        query = Query("memory_bytes", {"part": "door"}, together=together)  # type: ignore[arg-type]
        assert [(one.labels, one.value) for one in metrics.at(query, END)] == [({}, expected)]

    def test_labels_choose_the_series_exactly(self, metrics: Metrics) -> None:
        assert metrics.at(Query("memory_bytes", {"part": "doo"}), END) == []
        assert [one.value for one in metrics.at(Query("memory_bytes", {"part": "gate"}), END)] == [10.0]
        assert metrics.at(Query("memory_bytes", {"part": 'a"b\\c'}), END) == []

    def test_an_unknown_metric_has_no_values(self, metrics: Metrics) -> None:
        assert metrics.at(Query("nobody_measured_this"), END) == []
        assert metrics.between(Query("nobody_measured_this"), START, END, 60) == []

    def test_a_counter_rises_per_second(self, metrics: Metrics) -> None:
        query = Query("requests_total", by=("class",), rate_seconds=300)
        found = {one.labels["class"]: one.value for one in metrics.at(query, END)}
        assert found == {"2xx": pytest.approx(2.0, rel=0.02), "5xx": pytest.approx(0.2, rel=0.02)}

    def test_a_counter_that_began_again_is_not_negative(self, metrics: Metrics) -> None:
        restart = START + timedelta(seconds=TICK * (TICKS // 2))
        query = Query("requests_total", {"class": "2xx"}, rate_seconds=300)
        (found,) = metrics.at(query, restart + timedelta(seconds=120))
        assert found.value == pytest.approx(2.0 * 19 / 20, rel=0.03)  # what was counted just before is lost

    def test_quantiles_lie_inside_their_bucket(self, metrics: Metrics) -> None:
        def asked(share: float) -> float:
            return metrics.at(Query("seconds", by=("part",), rate_seconds=300, quantile=share), END)[0].value

        assert asked(0.25) == pytest.approx(0.05, rel=0.02)
        assert asked(0.5) == pytest.approx(0.1, rel=0.02)
        assert asked(0.7) == pytest.approx(0.3, rel=0.02)
        assert asked(0.95) == pytest.approx(0.75, rel=0.02)

    def test_values_over_time_come_a_step_each_with_both_ends(self, metrics: Metrics) -> None:
        (line,) = metrics.between(Query("memory_bytes", {"part": "door"}, by=("part",)), START, END, 300)
        assert line.labels == {"part": "door"}
        assert line.values == [(START + timedelta(seconds=300 * step), 150.0 + 20 * step) for step in range(5)]

    def test_a_rate_over_time_starts_where_two_samples_are(self, metrics: Metrics) -> None:
        (line,) = metrics.between(Query("requests_total", {"class": "5xx"}, rate_seconds=60), START, END, 60)
        assert line.values[0][0] == START + timedelta(seconds=60)
        assert [value for _, value in line.values[1:]] == pytest.approx([0.2] * (len(line.values) - 1), rel=0.02)

    def test_a_value_older_than_five_minutes_is_none(self, metrics: Metrics) -> None:
        ended = START + timedelta(seconds=TICK * (TICKS - 31))
        assert [one.value for one in metrics.at(Query("gone"), ended)] == [1.0]
        assert metrics.at(Query("gone"), ended + timedelta(seconds=301)) == []
        assert metrics.at(Query("memory_bytes"), START - timedelta(seconds=1)) == []

    def test_it_says_who_answers(self, metrics: Metrics) -> None:
        assert metrics.about().kind in ("prometheus", "sampler")
        assert metrics.about().where
