"""What whoever serves models must do: a version in place of another in one stroke, and only after a probe passed."""

from typing import ClassVar

import numpy as np
import pytest
import real_models

from serving.backends.protocol import ModelServer
from serving.models import ModelServerFailed, RowsRefused
from serving.repository import ModelFiles, tensors_of
from serving.rows import to_tensors

NAME = "flights--contract"


def files(onnx: bytes) -> ModelFiles:
    inputs, outputs = tensors_of(onnx)
    return ModelFiles(onnx, inputs, outputs, real_models.checks())


def passes(_name: str) -> None:
    """A probe that finds nothing wrong."""


class ModelServerContract:
    """Inherit this, and give a fixture `server` that is a `ModelServer` which serves nothing named `flights--contract`."""

    counts: ClassVar[bool] = True

    def ask(self, server: ModelServer, rows: int = 3) -> list[float]:
        frame = real_models.flights()[0].head(rows)
        signature = {
            "inputs": [{"name": n, "type": "float" if d.kind == "f" else "string"} for n, d in frame.dtypes.items()]
        }
        answer = server.infer(NAME, to_tensors(signature, frame.to_dict("records")))
        return next(list(one["data"]) for one in answer["outputs"] if one["name"] == "probabilities")

    def test_a_version_put_in_place_answers_as_the_model_itself(self, server: ModelServer) -> None:
        server.put(NAME, 1, files(real_models.flights_onnx()), passes)
        assert server.live_version(NAME) == 1
        _label, direct = real_models.direct(real_models.flights()[0].head(3))
        assert np.allclose(self.ask(server), direct.ravel(), atol=1e-6)

    def test_a_probe_that_fails_leaves_the_version_before(self, server: ModelServer) -> None:
        server.put(NAME, 1, files(real_models.flights_onnx()), passes)

        def fails(name: str) -> None:
            raise ModelServerFailed(name, "the probe says no", "nothing")

        with pytest.raises(ModelServerFailed, match="the probe says no"):
            server.put(NAME, 2, files(real_models.flights_onnx()), fails)
        assert server.live_version(NAME) == 1
        assert self.ask(server)

    def test_a_broken_model_is_told_and_leaves_the_version_before(self, server: ModelServer) -> None:
        server.put(NAME, 1, files(real_models.flights_onnx()), passes)
        good = files(real_models.flights_onnx())
        with pytest.raises(ModelServerFailed):
            server.put(NAME, 3, ModelFiles(b"no model", good.inputs, good.outputs, good.checks), passes)
        assert server.live_version(NAME) == 1
        assert self.ask(server)

    def test_a_removed_model_answers_no_more_and_may_be_removed_twice(self, server: ModelServer) -> None:
        server.put(NAME, 1, files(real_models.flights_onnx()), passes)
        server.remove(NAME)
        server.remove(NAME)
        assert server.live_version(NAME) is None
        assert server.restore(NAME) is False
        assert server.counters(NAME) is None

    def test_rows_that_the_model_was_not_made_for_are_refused_with_its_words(self, server: ModelServer) -> None:
        server.put(NAME, 1, files(real_models.flights_onnx()), passes)
        frame = real_models.flights()[0].head(1).assign(carrier="ZZ")
        signature = {
            "inputs": [{"name": n, "type": "float" if d.kind == "f" else "string"} for n, d in frame.dtypes.items()]
        }
        with pytest.raises(RowsRefused, match="ZZ"):
            server.infer(NAME, to_tensors(signature, frame.to_dict("records")))

    def test_what_was_answered_is_counted(self, server: ModelServer) -> None:
        if not self.counts:
            pytest.skip("this server counts elsewhere")
        server.put(NAME, 1, files(real_models.flights_onnx()), passes)
        before = server.counters(NAME)
        self.ask(server)
        after = server.counters(NAME)
        assert before is not None and after is not None
        assert (after.succeeded - before.succeeded, after.rows - before.rows) == (1, 3)
