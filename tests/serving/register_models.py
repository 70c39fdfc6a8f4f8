"""Registers the tests' models through the front door with the stock MLflow client, in a process of its own."""

import sys
from pathlib import Path

import mlflow
import numpy as np
import onnx
import onnxruntime
import pandas as pd
from mlflow.models import infer_signature

sys.path.insert(0, str(Path(__file__).parent))
import real_models


def _log(onnx_bytes: bytes, name: str, example: object, outputs: object, metadata: dict[str, object]) -> str:
    mlflow.set_experiment(name)
    with mlflow.start_run():
        info = mlflow.onnx.log_model(
            onnx.load_from_string(onnx_bytes), name="model", signature=infer_signature(example, outputs),
            input_example=example, registered_model_name=name, metadata={"atrium": metadata}, pip_requirements=["onnxruntime"],
        )  # fmt: skip
    return str(info.registered_model_version)


def flights() -> None:
    """Version 1 is good and champion, version 2 answers no finite number, version 3 is good again."""
    mlflow.set_workspace("flights")
    rows = real_models.flights()[0].head(5)
    label, probabilities = real_models.direct(rows)
    outputs = pd.DataFrame({"label": label, "probabilities": probabilities[:, 1]})
    told = {"title": "Arrives more than 30 minutes late", "classes": ["on time", "late"]}
    metadata: dict[str, object] = {
        "kind": "tabular",
        "inputs": real_models.checks(),
        "outputs": {"probabilities": told},
    }
    for made in (real_models.flights_onnx(), real_models.broken_onnx(), real_models.flights_onnx()):
        _log(made, "flight-delay", rows, outputs, metadata)
    mlflow.MlflowClient().set_registered_model_alias("flight-delay", "champion", "1")


def digits() -> None:
    """A small network of scikit-learn's digits, as an image model."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.datasets import load_digits
    from sklearn.neural_network import MLPClassifier

    mlflow.set_workspace("digits")
    data = load_digits()
    model = MLPClassifier((64,), max_iter=60, random_state=0).fit(data.data, data.target)
    types = [("image", FloatTensorType([None, 64]))]
    made = bytes(to_onnx(model, initial_types=types, options={"zipmap": False}, target_opset=15).SerializeToString())
    example = {"image": data.data[:5].astype(np.float32)}
    _, probabilities = onnxruntime.InferenceSession(made).run(None, example)
    classes = [str(number) for number in range(10)]
    metadata: dict[str, object] = {"kind": "image", "inputs": {"image": {"minimum": 0, "maximum": 16}},
                                   "outputs": {"probabilities": {"classes": classes}}}  # fmt: skip
    version = _log(made, "digit", example, {"probabilities": probabilities}, metadata)
    mlflow.MlflowClient().set_registered_model_alias("digit", "champion", version)


def iris() -> None:
    """A model whose label is a text, of which its makers say nothing."""
    mlflow.set_workspace("digits")
    frame, made, probabilities = real_models.iris()
    _log(made, "iris", frame.head(5), {"probabilities": probabilities[:5]}, {})


if __name__ == "__main__":
    flights()
    digits()
    iris()
