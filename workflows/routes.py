"""Pipelines and runs as REST."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from atrium.pages import DEFAULT_ITEMS, Limit, Page
from atrium.web import Who
from workflows import images, schedules, service
from workflows.clusters import connect
from workflows.clusters.models import ClusterView, Finding
from workflows.models import ImageKind, ImageView, Overlap, PipelineView, RunSummary, RunView, ScheduleView, SlotView

router = APIRouter(prefix="/api/v1/projects/{project}", tags=["pipelines"])
clusters_router = APIRouter(prefix="/api/v1/clusters", tags=["pipelines"])
images_router = APIRouter(prefix="/api/v1/images", tags=["pipelines"])


class Manifest(BaseModel):
    """An Argo workflow as YAML, looked at by the Argo of `cluster` where one is named."""

    manifest: str
    cluster: str = ""


class Start(BaseModel):
    """Parameters of a run, and the connected cluster that runs it (empty: the platform's own workflow server)."""

    parameters: dict[str, str] = Field(default_factory=dict)
    cluster: str = ""


@router.get("/pipelines")
def list_pipelines(
    who: Who, project: str, after: str | None = None, limit: Limit = DEFAULT_ITEMS, name: str = ""
) -> Page[PipelineView]:
    """The project's pipelines by name."""
    return service.list_pipelines(who, project, after, limit, name)


@router.put("/pipelines/{name}")
def save_pipeline(who: Who, project: str, name: str, body: Manifest) -> PipelineView:
    """Saves a revision."""
    return service.save_pipeline(who, project, name, body.manifest, body.cluster)


@router.get("/pipelines/{name}/revisions")
def list_revisions(who: Who, project: str, name: str) -> list[PipelineView]:
    """A pipeline's revisions, newest first."""
    return service.list_revisions(who, project, name)


@router.post("/pipelines/{name}/runs", status_code=201)
def run_pipeline(who: Who, project: str, name: str, body: Start) -> dict[str, str]:
    """Starts a run."""
    return {"name": service.run_pipeline(who, project, name, body.parameters, body.cluster)}


class Schedule(BaseModel):
    """When a pipeline runs by itself."""

    crontab: str
    timezone: str = "UTC"
    parameters: dict[str, str] = Field(default_factory=dict)
    overlap: Overlap = Overlap.FORBID
    catch_up_minutes: int = 60


@router.get("/schedules")
def list_schedules(who: Who, project: str) -> list[ScheduleView]:
    """The project's schedules."""
    return schedules.list_schedules(who, project)


@router.get("/pipelines/{name}/schedule")
def get_schedule(who: Who, project: str, name: str) -> ScheduleView:
    """A pipeline's schedule."""
    return schedules.get_schedule(who, project, name)


@router.put("/pipelines/{name}/schedule")
def set_schedule(who: Who, project: str, name: str, body: Schedule) -> ScheduleView:
    """Has a pipeline run by itself."""
    return schedules.set_schedule(
        who, project, name, body.crontab, body.timezone, body.parameters, body.overlap, body.catch_up_minutes
    )


@router.delete("/pipelines/{name}/schedule", status_code=204)
def delete_schedule(who: Who, project: str, name: str) -> None:
    """Removes a schedule."""
    schedules.delete_schedule(who, project, name)


@router.post("/pipelines/{name}/schedule/suspend")
def suspend_schedule(who: Who, project: str, name: str) -> ScheduleView:
    """Pauses a schedule."""
    return schedules.suspend_schedule(who, project, name)


@router.post("/pipelines/{name}/schedule/resume")
def resume_schedule(who: Who, project: str, name: str) -> ScheduleView:
    """Has a schedule go on."""
    return schedules.suspend_schedule(who, project, name, suspended=False)


@router.get("/pipelines/{name}/schedule/slots")
def list_slots(
    who: Who, project: str, name: str, after: str | None = None, limit: Limit = DEFAULT_ITEMS
) -> Page[SlotView]:
    """Slots of a schedule, newest first."""
    return schedules.list_slots(who, project, name, after, limit)


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


class NewImage(BaseModel):
    """A folder of this machine that is to stand for an image."""

    name: str
    path: str
    kind: ImageKind = ImageKind.VENV
    exact: bool = True


@images_router.get("")
def list_images(who: Who) -> list[ImageView]:
    """The registered images; for the administrator."""
    return images.list_images(who)


@images_router.post("", status_code=201)
def add_image(who: Who, body: NewImage) -> ImageView:
    """Has a folder stand for an image; for the administrator."""
    return images.add_image(who, body.name, body.kind, body.path, body.exact)


@images_router.delete("/{name:path}", status_code=204)
def remove_image(who: Who, name: str) -> None:
    """Unregisters an image; for the administrator."""
    images.remove_image(who, name)


class NewCluster(BaseModel):
    """A kubeconfig that holds everything itself, the Argo Server's address, and projects with their namespaces."""

    name: str
    kubeconfig: str
    argo_url: str
    argo_checked: bool = True
    projects: dict[str, str] = Field(default_factory=dict)


class Credential(BaseModel):
    """A kubeconfig that holds everything itself."""

    kubeconfig: str


class Namespace(BaseModel):
    """A namespace of a cluster; empty: the project's name."""

    namespace: str = ""


@router.get("/clusters")
def clusters_of(who: Who, project: str) -> list[str]:
    """Names of the clusters that the project may use."""
    return connect.clusters_of(who, project)


@clusters_router.get("")
def list_clusters(who: Who) -> list[ClusterView]:
    """The connected clusters; for the administrator."""
    return connect.list_clusters(who)


@clusters_router.post("", status_code=201)
def add_cluster(who: Who, body: NewCluster) -> ClusterView:
    """Connects a cluster; for the administrator."""
    return connect.add_cluster(who, body.name, body.kubeconfig, body.argo_url, body.projects, body.argo_checked)


@clusters_router.get("/{name}/check")
def check_cluster(who: Who, name: str) -> list[Finding]:
    """What works there and what does not; for the administrator."""
    return connect.check_cluster(who, name)


@clusters_router.put("/{name}/credential")
def renew_cluster(who: Who, name: str, body: Credential) -> ClusterView:
    """Takes another credential; for the administrator."""
    return connect.renew_cluster(who, name, body.kubeconfig)


@clusters_router.put("/{name}/projects/{project}")
def allow_project(who: Who, name: str, project: str, body: Namespace) -> ClusterView:
    """Gives a project its namespace; for the administrator."""
    return connect.allow_project(who, name, project, body.namespace)


@clusters_router.delete("/{name}", status_code=204)
def remove_cluster(who: Who, name: str) -> None:
    """Disconnects a cluster; for the administrator."""
    connect.remove_cluster(who, name)
