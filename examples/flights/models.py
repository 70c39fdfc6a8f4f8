"""The models: gradient boosting, and a logistic regression that it must beat."""

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from examples.flights.schema import CATEGORICAL, INPUTS

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

PARAMETERS: Final[dict[str, dict[str, float]]] = {
    "boosting": {
        "max_iter": 150,
        "learning_rate": 0.08,
        "max_leaf_nodes": 31,
        "min_samples_leaf": 100,
        "l2_regularization": 1.0,
    },
    "baseline": {"C": 1.0, "max_iter": 300},
}
BINS: Final = 10
NUMERIC: Final = [name for name in INPUTS if name not in CATEGORICAL]


def build(kind: str, **changed: float) -> "Pipeline":
    """An untrained model of `kind` (boosting or baseline) over the raw columns, its parameters changed by `changed`.

    Raises KeyError for another kind, TypeError for a parameter that the model does not have.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    parameters, categorical = PARAMETERS[kind] | changed, list(CATEGORICAL)
    if kind == "boosting":
        columns = ColumnTransformer([("category", OrdinalEncoder(), categorical), ("number", "passthrough", NUMERIC)])
        model = HistGradientBoostingClassifier(random_state=0, early_stopping=False, **parameters)
    else:
        numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
        columns = ColumnTransformer([("category", OneHotEncoder(), categorical), ("number", numbers, NUMERIC)])
        model = LogisticRegression(**parameters)
    return Pipeline([("columns", columns), ("model", model)])


def calibration(truth: np.ndarray, probability: np.ndarray) -> pd.DataFrame:
    """Mean forecast and observed share by tenth of forecasts, with the number of rows in each."""
    bins = np.clip((probability * BINS).astype(int), 0, BINS - 1)
    table = pd.DataFrame({"bin": bins, "forecast": probability, "observed": truth})
    return table.groupby("bin").agg(
        forecast=("forecast", "mean"), observed=("observed", "mean"), rows=("forecast", "size")
    )


def score(truth: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """ROC AUC, log loss, Brier score and expected calibration error (mean gap of forecast and share, weighted by rows)."""
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

    table = calibration(truth, probability)
    gap = float(((table["forecast"] - table["observed"]).abs() * table["rows"]).sum() / table["rows"].sum())
    return {
        "roc_auc": float(roc_auc_score(truth, probability)),
        "log_loss": float(log_loss(truth, probability)),
        "brier": float(brier_score_loss(truth, probability)),
        "calibration_error": gap,
    }


def to_onnx_bytes(model: "Pipeline") -> bytes:
    """The trained model as ONNX, one input a column (texts as they are), probabilities as a plain tensor."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    types = [
        (name, StringTensorType([None, 1]) if name in CATEGORICAL else FloatTensorType([None, 1])) for name in INPUTS
    ]
    final = model.steps[-1][1]
    made = to_onnx(model, initial_types=types, options={id(final): {"zipmap": False}}, target_opset=15)
    return bytes(made.SerializeToString())


def onnx_feeds(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """The columns as an ONNX model takes them: one array of shape [rows, 1] each."""
    return {name: frame[[name]].to_numpy(dtype=object if name in CATEGORICAL else np.float32) for name in INPUTS}
