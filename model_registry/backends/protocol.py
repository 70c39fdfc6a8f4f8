"""The seam between experiments and models and what keeps them: one project's, asked as one person."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from model_registry.models import Artifact, ExperimentView, ModelVersionView, ModelView, TrackingRunView


class Tracking(Protocol):
    """Experiments and their runs. Each method raises `BackEndUnavailable` where nothing answers."""

    def experiments(self) -> Iterator[ExperimentView]:
        """All experiments, the deleted ones too; asks page by page while it is read."""

    def experiment(self, identifier: str) -> ExperimentView:
        """One experiment. Raises `TrackingRunNotFound`."""

    def runs(self, experiments: Sequence[str], where: str = "") -> Iterator[TrackingRunView]:
        """All runs of some experiments that MLflow's filter `where` lets through, the deleted ones too."""

    def run(self, identifier: str) -> TrackingRunView:
        """One run, whole, deleted or not. Raises `TrackingRunNotFound`."""

    def history(self, identifier: str, metric: str) -> list[tuple[int, float]]:
        """A metric's values as (step, value), at most 1,000. Raises `TrackingRunNotFound`."""


class Registry(Protocol):
    """Models, their versions, and aliases that lead to them."""

    def models(self) -> Iterator[ModelView]:
        """All models."""

    def model(self, name: str) -> ModelView:
        """One model. Raises `ModelNotFound`."""

    def versions(self, model: str = "") -> Iterator[ModelVersionView]:
        """All versions of a model, or of every model; without aliases, which the model tells."""

    def version(self, model: str, version: str) -> ModelVersionView:
        """One version by number or alias. Raises `ModelNotFound`."""

    def set_alias(self, model: str, alias: str, version: str, expected: str | None = None) -> None:
        """Moves an alias, atomically: of two that move it at once one does, the other is told (`AliasMoved`).

        `expected` is the version that it must lead to now ("": to none); None moves it from wherever it is.
        """


class Files(Protocol):
    """What runs and versions kept."""

    def artifacts(self, identifier: str, path: str = "") -> list[Artifact]:
        """Files and folders of a run under `path`."""

    def artifact(self, identifier: str, path: str) -> bytes:
        """A run's file, at most 256 MiB. Raises `TrackingRunNotFound`, `Invalid`."""

    def version_file(self, model: str, version: str, path: str) -> bytes:
        """A file of a model version. Raises `ModelNotFound`, `Invalid`."""


class Changes(Protocol):
    """Everything else that changes: MLflow's own routes, since each is one transaction there."""

    def change(self, method: str, path: str, /, **body: object) -> dict[str, Any]:
        """Asks for a change; returns the answer. Raises what the route refuses with."""


class Experimenting(Tracking, Registry, Files, Changes, Protocol):
    """The whole seam."""

    project: str
