"""Triton's model repository, generated from an ONNX model, its signature and what its makers say of its inputs."""

from serving.repository.generate import (
    ModelFiles,
    SignatureNotOnnx,
    Tensor,
    fitted,
    tensors_of,
    with_classes,
    write_model,
)

__all__ = ["ModelFiles", "SignatureNotOnnx", "Tensor", "fitted", "tensors_of", "with_classes", "write_model"]
