"""Entities, feature views and the feature service, as Feast has them."""

from datetime import timedelta
from pathlib import Path
from typing import Final

from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
from feast.data_format import DeltaFormat
from feast.types import Float32

SERVICE: Final = "flight-delay"
WEATHER: Final = ("temp", "wind_speed", "precip", "visib")
TABLES: Final = {"weather": "weather-hourly", "origin_delays": "origin-delays", "carrier_delays": "carrier-delays"}
VIEWS: Final = tuple(TABLES)


def feature_names(view: str) -> list[str]:
    """Names of a view's features."""
    if view == "weather":
        return list(WEATHER)
    key = view.removesuffix("_delays")
    return [f"{key}_delay_minutes", f"{key}_late_share", f"{key}_departures"]


def _view(name: str, entity: Entity, datasets: Path, hours: int, description: str) -> FeatureView:
    source = FileSource(
        name=name,
        path=str(datasets / TABLES[name]),
        file_format=DeltaFormat(),
        timestamp_field="event_timestamp",
    )
    schema = [Field(name=feature, dtype=Float32) for feature in feature_names(name)]
    return FeatureView(
        name=name, entities=[entity], ttl=timedelta(hours=hours), schema=schema, source=source, description=description
    )


def definitions(datasets: Path) -> list[Entity | FeatureView | FeatureService]:
    """Everything to apply; `datasets` is the folder of the project's Delta tables."""
    origin = Entity(
        name="origin", join_keys=["origin"], value_type=ValueType.STRING, description="Airport of departure"
    )
    carrier = Entity(name="carrier", join_keys=["carrier"], value_type=ValueType.STRING, description="Airline")
    views = [
        _view("weather", origin, datasets, 6, "Weather at the airport, by hour"),
        _view("origin_delays", origin, datasets, 12, "Departure delays at the airport over the last 3 hours"),
        _view("carrier_delays", carrier, datasets, 24, "The airline's departure delays over the last 6 hours"),
    ]
    return [origin, carrier, *views, FeatureService(name=SERVICE, features=list(views))]
