"""Answerers of serving."""

from serving.backends.protocol import ModelServer
from serving.backends.triton_local import TritonLocal

__all__ = ["ModelServer", "TritonLocal"]
