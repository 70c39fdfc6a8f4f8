"""What the model is asked with: columns, their meaning and bounds; and the checks of the data that it learns from."""

from typing import Final

import pandas as pd

from examples.flights.features import VIEWS, feature_names

TARGET: Final = "late"
LATE_MINUTES: Final = 30
CATEGORICAL: Final = ("carrier", "origin")
SCHEDULE: Final = ("month", "weekday", "hour", "distance")
LOOKED_UP: Final = tuple(name for view in VIEWS for name in feature_names(view))
INPUTS: Final = (*CATEGORICAL, *SCHEDULE, *LOOKED_UP)
BOUNDS: Final[dict[str, dict[str, object]]] = {
    "month": {"minimum": 1, "maximum": 12, "title": "Month"},
    "weekday": {"minimum": 0, "maximum": 6, "title": "Weekday (0 is Monday)"},
    "hour": {"minimum": 0, "maximum": 24, "title": "Scheduled hour of departure", "unit": "h"},
    "distance": {"minimum": 10, "maximum": 6000, "title": "Distance", "unit": "miles"},
    "temp": {"minimum": -40, "maximum": 130, "title": "Temperature", "unit": "°F"},
    "wind_speed": {"minimum": 0, "maximum": 1200, "title": "Wind speed", "unit": "mph"},
    "precip": {"minimum": 0, "maximum": 20, "title": "Precipitation", "unit": "in/h"},
    "visib": {"minimum": 0, "maximum": 20, "title": "Visibility", "unit": "miles"},
    "origin_delay_minutes": {
        "minimum": -120,
        "maximum": 1500,
        "title": "Airport's mean delay, last 3 h",
        "unit": "min",
    },
    "origin_late_share": {"minimum": 0, "maximum": 1, "title": "Airport's share of late departures"},
    "origin_departures": {"minimum": 0, "maximum": 1000, "title": "Airport's departures, last 3 h"},
    "carrier_delay_minutes": {
        "minimum": -120,
        "maximum": 1500,
        "title": "Airline's mean delay, last 6 h",
        "unit": "min",
    },
    "carrier_late_share": {"minimum": 0, "maximum": 1, "title": "Airline's share of late departures"},
    "carrier_departures": {"minimum": 0, "maximum": 2000, "title": "Airline's departures, last 6 h"},
}


def validate_flights(flights: pd.DataFrame) -> None:
    """Checks the source table. Raises pandera's SchemaErrors, which lists every wrong row."""
    import pandera.pandas as pa

    columns = {
        "origin": pa.Column(str, pa.Check.isin(["EWR", "JFK", "LGA"])),
        "carrier": pa.Column(str, pa.Check.str_length(2, 2)),
        "month": pa.Column(int, pa.Check.in_range(1, 12)),
        "hour": pa.Column(int, pa.Check.in_range(0, 24)),
        "minute": pa.Column(int, pa.Check.in_range(0, 59)),
        "distance": pa.Column(float, pa.Check.in_range(10, 6000), coerce=True),
        "dep_delay": pa.Column(float, pa.Check.in_range(-120, 1500), nullable=True),
        "arr_delay": pa.Column(float, pa.Check.in_range(-180, 1500), nullable=True),
    }
    pa.DataFrameSchema(columns, strict=False).validate(flights, lazy=True)


def rows_to_learn(flights: pd.DataFrame) -> pd.DataFrame:
    """One row a flight that arrived: what is known when it is scheduled to leave, its moment, and whether it came late.

    Flights without an arrival delay (cancelled, diverted: 9,430 of 336,776) have no answer to learn and are left out.
    """
    arrived = flights.dropna(subset=["arr_delay"])
    local = arrived["scheduled_at"].dt.tz_convert("America/New_York")
    return pd.DataFrame(
        {
            "carrier": arrived["carrier"].astype(str),
            "origin": arrived["origin"].astype(str),
            "month": arrived["month"].astype("float32"),
            "weekday": local.dt.weekday.astype("float32"),
            "hour": (arrived["hour"] + arrived["minute"] / 60).astype("float32"),
            "distance": arrived["distance"].astype("float32"),
            "event_timestamp": arrived["scheduled_at"],
            TARGET: (arrived["arr_delay"] > LATE_MINUTES).astype("int64"),
        }
    ).reset_index(drop=True)


def split(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Train to September, validation October, test November and December."""
    return frame[frame["month"] <= 9], frame[frame["month"] == 10], frame[frame["month"] >= 11]
