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
MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DAYS_ZH: Final = "一二三四五六日"
HOURS: Final = range(5, 24)
BOUNDS: Final[dict[str, dict[str, object]]] = {
    "month": {
        "minimum": 1, "maximum": 12, "title": "Month", "title_zh": "月份", "first": 7.0,
        "names": {str(number): name for number, name in enumerate(MONTHS, 1)}, "names_zh": {str(number): f"{number} 月" for number in range(1, 13)},
    },
    "weekday": {
        "minimum": 0, "maximum": 6, "title": "Day of the week", "title_zh": "星期", "first": 4.0,
        "names": {str(number): name for number, name in enumerate(DAYS)}, "names_zh": {str(number): f"星期{name}" for number, name in enumerate(DAYS_ZH)},
    },
    "hour": {
        "minimum": 0, "maximum": 24, "title": "Scheduled departure", "title_zh": "计划起飞时间", "first": 18.0,
        "names": {str(hour): f"{hour:02d}:00" for hour in HOURS},
    },
    "distance": {"minimum": 10, "maximum": 6000, "title": "Distance", "title_zh": "航程", "unit": "miles", "unit_zh": "英里"},
    "temp": {"minimum": -40, "maximum": 130, "title": "Temperature", "title_zh": "气温", "unit": "°F"},
    "wind_speed": {"minimum": 0, "maximum": 1200, "title": "Wind speed", "title_zh": "风速", "unit": "mph", "unit_zh": "英里/时"},
    "precip": {"minimum": 0, "maximum": 20, "title": "Precipitation", "title_zh": "降水量", "unit": "in/h", "unit_zh": "英寸/时"},
    "visib": {"minimum": 0, "maximum": 20, "title": "Visibility", "title_zh": "能见度", "unit": "miles", "unit_zh": "英里"},
    "origin_delay_minutes": {
        "minimum": -120, "maximum": 1500, "title": "Airport's mean delay, last 3 h", "title_zh": "机场近 3 小时平均延误", "unit": "min", "unit_zh": "分钟",
    },
    "origin_late_share": {
        "minimum": 0, "maximum": 1, "title": "Airport's share of late departures", "title_zh": "机场起飞延误占比",
    },
    "origin_departures": {"minimum": 0, "maximum": 1000, "title": "Airport's departures, last 3 h", "title_zh": "机场近 3 小时起飞架次"},
    "carrier_delay_minutes": {
        "minimum": -120, "maximum": 1500, "title": "Airline's mean delay, last 6 h", "title_zh": "航空公司近 6 小时平均延误", "unit": "min", "unit_zh": "分钟",
    },
    "carrier_late_share": {
        "minimum": 0, "maximum": 1, "title": "Airline's share of late departures", "title_zh": "航空公司起飞延误占比",
    },
    "carrier_departures": {
        "minimum": 0, "maximum": 2000, "title": "Airline's departures, last 6 h", "title_zh": "航空公司近 6 小时起飞架次",
    },
}  # fmt: skip
TITLES: Final = {"carrier": ("Airline", "航空公司"), "origin": ("Airport of departure", "出发机场")}


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
