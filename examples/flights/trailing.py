"""Delays over a trailing window, by hour, from nothing but departures that had happened before the hour."""

import pandas as pd

AIRPORT_HOURS, CARRIER_HOURS = 3, 6
LATE_MINUTES = 15


def trailing_delays(flights: pd.DataFrame, key: str, hours: int) -> pd.DataFrame:
    """For each `key` and hour: mean departure delay (minutes), share over 15 minutes and number of the departures in the window.

    The window of an hour ends before it: a departure counts from the first full hour after it happened. `flights` has
    `departed_at` and `dep_delay`; rows without them (cancelled) tell nothing and are left out.
    """
    gone = flights.dropna(subset=["departed_at", "dep_delay"])
    known_from = gone["departed_at"].dt.floor("h") + pd.Timedelta(hours=1)
    late = (gone["dep_delay"] > LATE_MINUTES).astype(float)
    table = pd.DataFrame(
        {key: gone[key], "hour": known_from, "total": gone["dep_delay"], "late": late, "departures": 1.0}
    )
    by_hour = table.groupby([key, "hour"], observed=True).sum().unstack(key).asfreq("h").fillna(0.0)
    summed = by_hour.rolling(hours, min_periods=1).sum().stack(key, future_stack=True).reset_index()
    counted = summed[summed["departures"] > 0]
    return pd.DataFrame(
        {
            key: counted[key].astype(str),
            "event_timestamp": counted["hour"],
            f"{key}_delay_minutes": (counted["total"] / counted["departures"]).astype("float32"),
            f"{key}_late_share": (counted["late"] / counted["departures"]).astype("float32"),
            f"{key}_departures": counted["departures"].astype("float32"),
        }
    ).reset_index(drop=True)
