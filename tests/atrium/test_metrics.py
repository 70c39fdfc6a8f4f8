"""The two answerers of the metrics seam, and the text format."""

import math
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metrics_contract import END, START, TICK, TICKS, MetricsContract, tick
from prometheus_client.parser import text_string_to_metric_families
from small_platform import free_port, until

from atrium.metrics import (
    Access,
    Metrics,
    MetricsUnavailable,
    PrometheusMetrics,
    Query,
    SamplerMetrics,
    Writer,
    counter,
    gauge,
    read,
    samples,
    written,
)
from atrium.metrics.arithmetic import quantile, rate
from atrium.metrics.sampler import KEPT_SECONDS, MOST_SERIES


class TestSampler(MetricsContract):
    """The built-in sampler."""

    @pytest.fixture(scope="class")
    @classmethod
    def metrics(cls, tmp_path_factory: pytest.TempPathFactory) -> Metrics:
        path = tmp_path_factory.mktemp("sampler") / "metrics.db"
        writer = Writer(path)
        for number in range(TICKS):
            assert writer.add(tick(number), START + timedelta(seconds=TICK * number)) == 0
        writer.close()
        return SamplerMetrics(path)


def openmetrics() -> str:
    """The contract's ticks, as promtool takes them: grouped by metric."""
    lines: dict[str, list[str]] = {}
    for number in range(TICKS):
        at = (START + timedelta(seconds=TICK * number)).timestamp()
        for name, labels, value in tick(number):
            inside = ",".join(f'{key}="{text}"' for key, text in labels.items())
            lines.setdefault(name, []).append(f"{name}{{{inside}}} {value} {at}")
    return "\n".join("\n".join(found) for found in lines.values()) + "\n# EOF\n"


class TestPrometheus(MetricsContract):
    """A real Prometheus (Debian's package), filled by its own tool."""

    @pytest.fixture(scope="class")
    @classmethod
    def metrics(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metrics]:
        if not shutil.which("prometheus"):
            pytest.skip("no prometheus on this machine: apt-get install prometheus")
        folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
        (folder / "ticks.txt").write_text(openmetrics())
        (folder / "prometheus.yml").write_text("global: {}\n")
        subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", folder / "ticks.txt", folder / "data"],
                       check=True, capture_output=True)  # fmt: skip
        url = f"http://127.0.0.1:{port}"
        command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                   f"--web.listen-address=127.0.0.1:{port}"]  # fmt: skip
        with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
            until(lambda: _ready(url), f"Prometheus, see {folder}/log")
            yield PrometheusMetrics(Access(url))
            process.terminate()


def _ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", trust_env=False).is_success
    except httpx.TransportError:
        return False


def test_a_silent_prometheus_is_named_with_its_address() -> None:
    silent = PrometheusMetrics(Access(f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(MetricsUnavailable, match=r"Prometheus at http://127.*docs/monitoring.md"):
        silent.at(Query("memory_bytes"))


def test_a_sampler_that_never_wrote_has_no_values(tmp_path: Path) -> None:
    assert SamplerMetrics(tmp_path / "none.db").at(Query("memory_bytes")) == []


def test_the_samplers_file_is_bounded_in_time_and_series(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "metrics.db")
    many = [("n", {"k": str(number)}, 1.0) for number in range(MOST_SERIES + 5)]
    assert writer.add(many, START) == 5
    later = START + timedelta(seconds=KEPT_SECONDS + 3600)
    assert writer.add([("fresh", {}, 2.0)], later) == 0  # takes the place of one that is gone for a day
    assert writer.connection.execute("SELECT count(*) FROM series").fetchone() == (MOST_SERIES,)
    for day in range(3):
        writer.add([("fresh", {}, 2.0)], later + timedelta(days=day))
    assert writer.connection.execute("SELECT count(*) FROM ticks").fetchone()[0] <= 2
    writer.close()


def test_a_series_that_ends_is_gone_at_the_next_tick(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "metrics.db")
    writer.add([("up", {"part": "a"}, 1.0), ("up", {"part": "b"}, 1.0)], START)
    writer.add([("up", {"part": "b"}, 1.0)], START + timedelta(seconds=TICK))
    writer.close()
    found = SamplerMetrics(tmp_path / "metrics.db").at(Query("up", by=("part",)), START + timedelta(seconds=TICK + 1))
    assert [one.labels["part"] for one in found] == ["b"]


def test_a_day_of_one_platform_stays_small(tmp_path: Path) -> None:
    path, ticks = tmp_path / "metrics.db", 200
    writer = Writer(path)
    for number in range(ticks):
        found = [("requests_total", {"service": str(one)}, float(one * number)) for one in range(700)]
        writer.add(found, END + timedelta(seconds=TICK * number))
    writer.close()
    assert path.stat().st_size / ticks * KEPT_SECONDS / TICK < 64 * 2**20


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=40))
def test_a_rate_is_never_negative_and_at_most_what_was_counted(steps: list[int]) -> None:
    total, found = 0, []
    for number, step in enumerate(steps):
        total += step
        found.append((number * 15.0, float(total)))
    value = rate(found, -5.0, found[-1][0] + 5.0)
    assert value is not None
    assert 0 <= value <= (sum(steps[1:]) * 1.7 + 1e-9) / (found[-1][0] or 15.0)


@given(st.lists(st.integers(0, 50), min_size=3, max_size=8), st.floats(0, 1))
def test_a_quantile_lies_between_its_buckets_bounds(counts: list[int], share: float) -> None:
    bounds = [*(float(number + 1) for number in range(len(counts) - 1)), math.inf]
    cumulative = {bound: float(sum(counts[: place + 1])) for place, bound in enumerate(bounds)}
    value = quantile(share, cumulative)
    assert value is None if not sum(counts) else value is not None and 0 <= value <= bounds[-2]


def test_written_text_is_read_back_by_the_official_parser() -> None:
    up, asked = gauge("atrium_up", "Whether it\nanswers."), counter("atrium_asked", "Requests.")
    up.add_sample("atrium_up", {"part": 'a"b\\c\nd'}, 1.0)
    asked.add_sample("atrium_asked_total", {"class": "2xx"}, 3.0)
    found = list(text_string_to_metric_families(written([up, asked], atrium_instance="x")))
    assert [(one.name, one.type) for one in found] == [("atrium_up", "gauge"), ("atrium_asked", "counter")]
    assert found[0].samples[0].labels == {"part": 'a"b\\c\nd', "atrium_instance": "x"}
    assert list(samples(found))[1][2] == 3.0


def test_counters_of_others_keep_their_names() -> None:
    text = '# HELP nv_count Rows.\n# TYPE nv_count counter\nnv_count{model="a"} 4\n'
    assert list(samples(read(text))) == [("nv_count", {"model": "a"}, 4.0)]
    assert written(read(text)) == text.replace("} 4", "} 4.0")
