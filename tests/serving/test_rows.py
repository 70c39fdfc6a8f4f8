"""Rows to tensors and back."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.models import RowsRefused
from serving.rows import example_rows, from_tensors, may_be_missing, to_tensors

SIGNATURE = {"inputs": [{"name": "carrier", "type": "string"}, {"name": "distance", "type": "float"}]}


@given(st.lists(st.fixed_dictionaries({"carrier": st.text(min_size=1), "distance": st.floats(-1e6, 1e6)}), min_size=1))
def test_rows_come_back_as_they_went(rows: list[dict[str, object]]) -> None:
    assert from_tensors({"outputs": to_tensors(SIGNATURE, rows)}) == rows


@pytest.mark.parametrize(
    "row", [{"carrier": "AA"}, {"carrier": "AA", "distance": 1, "more": 2}, {"carrier": "", "distance": 1},
            {"carrier": "AA", "distance": "far"}, {"carrier": "AA", "distance": None}],
)  # fmt: skip
def test_a_row_that_does_not_fit_the_signature_is_refused_with_three_parts(row: dict[str, object]) -> None:
    with pytest.raises(RowsRefused) as caught:
        to_tensors(SIGNATURE, [row])
    assert caught.value.asked and caught.value.allowed and caught.value.next_step


def test_an_example_is_read_as_a_table_and_as_a_tensor() -> None:
    assert example_rows({"columns": ["a", "b"], "data": [[1, 2], [3, 4]]}) == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    assert example_rows({"inputs": {"image": [[1, 2], [3, 4]]}}) == [{"image": [1, 2]}, {"image": [3, 4]}]


def test_a_missing_number_is_nan_only_where_the_models_makers_allow_it() -> None:
    row = {"carrier": "AA", "distance": None}
    assert math.isnan(to_tensors(SIGNATURE, [row], {"distance"})[1]["data"][0])
    assert may_be_missing({"inputs": {"distance": {"missing": True}, "carrier": {}}}) == {"distance"}
    with pytest.raises(RowsRefused, match="distance"):
        to_tensors(SIGNATURE, [row])
