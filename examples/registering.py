"""Putting a model into MLflow the way the platform serves it: ONNX, signature, example, what its inputs mean."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from atrium.sdk import Platform

TIE = 1e-6


@dataclass(frozen=True)
class Candidate:
    """A trained model on its way into the registry; `metadata` is what the platform shows and checks of its inputs."""

    name: str
    onnx: bytes
    example: pd.DataFrame | dict[str, np.ndarray]
    outputs: pd.DataFrame
    metadata: dict[str, Any]


def log_training_data(platform: Platform, name: str, table: pd.DataFrame) -> None:
    """Tells the active MLflow run which version of the project's dataset it learns from: the one that was read last."""
    import mlflow
    import mlflow.data.pandas_dataset

    version = platform.used[-1]["version"]
    source = mlflow.data.pandas_dataset.from_pandas(
        table.head(1000),
        source=f"{platform.dataset(name)}@{version}",
        name=name,
        digest=f"version-{version}",  # MLflow takes two datasets of one name and digest for one, with the first one's source
    )
    mlflow.log_input(source, context="training")


def no_worse(value: float, champion: str) -> bool:
    """Whether a new version may take the champion's place: its metric is as good, or worse by less than a millionth.

    So of two equally good versions the newer one always wins, which learned from the newer data. `champion` is the text of the
    champion's tag, of which the rounding to 6 digits must not decide.
    """
    return value > float(champion) - TIE


def register(candidate: Candidate, run_id: str, metric: str, value: float) -> tuple[str, bool]:
    """Registers the model from `run_id`; returns its version and whether it became `champion`.

    It becomes champion where there is none, or where `no_worse` finds `value` of `metric` no worse than the present champion's.
    """
    import mlflow
    import onnx
    from mlflow.exceptions import MlflowException
    from mlflow.models import infer_signature

    client = mlflow.MlflowClient()
    with mlflow.start_run(run_id=run_id):
        info = mlflow.onnx.log_model(
            onnx.load_from_string(candidate.onnx),
            name="model",
            signature=infer_signature(candidate.example, candidate.outputs),
            input_example=candidate.example,
            registered_model_name=candidate.name,
            metadata={"atrium": candidate.metadata},
            pip_requirements=["onnxruntime"],
        )
    version = str(info.registered_model_version)
    client.set_model_version_tag(candidate.name, version, metric, f"{value:.6f}")
    try:
        champion = client.get_model_version_by_alias(candidate.name, "champion")
        better = no_worse(value, champion.tags.get(metric, "-inf"))
    except MlflowException:
        better = True
    if better:
        client.set_registered_model_alias(candidate.name, "champion", version)
    return version, better
