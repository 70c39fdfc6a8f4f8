"""Experiments and models as REST."""

from fastapi import APIRouter
from pydantic import BaseModel

from atrium.pages import Page
from atrium.web import Who
from model_registry import service
from model_registry.models import ExperimentView, ModelVersionView, ModelView, TrackingRunView

router = APIRouter(prefix="/api/v1/projects/{project}", tags=["models"])


class AliasMove(BaseModel):
    """To which version an alias moves."""

    version: str


@router.get("/experiments")
def list_experiments(who: Who, project: str) -> list[ExperimentView]:
    """The project's experiments."""
    return service.list_experiments(who, project)


@router.get("/tracking-runs")
def list_tracking_runs(
    who: Who, project: str, experiment: str | None = None, after: str | None = None, limit: int = 25
) -> Page[TrackingRunView]:
    """Runs that MLflow tracks, newest first."""
    return service.list_tracking_runs(who, project, experiment, after, limit)


@router.get("/models")
def list_models(who: Who, project: str) -> list[ModelView]:
    """Registered models."""
    return service.list_models(who, project)


@router.get("/models/{model}/versions")
def list_versions(who: Who, project: str, model: str) -> list[ModelVersionView]:
    """A model's versions, newest first."""
    return service.list_model_versions(who, project, model)


@router.put("/models/{model}/aliases/{alias}", status_code=204)
def set_alias(who: Who, project: str, model: str, alias: str, body: AliasMove) -> None:
    """Moves an alias."""
    service.set_alias(who, project, model, alias, body.version)
