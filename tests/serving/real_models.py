"""Models of real data, small enough for tests: flights of 2013 and handwritten digits."""

import warnings
from functools import lru_cache

import numpy as np
import pandas as pd

COLUMNS = ("carrier", "origin", "hour", "distance")
TEXTS = ("carrier", "origin")
INPUTS = {
    "origin": {"categories": ["EWR", "JFK", "LGA"], "title": "From"},
    "hour": {"minimum": 0, "maximum": 24, "unit": "h"},
    "distance": {"minimum": 10, "maximum": 6000, "unit": "miles"},
}


@lru_cache
def flights() -> tuple[pd.DataFrame, np.ndarray]:
    """20,000 flights that arrived, and whether each came over 30 minutes late."""
    from examples.flights.data import read_table

    table = read_table("flights").dropna(subset=["arr_delay"]).sample(20_000, random_state=0).reset_index(drop=True)
    frame = table[list(COLUMNS)].astype({"hour": "float32", "distance": "float32"})
    return frame, (table["arr_delay"] > 30).to_numpy(dtype="int64")


@lru_cache
def flights_onnx() -> bytes:
    """A boosted model of the flights, texts as they are."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    frame, late = flights()
    columns = make_column_transformer((OrdinalEncoder(), list(TEXTS)), remainder="passthrough")
    model = make_pipeline(columns, HistGradientBoostingClassifier(max_iter=20, random_state=0)).fit(frame, late)
    types = [(name, StringTensorType([None, 1]) if name in TEXTS else FloatTensorType([None, 1])) for name in COLUMNS]
    with warnings.catch_warnings(action="ignore"):  # skl2onnx still asks numpy in ways that it deprecated
        made = to_onnx(model, initial_types=types, options={"zipmap": False}, target_opset=15)
    return bytes(made.SerializeToString())


def feeds(rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """Rows as onnxruntime takes them."""
    return {name: rows[[name]].to_numpy(dtype=object if name in TEXTS else np.float32) for name in COLUMNS}


def checks() -> dict[str, object]:
    """What the flights model's inputs may be."""
    return INPUTS | {"carrier": {"categories": sorted(flights()[0]["carrier"].unique().tolist()), "title": "Airline"}}


def direct(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities from onnxruntime itself."""
    import onnxruntime

    label, probabilities = onnxruntime.InferenceSession(flights_onnx()).run(None, feeds(rows))
    return label, probabilities


def broken_onnx() -> bytes:
    """The flights model, whose probabilities are divided by 0."""
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load_from_string(flights_onnx())
    graph = model.graph
    for node in graph.node:
        for place, name in enumerate(node.output):
            if name == "probabilities":
                node.output[place] = "good_probabilities"
    graph.initializer.append(numpy_helper.from_array(np.zeros((1,), dtype=np.float32), "nothing"))
    graph.node.append(helper.make_node("Div", ["good_probabilities", "nothing"], ["probabilities"]))
    return bytes(model.SerializeToString())


@lru_cache
def iris() -> tuple[pd.DataFrame, bytes, np.ndarray]:
    """Flowers by their measures, a model of their names as skl2onnx makes it by default (one input for the whole table), and its probabilities."""
    from skl2onnx import to_onnx
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    data = load_iris(as_frame=True)
    model = LogisticRegression(max_iter=1000).fit(data.data.to_numpy(), data.target_names[data.target])
    with warnings.catch_warnings(action="ignore"):  # as above
        made = to_onnx(model, data.data.to_numpy(dtype="float32"), options={"zipmap": False}, target_opset=15)
    return data.data, bytes(made.SerializeToString()), model.predict_proba(data.data.to_numpy())
