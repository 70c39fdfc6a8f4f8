"""Components, charts, alerts and `why` as REST; and `/metrics` for Prometheus."""

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import PlainTextResponse

import monitoring
from atrium.home import get_home
from atrium.identity import Verb, require
from atrium.metrics import CONTENT_TYPE, written
from atrium.web import Who
from monitoring.collect import collect
from monitoring.models import AlertView, Charts, ComponentView, Said, Why

router = APIRouter(prefix="/api/v1", tags=["monitoring"])
metrics_router = APIRouter(tags=["monitoring"])


class Silence(BaseModel):
    """Why an alert need not be told, and for how many hours."""

    reason: str
    hours: float


class Found(BaseModel):
    """A sentence, with the text behind it where there is one."""

    said: str
    text: str = ""


class Next(BaseModel):
    """What to do next, by which command or on which page."""

    said: str
    command: str = ""
    page: str = ""


class WhyAnswer(BaseModel):
    """Why an object is as it is."""

    object: str
    state: str
    because: str
    evidence: list[Found] = Field(default_factory=list)
    next_steps: list[Next] = Field(default_factory=list)


class AlertAnswer(BaseModel):
    """An alert in words."""

    id: int
    rule: str
    severity: str
    state: str
    project: str
    object: str
    value: float
    summary: str
    next_step: str
    pending_since: str
    firing_since: str | None
    resolved_at: str | None
    silenced_until: str | None
    silenced_by: str | None


def in_words(why: Why) -> WhyAnswer:
    """A reason in English."""
    return WhyAnswer(
        object=why.object, state=why.state, because=str(why.because),
        evidence=[Found(said=str(one.said), text=one.text) for one in why.evidence],
        next_steps=[Next(said=str(one.said), command=one.command, page=one.page) for one in why.next_steps],
    )  # fmt: skip


def _alert(one: AlertView) -> AlertAnswer:
    def text(said: Said) -> str:
        return str(said)

    return AlertAnswer(
        id=one.id, rule=one.rule, severity=one.severity, state=one.state, project=one.project, object=one.object,
        value=one.value, summary=text(one.summary), next_step=text(one.next_step),
        pending_since=one.pending_since.isoformat(), firing_since=one.firing_since and one.firing_since.isoformat(),
        resolved_at=one.resolved_at and one.resolved_at.isoformat(),
        silenced_until=one.silence and one.silence.ends_at.isoformat(), silenced_by=one.silence and one.silence.by,
    )  # fmt: skip


@router.get("/components")
def list_components(who: Who) -> list[ComponentView]:
    """The platform's processes as the worker last found them."""
    return monitoring.list_components(who)


@router.get("/projects/{project}/charts/{span}")
def charts(who: Who, project: str, span: str) -> Charts | None:
    """The last drawn charts of the last hour or day."""
    return monitoring.charts(who, project, span)


@router.get("/projects/{project}/alerts")
def list_alerts(who: Who, project: str) -> list[AlertAnswer]:
    """The project's and the platform's alerts: firing, pending, and resolved within a day."""
    return [_alert(one) for one in monitoring.list_alerts(who, project)]


@router.put("/alerts/{identifier}/silence")
def silence(who: Who, identifier: int, body: Silence) -> AlertAnswer:
    """Keeps an alert from being told for some hours."""
    return _alert(monitoring.silence(who, identifier, body.reason, body.hours))


@router.delete("/alerts/{identifier}/silence")
def end_silence(who: Who, identifier: int) -> AlertAnswer:
    """Has it told again."""
    return _alert(monitoring.end_silence(who, identifier))


@router.get("/why/components/{name}")
def why_component(who: Who, name: str) -> WhyAnswer:
    """Why a component is down or restarting."""
    return in_words(monitoring.why(who, "", f"component/{name}"))


@router.get("/why/alerts/{identifier}")
def why_alert(who: Who, identifier: int) -> WhyAnswer:
    """Why an alert fires."""
    return in_words(monitoring.why(who, "", f"alert/{identifier}"))


@router.get("/why/projects/{project}/runs/{name}")
def why_run(who: Who, project: str, name: str) -> WhyAnswer:
    """Why a run failed, or what it waits for."""
    return in_words(monitoring.why(who, project, f"run/{name}"))


@router.get("/why/projects/{project}/services/{name}")
def why_service(who: Who, project: str, name: str) -> WhyAnswer:
    """Why a service does not serve what is wanted."""
    return in_words(monitoring.why(who, project, f"service/{name}"))


@metrics_router.get("/metrics", response_class=PlainTextResponse)
def metrics(who: Who) -> PlainTextResponse:
    """Everything that is measured, in Prometheus' text format; for the administrator."""
    require(who, Verb.ADMINISTER)
    text = written(collect(), atrium_instance=get_home().instance)
    return PlainTextResponse(text, headers={"content-type": CONTENT_TYPE})
