"""The point-in-time join against a naive one, by Feast's own interface."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.filterwarnings("ignore")
START = datetime(2024, 1, 1, tzinfo=UTC)
TTL = timedelta(hours=5)
KEYS = ["a", "b", "c"]
ROW = st.tuples(st.sampled_from(KEYS), st.integers(0, 40), st.integers(0, 3), st.floats(-100, 100, width=32))
ASKED = st.tuples(st.sampled_from([*KEYS, "unknown"]), st.integers(-2, 50))


def naive(rows: pd.DataFrame, key: str, at: datetime) -> float | None:
    known = rows[(rows["key"] == key) & (rows["event_timestamp"] <= at) & (rows["event_timestamp"] >= at - TTL)]
    if known.empty:
        return None
    return float(known.sort_values(["event_timestamp", "created"], kind="stable").iloc[-1]["value"])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(ROW, min_size=1, max_size=30, unique_by=lambda row: row[:3]),
    asked=st.lists(ASKED, min_size=1, max_size=20),
)
def test_each_row_gets_the_newest_value_known_at_its_time(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, int, int, float]], asked: list[tuple[str, int]]
) -> None:
    from deltalake import write_deltalake
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
    from feast.data_format import DeltaFormat
    from feast.types import Float32

    from feature_store.repository import write_repository

    data: Path = tmp_path_factory.mktemp("data")
    table = pd.DataFrame(
        {
            "key": [row[0] for row in rows],
            "event_timestamp": [START + timedelta(hours=row[1]) for row in rows],
            "created": [START + timedelta(days=10, hours=row[2]) for row in rows],
            "value": pd.Series([row[3] for row in rows], dtype="float32"),
        }
    )
    write_deltalake(str(data / "values"), table)
    store = FeatureStore(repo_path=str(write_repository("flights", data)))
    key = Entity(name="key", join_keys=["key"], value_type=ValueType.STRING)
    source = FileSource(
        name="values", path=str(data / "values"), file_format=DeltaFormat(), timestamp_field="event_timestamp",
        created_timestamp_column="created",
    )  # fmt: skip
    view = FeatureView(
        name="values", entities=[key], ttl=TTL, schema=[Field(name="value", dtype=Float32)], source=source
    )
    store.apply([key, view])
    entities = pd.DataFrame(
        {"key": [one[0] for one in asked], "event_timestamp": [START + timedelta(hours=one[1]) for one in asked]}
    )
    found = store.get_historical_features(entities, ["values:value"]).to_df()["value"]
    wanted = [naive(table, *pair) for pair in zip(entities["key"], entities["event_timestamp"], strict=True)]
    assert [None if pd.isna(one) else float(one) for one in found] == wanted
