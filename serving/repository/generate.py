"""Writes `models/<project>--<service>/`: config.pbtxt, and a numbered version with model.onnx and its checks."""

import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from atrium.errors import Invalid

LARGEST_BATCH = 4096
Backend = Literal["python", "onnxruntime", "tensorrt"]
# ONNX element types (onnx.TensorProto.DataType) by what Triton calls them
TYPES = {1: "TYPE_FP32", 2: "TYPE_UINT8", 3: "TYPE_INT8", 6: "TYPE_INT32", 7: "TYPE_INT64", 8: "TYPE_STRING",
         9: "TYPE_BOOL", 10: "TYPE_FP16", 11: "TYPE_FP64"}  # fmt: skip


class ModelNotTensors(Invalid):
    """The ONNX model's inputs or outputs are not plain tensors with rows first."""


class SignatureNotOnnx(Invalid):
    """The signature tells of other inputs than the ONNX model takes."""


@dataclass(frozen=True)
class Tensor:
    """An input or output: `dims` without the rows' dimension, -1 where it varies; `type` as Triton calls it."""

    name: str
    type: str
    dims: tuple[int, ...]


@dataclass(frozen=True)
class ModelFiles:
    """What a version is made of: ONNX bytes, its tensors, and the checks of its inputs by column name.

    `joined` names the ONNX model's one input that takes the columns `inputs` side by side, where it has none of its own for each.
    """

    onnx: bytes
    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]
    checks: Mapping[str, object]
    joined: str = ""


def _tensor(value: object) -> Tensor:
    kind = value.type.tensor_type  # type: ignore[attr-defined]  # onnx.ValueInfoProto
    name = str(value.name)  # type: ignore[attr-defined]
    if kind.elem_type not in TYPES or not kind.HasField("shape") or not kind.shape.dim:
        raise ModelNotTensors(
            f"tensor {name!r} of the ONNX model",
            "each input and output is a tensor whose first dimension is the rows",
            "convert with zipmap off and one input a column",
        )
    dims = tuple(int(dim.dim_value) if dim.HasField("dim_value") else -1 for dim in kind.shape.dim)
    return Tensor(name, TYPES[kind.elem_type], dims[1:])


def tensors_of(model: bytes) -> tuple[list[Tensor], list[Tensor]]:
    """Inputs and outputs of an ONNX model. Raises `ModelNotTensors`."""
    import onnx

    graph = onnx.load_from_string(model).graph
    constants = {initial.name for initial in graph.initializer}
    inputs = [_tensor(value) for value in graph.input if value.name not in constants]
    return inputs, [_tensor(value) for value in graph.output]


def classes_of(model: bytes) -> list[str]:
    """What an ONNX classifier calls its classes, in the order of its probabilities; empty where they are numbers, or not told."""
    import onnx

    graph = onnx.load_from_string(model).graph
    texts = {one.name: one for one in graph.initializer if one.data_type == onnx.TensorProto.STRING}
    for node in graph.node:
        told = next((one.strings for one in node.attribute if one.name == "classlabels_strings"), ())
        if not told and node.op_type == "ArrayFeatureExtractor" and node.input[0] in texts:
            told = texts[node.input[0]].string_data  # how converters look a class up by its place
        if told:
            return [text.decode() for text in told]
    return []


def with_classes(metadata: Mapping[str, Any], model: bytes) -> dict[str, Any]:
    """A model's `metadata`, where outputs that hold a number for each class have `classes`: its makers' word, else the model's."""
    told, classes = dict(metadata.get("outputs") or {}), classes_of(model)
    if not classes:
        return dict(metadata)
    for one in tensors_of(model)[1]:
        if one.dims in ((len(classes),), (-1,)) and one.type in ("TYPE_FP32", "TYPE_FP64"):
            told[one.name] = {"classes": classes, **(told.get(one.name) or {})}
    return {**metadata, "outputs": told}


def fitted(columns: Sequence[Mapping[str, Any]], inputs: Sequence[Tensor]) -> tuple[Sequence[Tensor], str]:
    """The inputs as a signature's `columns` (`name`, `datatype`, `shape`) tell of them, and the ONNX input that takes them all side by side.

    That one is empty where each column has an input of its name. Converters of a whole table (skl2onnx' default) make one of it.

    Raises:
        SignatureNotOnnx: neither holds.
    """
    names, takes = [one["name"] for one in columns], [one.name for one in inputs]
    if set(names) == set(takes):
        return inputs, ""
    wide = sum(max(1, math.prod(one["shape"])) for one in columns)
    numbers = all(one["datatype"] != "BYTES" for one in columns) and inputs[0].type != "TYPE_STRING"
    if len(inputs) == 1 and numbers and (len(columns) == 1 or inputs[0].dims in ((wide,), (-1,))):
        made = [Tensor(one["name"], f"TYPE_{one['datatype']}", tuple(one["shape"])) for one in columns]
        return made, inputs[0].name
    raise SignatureNotOnnx(
        f"a signature with the inputs {', '.join(names)}, and an ONNX model that takes {', '.join(takes)}",
        "they have the same names, or the ONNX model takes all columns as one tensor of numbers, rows × columns",
        "log it with the signature of what the ONNX model takes, or convert it with one input a column",
    )


def _block(kind: str, tensor: Tensor) -> str:
    dims = ", ".join(str(dim) for dim in tensor.dims or (1,))
    flat = "" if tensor.dims else ", reshape: { shape: [ ] }"
    return f'{kind} [ {{ name: "{tensor.name}", data_type: {tensor.type}, dims: [ {dims} ]{flat} }} ]'


def configuration(name: str, files: ModelFiles, backend: Backend) -> str:
    """The text of config.pbtxt: rows are batched dynamically, at most 4096 at once, on the CPU where `backend` is python."""
    lines = [
        f'name: "{name}"',
        f'backend: "{backend}"',
        f"max_batch_size: {LARGEST_BATCH}",
        *(_block("input", tensor) for tensor in files.inputs),
        *(_block("output", tensor) for tensor in files.outputs),
        "dynamic_batching { }",
        "version_policy: { latest: { num_versions: 1 } }",
    ]
    if backend == "python":
        lines.append("instance_group [ { kind: KIND_CPU, count: 1 } ]")
    return "\n".join(lines) + "\n"


def write_model(repository: Path, name: str, version: int, files: ModelFiles, backend: Backend = "python") -> Path:
    """Writes version `version` of model `name`, other versions away; returns the model's folder.

    The folder changes by renames, so Triton never reads half a model.
    """
    target, fresh = repository / name, repository / f".{name}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    folder = fresh / str(version)
    folder.mkdir(parents=True)
    (fresh / "config.pbtxt").write_text(configuration(name, files, backend))
    (folder / "model.onnx").write_bytes(files.onnx)
    if backend == "python":
        shape = {
            "inputs": [[tensor.name, tensor.type, list(tensor.dims)] for tensor in files.inputs],
            "outputs": [[tensor.name, tensor.type] for tensor in files.outputs],
            "checks": dict(files.checks),
            "joined": files.joined,
        }
        (folder / "model.json").write_text(json.dumps(shape))
        code = resources.files("serving.repository").joinpath("python_backend", "model.py").read_text()
        (folder / "model.py").write_text(code)
    old = repository / f".{name}.old"
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    return target
