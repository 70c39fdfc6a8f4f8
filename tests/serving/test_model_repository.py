"""What is written for Triton."""

from pathlib import Path

import pytest
import real_models

from serving.repository import ModelFiles, tensors_of, with_classes, write_model
from serving.repository.generate import ModelNotTensors, configuration


def _files() -> ModelFiles:
    made = real_models.flights_onnx()
    return ModelFiles(made, *tensors_of(made), real_models.checks())


def test_each_column_of_the_signature_is_a_tensor_of_its_own() -> None:
    inputs, outputs = tensors_of(real_models.flights_onnx())
    assert [(one.name, one.type) for one in inputs] == [
        ("carrier", "TYPE_STRING"), ("origin", "TYPE_STRING"), ("hour", "TYPE_FP32"), ("distance", "TYPE_FP32")
    ]  # fmt: skip
    assert [one.name for one in outputs] == ["label", "probabilities"]


@pytest.mark.parametrize("backend", ["python", "onnxruntime", "tensorrt"])
def test_the_backend_is_a_parameter(backend: str) -> None:
    text = configuration("flights--x", _files(), backend)  # type: ignore[arg-type]  # one of the literals
    assert f'backend: "{backend}"' in text and "dynamic_batching" in text and "max_batch_size: 4096" in text


def test_a_new_version_replaces_the_one_before_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    write_model(tmp_path, "flights--x", 1, _files())
    write_model(tmp_path, "flights--x", 2, _files())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flights--x"]
    assert sorted(path.name for path in (tmp_path / "flights--x").iterdir()) == ["2", "config.pbtxt"]


def test_classes_are_read_from_the_model_unless_its_makers_name_them() -> None:
    import onnxruntime
    from skl2onnx import to_onnx
    from sklearn.neighbors import KNeighborsClassifier

    flowers, made, _ = real_models.iris()
    names = ["setosa", "versicolor", "virginica"]
    label = onnxruntime.InferenceSession(made).run(["label"], {"X": flowers.to_numpy(dtype="float32")})[0]
    looked_up = to_onnx(KNeighborsClassifier().fit(flowers.to_numpy(), label), flowers.to_numpy(dtype="float32")[:1],
                        options={"zipmap": False}, target_opset=15).SerializeToString()  # fmt: skip
    for model in (made, looked_up):
        assert with_classes({"kind": "tabular"}, model)["outputs"] == {"probabilities": {"classes": names}}
    own = {"outputs": {"probabilities": {"classes": ["a", "b", "c"]}}}
    assert with_classes(own, made) == own
    assert with_classes({}, real_models.flights_onnx()) == {}


def test_an_onnx_model_with_maps_as_outputs_is_refused_with_the_way_out() -> None:
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    frame, late = real_models.flights()
    numbers = frame[["hour", "distance"]].to_numpy()
    made = to_onnx(LogisticRegression().fit(numbers, late), numbers[:1], target_opset=15).SerializeToString()
    with pytest.raises(ModelNotTensors, match="zipmap off"):
        tensors_of(made)
