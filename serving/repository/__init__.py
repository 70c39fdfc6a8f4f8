"""Triton's model repository, generated from an ONNX model, its signature and what its makers say of its inputs."""

from serving.repository.generate import ModelFiles, Tensor, tensors_of, write_model

__all__ = ["ModelFiles", "Tensor", "tensors_of", "write_model"]
