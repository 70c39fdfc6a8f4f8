"""The pipeline's steps: `python -m examples.digits.steps NAME`."""

import json
from pathlib import Path
from typing import Any

import click

from atrium.sdk import Platform

OUT = Path("/tmp/out")
MODEL = "digit"
SIDE, BRIGHTEST = 8, 16
TEST_ROWS = 360


def _write(name: str, text: str) -> None:
    OUT.mkdir(exist_ok=True)
    (OUT / name).write_text(text)


@click.group()
def main() -> None:
    """Steps of the digits pipeline."""


@main.command()
def extract() -> None:
    """Reads scikit-learn's images into a dataset, a row an image."""
    import pandas as pd
    from sklearn.datasets import load_digits

    images = load_digits()
    frame = pd.DataFrame(images.data.astype("float32"), columns=[f"p{number:02}" for number in range(SIDE * SIDE)])
    if not frame.to_numpy().min() >= 0 or not frame.to_numpy().max() <= BRIGHTEST:
        raise click.ClickException(f"pixels must lie between 0 and {BRIGHTEST}")
    frame["digit"] = images.target.astype("int64")
    platform = Platform.of_step()
    platform.use_source("scikit-learn/digits")
    platform.write_dataset("digits", frame)
    _write("rows", str(len(frame)))


@main.command()
def train() -> None:
    """Trains a small neural network on the images, tracks and registers it as ONNX."""
    import mlflow
    import numpy as np
    import onnxruntime
    import pandas as pd
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler

    from examples.registering import Candidate, log_training_data, register

    platform = Platform.of_step()
    table = platform.read_dataset("digits")
    pixels, digits = table.drop(columns="digit").to_numpy(dtype=np.float32), table["digit"].to_numpy()
    learn, test = slice(None, -TEST_ROWS), slice(-TEST_ROWS, None)
    model = make_pipeline(MinMaxScaler(), MLPClassifier((64,), max_iter=300, random_state=0)).fit(
        pixels[learn], digits[learn]
    )
    accuracy = float((model.predict(pixels[test]) == digits[test]).mean())
    final = model.steps[-1][1]
    made = to_onnx(
        model, initial_types=[("image", FloatTensorType([None, SIDE * SIDE]))], options={id(final): {"zipmap": False}}
    )
    onnx = made.SerializeToString()
    label, chances = onnxruntime.InferenceSession(onnx).run(None, {"image": pixels[test]})
    if not (label == model.predict(pixels[test])).all():
        raise click.ClickException("the ONNX model answers other than the trained one")
    mlflow.set_experiment(MODEL)
    with mlflow.start_run(run_name="network") as run:
        mlflow.log_params({"hidden": 64, "rows": len(pixels) - TEST_ROWS})
        mlflow.log_metric("test_accuracy", accuracy)
        log_training_data(platform, "digits", table)
    metadata: dict[str, Any] = {
        "kind": "image", "title": "Handwritten digit", "title_zh": "手写数字",
        "description": "Says which digit from 0 to 9 a drawing shows. It learned from digits that people wrote, in images of 8 by 8 pixels.",
        "description_zh": "识别手写的数字（0 至 9）。模型学习了人们手写的数字图像（8×8 像素）。",
        "inputs": {"image": {"minimum": 0, "maximum": BRIGHTEST, "height": SIDE, "width": SIDE, "title": "Digit", "title_zh": "数字"}},
        "outputs": {"probabilities": {"title": "Digit", "title_zh": "数字", "classes": [str(number) for number in range(10)]}},
        "feature_service": None, "entities": [],
    }  # fmt: skip
    example = pixels[test][:5]
    outputs = pd.DataFrame({"label": label[:5], "probabilities": chances[:5].max(axis=1)})
    version, champion = register(
        Candidate(MODEL, onnx, {"image": example}, outputs, metadata), run.info.run_id, "test_accuracy", accuracy
    )
    _write("version", version)
    click.echo(json.dumps({"version": version, "champion": champion, "test_accuracy": accuracy}))


@main.command()
def deploy() -> None:
    """Puts the champion into service, and asks it once through the front door."""
    platform = Platform.of_step()
    answer = platform.deploy("digit", MODEL, "champion")
    row = platform.read_dataset("digits").iloc[0]
    body = {
        "inputs": [{"name": "image", "shape": [1, SIDE * SIDE], "datatype": "FP32", "data": row.drop("digit").tolist()}]
    }
    found = platform.request("POST", f"/v2/models/{platform.project}--digit/infer", body)
    said = next(one for one in found["outputs"] if one["name"] == "label")["data"][0]
    if said != int(row["digit"]):
        raise click.ClickException(f"the service reads {said} in a {int(row['digit'])}")
    _write("address", answer["address"])


if __name__ == "__main__":
    main()
