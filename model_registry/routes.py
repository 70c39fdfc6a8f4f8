"""Experiments and models as REST."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.responses import Response

from atrium.lineage import Node
from atrium.pages import DEFAULT_ITEMS, Limit, Page
from atrium.web import Who
from model_registry import changes, service
from model_registry.models import (
    ExperimentView,
    Lifecycle,
    ModelCard,
    ModelVersionView,
    ModelView,
    RunComparison,
    TrackingRunSummary,
    TrackingRunView,
)

router = APIRouter(prefix="/api/v1/projects/{project}", tags=["models"])


class AliasMove(BaseModel):
    """To which version an alias moves; with `expected` only if it leads to that version now ("": to none)."""

    version: str
    expected: str | None = None


class Name(BaseModel):
    """A new name."""

    name: str


class Description(BaseModel):
    """What a thing is for, as Markdown."""

    description: str


class Tag(BaseModel):
    """A tag's value."""

    value: str


@router.get("/experiments")
def list_experiments(
    who: Who, project: str, after: str | None = None, limit: Limit = DEFAULT_ITEMS, name: str = "", owner: str = "",
    state: Lifecycle = Lifecycle.ACTIVE,
) -> Page[ExperimentView]:  # fmt: skip
    """The project's experiments, the latest changed first."""
    return service.list_experiments(who, project, after, limit, name, owner, state)


@router.post("/experiments", status_code=201)
def create_experiment(who: Who, project: str, body: Name) -> dict[str, str]:
    """Makes an experiment."""
    return {"id": changes.create_experiment(who, project, body.name)}


@router.patch("/experiments/{experiment}", status_code=204)
def rename_experiment(who: Who, project: str, experiment: str, body: Name) -> None:
    """Gives an experiment another name."""
    changes.rename_experiment(who, project, experiment, body.name)


@router.delete("/experiments/{experiment}", status_code=204)
def delete_experiment(who: Who, project: str, experiment: str) -> None:
    """Deletes an experiment with its runs, which can be brought back."""
    changes.delete_experiment(who, project, experiment)


@router.post("/experiments/{experiment}/restore", status_code=204)
def restore_experiment(who: Who, project: str, experiment: str) -> None:
    """Brings a deleted experiment back."""
    changes.restore_experiment(who, project, experiment)


@router.get("/tracking-runs")
def list_tracking_runs(
    who: Who, project: str, experiment: str | None = None, after: str | None = None, limit: Limit = DEFAULT_ITEMS,
    name: str = "", status: str = "", owner: str = "",
) -> Page[TrackingRunSummary]:  # fmt: skip
    """Runs that MLflow tracks, newest first."""
    return service.list_tracking_runs(who, project, experiment, after, limit, name, status, owner)


@router.get("/tracking-runs/compare")
def compare_runs(who: Who, project: str, run: Annotated[list[str], Query(max_length=10)]) -> RunComparison:
    """Metrics and parameters of some runs beside each other: `?run=…&run=…`."""
    return service.compare_runs(who, project, run)


@router.get("/tracking-runs/{run_id}")
def get_tracking_run(who: Who, project: str, run_id: str) -> TrackingRunView:
    """One run, whole."""
    return service.get_tracking_run(who, project, run_id)


@router.patch("/tracking-runs/{run_id}", status_code=204)
def rename_tracking_run(who: Who, project: str, run_id: str, body: Name) -> None:
    """Gives a run another name."""
    changes.rename_tracking_run(who, project, run_id, body.name)


@router.put("/tracking-runs/{run_id}/tags/{key}", status_code=204)
def tag_tracking_run(who: Who, project: str, run_id: str, key: str, body: Tag) -> None:
    """Sets a tag of a run."""
    changes.tag_tracking_run(who, project, run_id, key, body.value)


@router.get("/tracking-runs/{run_id}/dependents")
def run_dependents(who: Who, project: str, run_id: str) -> list[Node]:
    """What came from a run."""
    return changes.run_dependents(who, project, run_id)


@router.delete("/tracking-runs/{run_id}", status_code=204)
def delete_tracking_run(who: Who, project: str, run_id: str) -> None:
    """Deletes a run, which can be brought back."""
    changes.delete_tracking_run(who, project, run_id)


@router.post("/tracking-runs/{run_id}/restore", status_code=204)
def restore_tracking_run(who: Who, project: str, run_id: str) -> None:
    """Brings a deleted run back."""
    changes.restore_tracking_run(who, project, run_id)


@router.get("/models")
def list_models(
    who: Who, project: str, after: str | None = None, limit: Limit = DEFAULT_ITEMS, name: str = "", owner: str = ""
) -> Page[ModelView]:
    """Registered models by name."""
    return service.list_models(who, project, after, limit, name, owner)


@router.patch("/models/{model}", status_code=204)
def describe_model(who: Who, project: str, model: str, body: Description) -> None:
    """Says what a model is for."""
    changes.describe_model(who, project, model, body.description)


@router.delete("/models/{model}", status_code=204)
def delete_model(who: Who, project: str, model: str) -> None:
    """Deletes a model with all its versions; 409 while an alias leads into it."""
    changes.delete_model(who, project, model)


@router.get("/models/{model}/versions")
def list_versions(
    who: Who, project: str, model: str, after: str | None = None, limit: Limit = DEFAULT_ITEMS
) -> Page[ModelVersionView]:
    """A model's versions, newest first."""
    return service.list_model_versions(who, project, model, after, limit)


@router.patch("/models/{model}/versions/{version}", status_code=204)
def describe_model_version(who: Who, project: str, model: str, version: str, body: Description) -> None:
    """Says what is special about a version."""
    changes.describe_model_version(who, project, model, version, body.description)


@router.put("/models/{model}/versions/{version}/tags/{key}", status_code=204)
def tag_model_version(who: Who, project: str, model: str, version: str, key: str, body: Tag) -> None:
    """Sets a tag of a version."""
    changes.tag_model_version(who, project, model, version, key, body.value)


@router.get("/models/{model}/versions/{version}/card")
def model_card(who: Who, project: str, model: str, version: str) -> ModelCard:
    """The card of a version (number or alias)."""
    return service.model_card(who, project, model, version)


@router.get("/models/{model}/versions/{version}/card.md", response_class=Response)
def model_card_markdown(who: Who, project: str, model: str, version: str) -> Response:
    """The card of a version as Markdown."""
    return Response(service.model_card(who, project, model, version).markdown, media_type="text/markdown")


@router.get("/models/{model}/versions/{version}/dependents")
def version_dependents(who: Who, project: str, model: str, version: str) -> list[Node]:
    """The services and demos that came from a version."""
    return changes.version_dependents(who, project, model, version)


@router.delete("/models/{model}/versions/{version}", status_code=204)
def delete_model_version(who: Who, project: str, model: str, version: str) -> None:
    """Deletes a version; 409 while an alias leads to it."""
    changes.delete_model_version(who, project, model, version)


@router.put("/models/{model}/aliases/{alias}", status_code=204)
def set_alias(who: Who, project: str, model: str, alias: str, body: AliasMove) -> None:
    """Moves an alias; 409 where somebody else moved it meanwhile."""
    changes.set_alias(who, project, model, alias, body.version, body.expected)


@router.delete("/models/{model}/aliases/{alias}", status_code=204)
def delete_alias(who: Who, project: str, model: str, alias: str) -> None:
    """Takes an alias away."""
    changes.delete_alias(who, project, model, alias)
