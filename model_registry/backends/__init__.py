"""Answerers of experiments and models."""

from model_registry.backends.mlflow import MlflowBackend
from model_registry.backends.protocol import Experimenting

__all__ = ["Experimenting", "MlflowBackend"]
