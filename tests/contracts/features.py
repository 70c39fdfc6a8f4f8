"""What whoever answers for features must do: newest values online, what was known of the past, nothing later."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pandas as pd
import pytest

from atrium.home import get_home
from feature_store.backends import Features
from feature_store.models import FeaturesRefused, OnlineValue
from feature_store.repository import write_repository

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SERVICE, VIEW, ENTITY = "prices", "price", "shop"


def contract_repository(project: str) -> Path:
    """What a pipeline's step does: writes a table, defines features over it, applies them."""
    from deltalake import write_deltalake
    from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, ValueType
    from feast.data_format import DeltaFormat
    from feast.types import Int64

    data = get_home().data(project)
    at = [NOON - timedelta(hours=2), NOON - timedelta(hours=1), NOON + timedelta(hours=1)]
    frame = pd.DataFrame({ENTITY: ["a"] * 3, "event_timestamp": pd.to_datetime(at), "value": [1, 2, 3]})
    path = data / "datasets" / "prices"
    write_deltalake(str(path), frame, mode="overwrite")
    shop = Entity(name=ENTITY, join_keys=[ENTITY], value_type=ValueType.STRING)
    source = FileSource(name=VIEW, path=str(path), file_format=DeltaFormat(), timestamp_field="event_timestamp")
    view = FeatureView(
        name=VIEW, entities=[shop], ttl=timedelta(minutes=90), schema=[Field(name="value", dtype=Int64)], source=source
    )
    folder = write_repository(project, data)
    FeatureStore(repo_path=str(folder)).apply([shop, view, FeatureService(name=SERVICE, features=[view])])
    return folder


class FeaturesContract:
    """Inherit this, and give a fixture `features`: a `Features` of the project that `contract_repository` made.

    The view `price` has for shop a at 10:00 the value 1, at 11:00 the value 2, at 13:00 the value 3, lives 90 minutes, and is in the
    service `prices`.
    """

    refuses_unknown_rows: ClassVar[type[Exception]] = FeaturesRefused

    def past(self, features: Features, *moments: datetime) -> list[object]:
        rows = [{ENTITY: "a", "event_timestamp": moment.isoformat()} for moment in moments]
        answer = features.read_past(SERVICE, rows)
        at, value = answer.columns.index("event_timestamp"), answer.columns.index("value")
        found = {datetime.fromisoformat(str(row[at])): row[value] for row in answer.rows}
        return [found[moment] for moment in moments]

    def test_the_registry_names_what_was_defined(self, features: Features) -> None:
        found = features.registry()
        assert [one["name"] for one in found["feature_views"]] == [VIEW]
        assert [one["name"] for one in found["feature_services"]] == [SERVICE]
        assert ENTITY in [one["name"] for one in found["entities"]]

    def test_the_past_holds_what_was_known_then_and_nothing_later(self, features: Features) -> None:
        moments = [NOON, NOON + timedelta(minutes=59), NOON - timedelta(hours=1), NOON + timedelta(hours=1)]
        assert self.past(features, *moments) == [2, None, 2, 3]

    def test_nothing_is_known_before_the_first_value(self, features: Features) -> None:
        assert self.past(features, NOON - timedelta(hours=3)) == [None]

    def test_newest_values_are_online_once_they_were_brought_there(self, features: Features) -> None:
        features.materialize([VIEW], NOON - timedelta(days=1), NOON)
        hour = timedelta(hours=1)
        assert features.read_online(SERVICE, {ENTITY: ["a", "nowhere"]})["value"] == [
            OnlineValue(2, NOON - hour), OnlineValue(None, None),
        ]  # fmt: skip
        features.materialize([VIEW], NOON, NOON + timedelta(hours=2))
        assert features.read_online(SERVICE, {ENTITY: ["a"]})["value"] == [OnlineValue(3, NOON + hour)]

    def test_what_is_not_there_is_refused_by_name(self, features: Features) -> None:
        with pytest.raises(self.refuses_unknown_rows, match="nowhere"):
            features.read_online("nowhere", {ENTITY: ["a"]})
        with pytest.raises(self.refuses_unknown_rows, match="nowhere"):
            features.read_past("nowhere", [{ENTITY: "a", "event_timestamp": NOON.isoformat()}])
        with pytest.raises(self.refuses_unknown_rows):
            features.read_past(SERVICE, [{"event_timestamp": NOON.isoformat()}])
        with pytest.raises(self.refuses_unknown_rows):
            features.materialize(["nowhere"], NOON, NOON)
