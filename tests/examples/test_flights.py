"""Nothing that is unknown at departure reaches the features, and the pipeline is what its golden file says."""

import numpy as np
import pandas as pd
import pytest
from support import CHECKOUT

from examples.flights.data import read_table, with_moments
from examples.flights.pipeline import workflow
from examples.flights.schema import INPUTS, TARGET, rows_to_learn, split, validate_flights
from examples.flights.trailing import trailing_delays

CUT = pd.Timestamp("2013-01-08T15:00", tz="UTC")
UNKNOWN = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "departed_at", "sched_arr_time"}


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    whole = with_moments(read_table("flights"))
    return whole[whole["scheduled_at"] < CUT + pd.Timedelta(days=2)].reset_index(drop=True)


@pytest.mark.parametrize(("key", "hours"), [("origin", 3), ("carrier", 6)])
def test_what_happens_after_an_hour_changes_nothing_known_at_it(flights: pd.DataFrame, key: str, hours: int) -> None:
    changed = flights.copy()
    later = changed["departed_at"] >= CUT
    changed.loc[later, "dep_delay"] = 999.0
    before, after = (trailing_delays(frame, key, hours) for frame in (flights, changed))
    known = [table[table["event_timestamp"] <= CUT].reset_index(drop=True) for table in (before, after)]
    pd.testing.assert_frame_equal(*known)
    assert not before.equals(after)


def test_a_models_inputs_hold_nothing_of_the_flight_itself(flights: pd.DataFrame) -> None:
    rows = rows_to_learn(flights)
    assert not set(INPUTS) & (UNKNOWN | {TARGET})
    assert not set(rows.columns) & UNKNOWN
    assert (rows["event_timestamp"] <= flights["scheduled_at"].max()).all()


def test_the_months_of_the_split_do_not_overlap() -> None:
    frame = pd.DataFrame({"month": np.arange(1, 13, dtype="float32")})
    assert [set(part["month"]) for part in split(frame)] == [set(range(1, 10)), {10}, {11, 12}]


def test_validation_names_a_wrong_airport(flights: pd.DataFrame) -> None:
    import pandera.errors

    with pytest.raises(pandera.errors.SchemaErrors, match="origin"):
        validate_flights(flights.head(100).assign(origin="XXX"))


def test_the_pipelines_manifest_is_its_golden_file() -> None:
    golden = CHECKOUT / "examples" / "flights" / "pipeline.yaml"
    assert workflow().to_yaml() == golden.read_text()
