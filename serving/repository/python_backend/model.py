"""Runs an ONNX model in Triton's Python backend and checks each row first. Runs in Triton's environment."""

import json
import os

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils

NUMPY = {
    "TYPE_FP16": np.float16,
    "TYPE_FP32": np.float32,
    "TYPE_FP64": np.float64,
    "TYPE_INT8": np.int8,
    "TYPE_INT32": np.int32,
    "TYPE_INT64": np.int64,
    "TYPE_UINT8": np.uint8,
    "TYPE_BOOL": np.bool_,
    "TYPE_STRING": np.object_,
}
ONNX = {
    "tensor(float16)": np.float16,
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int8)": np.int8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
}
SHOWN = 12


class RowRefused(Exception):
    """A row that the model was not made for."""


class TritonPythonModel:
    """One model; Triton calls its methods."""

    def initialize(self, args):
        """Loads the model and its checks from the version's folder."""
        folder = os.path.join(args["model_repository"], args["model_version"])
        with open(os.path.join(folder, "model.json")) as file:
            shape = json.load(file)
        self.inputs, self.outputs, self.checks = shape["inputs"], shape["outputs"], shape["checks"]
        self.joined = shape.get("joined")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        path = os.path.join(folder, "model.onnx")
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.names = [name for name, _ in self.outputs]

    def execute(self, requests):
        """Answers some requests at once: the good ones in one run of the model, each bad one with its reason."""
        answers, good = [None] * len(requests), []
        for place, request in enumerate(requests):
            try:
                good.append((place, self._rows(request)))
            except RowRefused as error:
                answers[place] = pb_utils.InferenceResponse(
                    error=pb_utils.TritonError(str(error), pb_utils.TritonError.INVALID_ARG)
                )
        if good:
            self._answer(good, answers)
        return answers

    def _answer(self, good, answers):
        feeds = {name: np.concatenate([rows[name] for _, rows in good]) for name, *_ in self.inputs}
        results = self.session.run(self.names, self._joined(feeds) if self.joined else feeds)
        start = 0
        for place, rows in good:
            end = start + len(next(iter(rows.values())))
            tensors = [
                self._tensor(name, kind, result[start:end])
                for (name, kind), result in zip(self.outputs, results, strict=True)
            ]
            answers[place] = pb_utils.InferenceResponse(output_tensors=tensors)
            start = end

    def _joined(self, feeds):
        """The columns side by side, in their order, as the model's one input takes them."""
        kind = self.session.get_inputs()[0].type  # tensor(float), as ONNX writes it
        together = np.concatenate(list(feeds.values()), axis=1) if len(feeds) > 1 else next(iter(feeds.values()))
        return {self.joined: together.astype(ONNX[kind], copy=False)}

    @staticmethod
    def _tensor(name, kind, values):
        array = np.asarray(values)
        if kind == "TYPE_STRING":
            array = array.astype(np.object_)
        return pb_utils.Tensor(name, array.reshape(len(array), -1) if array.ndim == 1 else array)

    def _rows(self, request):
        return {name: self._column(request, name, kind) for name, kind, _ in self.inputs}

    def _column(self, request, name, kind):
        values = pb_utils.get_input_tensor_by_name(request, name).as_numpy()
        check = self.checks.get(name) or {}
        if kind == "TYPE_STRING":
            values = self._texts(name, values)
            allowed = check.get("categories")
            if allowed is not None:
                unknown = sorted(set(values.ravel().tolist()) - set(allowed))
                if unknown:
                    shown = ", ".join(allowed[:SHOWN]) + (", …" if len(allowed) > SHOWN else "")
                    raise RowRefused(
                        f"input '{name}' is '{unknown[0]}': the model knows {shown}. Next: send one of these categories."
                    )
            return values
        self._check_range(name, values, check)
        return values.astype(NUMPY[kind], copy=False)

    @staticmethod
    def _texts(name, values):
        try:
            flat = [value.decode() if isinstance(value, bytes) else str(value) for value in values.ravel()]
        except UnicodeDecodeError:
            raise RowRefused(f"input '{name}' is not UTF-8 text. Next: send it as UTF-8.") from None
        return np.array(flat, dtype=np.object_).reshape(values.shape)

    @staticmethod
    def _check_range(name, values, check):
        if values.dtype.kind == "f" and not check.get("missing") and not np.isfinite(values).all():
            raise RowRefused(f"input '{name}' is missing or not finite: each row needs a number. Next: fill it in.")
        low, high = check.get("minimum"), check.get("maximum")
        wrong = None
        if low is not None and (values < low).any():
            wrong = values[values < low]
        if high is not None and (values > high).any():
            wrong = values[values > high]
        if wrong is not None:
            raise RowRefused(
                f"input '{name}' is {wrong.ravel()[0]}: allowed is {low} to {high}. Next: send a value in this range."
            )
