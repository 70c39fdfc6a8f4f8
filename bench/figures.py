"""What is measured, beside what was asked for."""

import json
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

ROW = "{name:<58} {value:>10} {unit:<5} {asked:>10} {ratio:>6}  {note}"


@dataclass(frozen=True)
class Figure:
    """One measured figure beside what was asked for.

    `at_most` is None for a peer's figure, or one told for its own sake; `value` is None where it was not measured, which
    `note` then explains.
    """

    name: str
    value: float | None
    unit: str
    at_most: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How much of what was asked for is used; at most 1 is good."""
        return None if self.at_most is None or self.value is None else self.value / self.at_most

    @property
    def kept(self) -> bool:
        """Whether it is within what was asked for; what was not measured is not."""
        return self.at_most is None or (self.ratio is not None and self.ratio <= 1)

    def __str__(self) -> str:
        value = "–" if self.value is None else f"{self.value:.2f}"
        asked = "" if self.at_most is None else f"≤ {self.at_most:.4g}"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        missed = "" if self.kept else "MISSED "
        text = ROW.format(
            name=self.name, value=value, unit=self.unit, asked=asked, ratio=ratio, note=missed + self.note
        )
        return text.rstrip()


def head() -> str:
    """The table's first line."""
    return ROW.format(name="figure", value="measured", unit="", asked="asked", ratio="ratio", note="").rstrip()


def write_json(figures: Iterable[Figure], path: Path, **about: object) -> None:
    """Keeps the figures with `about` (machine, versions) beside them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [asdict(one) | {"ratio": one.ratio, "kept": one.kept} for one in figures]
    path.write_text(json.dumps({**about, "figures": rows}, indent=1, ensure_ascii=False) + "\n")


def seconds_of(work: Callable[[], object]) -> float:
    """How long `work` takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def median_of(work: Callable[[], float], rounds: int) -> float:
    """The median of what `work` measures, over `rounds`."""
    return statistics.median(work() for _ in range(rounds))


def wait_until(holds: Callable[[], bool], seconds: float) -> None:
    """Returns when `holds` is true; a refused connection counts as not yet. Raises TimeoutError."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if holds():
                return
        except httpx.TransportError:
            pass
        time.sleep(0.02)
    raise TimeoutError(f"not so within {seconds} s")


def told(figures: Iterable[Figure]) -> list[Figure]:
    """The same figures, each printed as it comes."""
    found = []
    for one in figures:
        print(one, flush=True)
        found.append(one)
    return found
