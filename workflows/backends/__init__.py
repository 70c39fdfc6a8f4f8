"""Answerers of pipelines."""

from workflows.backends.argo import ArgoBackend
from workflows.backends.protocol import Pipelines

__all__ = ["ArgoBackend", "Pipelines"]
