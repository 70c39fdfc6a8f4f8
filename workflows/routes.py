"""Pipelines and runs as REST."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from atrium.pages import DEFAULT_ITEMS, Limit, Page
from atrium.web import Who
from workflows import service
from workflows.models import PipelineView, RunSummary, RunView

router = APIRouter(prefix="/api/v1/projects/{project}", tags=["pipelines"])


class Manifest(BaseModel):
    """An Argo workflow as YAML."""

    manifest: str


class Start(BaseModel):
    """Parameters of a run."""

    parameters: dict[str, str] = Field(default_factory=dict)


@router.get("/pipelines")
def list_pipelines(
    who: Who, project: str, after: str | None = None, limit: Limit = DEFAULT_ITEMS, name: str = ""
) -> Page[PipelineView]:
    """The project's pipelines by name."""
    return service.list_pipelines(who, project, after, limit, name)


@router.put("/pipelines/{name}")
def save_pipeline(who: Who, project: str, name: str, body: Manifest) -> PipelineView:
    """Saves a revision."""
    return service.save_pipeline(who, project, name, body.manifest)


@router.get("/pipelines/{name}/revisions")
def list_revisions(who: Who, project: str, name: str) -> list[PipelineView]:
    """A pipeline's revisions, newest first."""
    return service.list_revisions(who, project, name)


@router.post("/pipelines/{name}/runs", status_code=201)
def run_pipeline(who: Who, project: str, name: str, body: Start) -> dict[str, str]:
    """Starts a run."""
    return {"name": service.run_pipeline(who, project, name, body.parameters)}


@router.get("/runs")
def list_runs(who: Who, project: str, after: str | None = None, limit: Limit = DEFAULT_ITEMS) -> Page[RunSummary]:
    """Runs, newest first."""
    return service.list_runs(who, project, after, limit)


@router.get("/runs/{name}")
def get_run(who: Who, project: str, name: str) -> RunView:
    """A run with its graph."""
    return service.get_run(who, project, name)


@router.post("/runs/{name}/{action}")
def act_on_run(who: Who, project: str, name: str, action: str) -> dict[str, str]:
    """stop, terminate, retry, resume, resubmit."""
    return {"name": service.act_on_run(who, project, name, action)}
