"""What a model's makers say of it for people: names behind codes, what inputs usually are, how far each destination is."""

from typing import Any, Final

import pandas as pd

from examples.flights.features import WEATHER, feature_names
from examples.flights.schema import TITLES

AIRPORT: Final = [*WEATHER, *feature_names("origin_delays")]
AIRLINE: Final = feature_names("carrier_delays")
SOURCES: Final = {"carrier": ("airlines", "carrier"), "origin": ("airports", "faa")}


def choice(name: str, seen: "pd.Series[str]", known: pd.DataFrame) -> dict[str, Any]:
    """A column of codes: those that were seen, and the airline or airport behind each."""
    called = known.set_index(SOURCES[name][1])["name"]
    title, chinese = TITLES[name]
    names = {one: f"{called[one]} ({one})" for one in sorted(seen.unique().tolist())}
    return {"categories": list(names), "names": names, "title": title, "title_zh": chinese}


def typical(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Medians of what the feature store fills in: an airport's by month and hour, an airline's by month.

    Each part has `by` (inputs whose values, whole and joined by a bar, are the keys of `rows`), `columns`, and `rows`: a
    text each, with a number of three digits a column, or `nan`.
    """
    whole = table.assign(hour=table["hour"].astype(int), month=table["month"].astype(int))
    return [_medians(whole, ["origin", "month", "hour"], AIRPORT), _medians(whole, ["carrier", "month"], AIRLINE)]


def _medians(table: pd.DataFrame, by: list[str], columns: list[str]) -> dict[str, Any]:
    found = table.groupby(by)[columns].median()
    rows = {
        "|".join(str(one) for one in key): " ".join(f"{value:.3g}" for value in values)
        for key, values in zip(found.index, found.to_numpy(), strict=True)
    }
    return {"by": by, "columns": columns, "rows": rows}


def destinations(flights: pd.DataFrame, airports: pd.DataFrame) -> dict[str, Any]:
    """A question that fills in the distance: where the flight goes, of the airports that were flown to from each origin."""
    called = airports.set_index("faa")["name"]
    pairs = flights.groupby(["origin", "dest"])["distance"].agg(["median", "size"]).reset_index()
    values: dict[str, dict[str, float]] = {}
    for origin, dest, miles in zip(pairs["origin"], pairs["dest"], pairs["median"], strict=True):
        values.setdefault(str(origin), {})[str(dest)] = float(miles)
    most = pairs.sort_values("size").groupby("origin")["dest"].last()
    return {
        "fills": "distance", "by": "origin", "title": "Destination", "title_zh": "目的地", "values": values,
        "first": {str(origin): str(dest) for origin, dest in most.items()},
        "names": {one: f"{called[one]} ({one})" if one in called else one for one in sorted(pairs["dest"].unique())},
    }  # fmt: skip
