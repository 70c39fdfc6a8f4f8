"""What pages and REST show of experiments and models."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from atrium.errors import Invalid, NotFound


class ModelNotFound(NotFound):
    """No model, version or alias of this name."""


class TrackingRunNotFound(NotFound):
    """No experiment or run of this id."""


class ModelNotServable(Invalid):
    """The model version lacks what serving needs."""


@dataclass(frozen=True)
class ExperimentView:
    """An experiment."""

    id: str
    name: str
    updated_at: datetime


@dataclass(frozen=True)
class TrackingRunView:
    """A run that MLflow tracks: its last metrics, its parameters, who began it and when."""

    id: str
    name: str
    experiment: str
    status: str
    user: str
    started_at: datetime
    ended_at: datetime | None
    metrics: Mapping[str, float]
    params: Mapping[str, str]
    tags: Mapping[str, str]
    inputs: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ModelView:
    """A registered model, with version by alias."""

    name: str
    description: str
    updated_at: datetime
    aliases: Mapping[str, str]
    latest: str


@dataclass(frozen=True)
class ModelVersionView:
    """A model version: its number, the run that made it, aliases, tags, state."""

    model: str
    version: str
    run_id: str
    created_at: datetime
    status: str
    aliases: list[str]
    tags: Mapping[str, str]
    description: str
    source: str


@dataclass(frozen=True)
class ServableModel:
    """A version that can be served: its ONNX bytes, signature columns, input example and what its makers say of its inputs."""

    model: str
    version: str
    onnx: bytes
    signature: Mapping[str, Any]
    example: Mapping[str, Any]
    metadata: Mapping[str, Any]


@dataclass(frozen=True)
class Artifact:
    """A file or folder of a run; `size_bytes` of a file."""

    path: str
    is_dir: bool
    size_bytes: int
