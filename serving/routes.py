"""Services and demos as REST."""

from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from atrium.pages import DEFAULT_ITEMS, Limit, Page
from atrium.web import Who
from serving import demo_service, service
from serving.models import DemoView, FeedbackView, Figures, ServiceState, ServiceView

router = APIRouter(prefix="/api/v1/projects/{project}", tags=["serving"])
LONGEST_WAIT_SECONDS = 170


class Wanted(BaseModel):
    """What a service should serve: a model's version, by number or alias."""

    model: str
    version: str


class Rows(BaseModel):
    """Rows to ask a model about, by column."""

    rows: list[dict[str, Any]] = Field(min_length=1, max_length=4096)


class WantedDemo(BaseModel):
    """A demo in front of a service; a public one needs no sign-in."""

    service: str
    title: str = ""
    public: bool = False


@router.get("/services")
def list_services(
    who: Who,
    project: str,
    after: str | None = None,
    limit: Limit = DEFAULT_ITEMS,
    name: str = "",
    state: ServiceState | None = None,
) -> Page[ServiceView]:
    """The project's services by name."""
    return service.list_services(who, project, after, limit, name, state)


@router.get("/services/{name}")
def get_service(who: Who, project: str, name: str) -> ServiceView:
    """One service, desired and observed."""
    return service.get_service(who, project, name)


@router.put("/services/{name}")
def deploy(who: Who, project: str, name: str, body: Wanted, response: Response, wait_seconds: float = 0) -> ServiceView:
    """Wants a version served; 200 when it is live within `wait_seconds` (at most 170), 202 while it is not yet."""
    found = service.deploy(who, project, name, body.model, body.version, min(wait_seconds, LONGEST_WAIT_SECONDS))
    if found.state is not ServiceState.LIVE:
        response.status_code = 502 if found.state is ServiceState.FAILED else 202
    return found


@router.delete("/services/{name}", status_code=204)
def undeploy(who: Who, project: str, name: str) -> None:
    """Takes a service out of service."""
    service.undeploy(who, project, name)


@router.post("/services/{name}/try")
def try_service(who: Who, project: str, name: str, body: Rows) -> list[dict[str, Any]]:
    """Answers for some rows."""
    return service.try_service(who, project, name, body.rows)


@router.get("/services/{name}/figures")
def figures(who: Who, project: str, name: str, hours: float = 24) -> Figures:
    """Requests in the last hours."""
    return service.service_figures(who, project, name, hours)


@router.get("/demos")
def list_demos(who: Who, project: str, after: str | None = None, limit: Limit = DEFAULT_ITEMS) -> Page[DemoView]:
    """The project's demos by name."""
    return demo_service.list_demos(who, project, after, limit)


@router.put("/demos/{name}")
def publish_demo(who: Who, project: str, name: str, body: WantedDemo) -> DemoView:
    """Puts a demo in front of a service."""
    return demo_service.publish_demo(who, project, name, body.service, body.title, body.public)


@router.delete("/demos/{name}", status_code=204)
def unpublish_demo(who: Who, project: str, name: str) -> None:
    """Takes a demo down."""
    demo_service.unpublish_demo(who, project, name)


@router.get("/requests-today")
def requests_today(who: Who, project: str) -> Figures:
    """Requests to the project's services since midnight UTC."""
    return service.requests_today(who, project)


@router.get("/feedback")
def list_feedback(
    who: Who, project: str, demo: str | None = None, after: str | None = None, limit: Limit = 50
) -> Page[FeedbackView]:
    """What visitors said of answers, newest first."""
    return demo_service.list_feedback(who, project, demo, limit, after)
