"""Why a service does not serve what is wanted of it."""

import serving
from atrium.database import reading
from atrium.events import recent
from atrium.identity import Actor
from monitoring.models import ComponentRow, Evidence, Said, Step, Why
from monitoring.replicas import find_row

BEHIND = ("triton", "door", "mlflow")
TRIES = 5
MOST_EVENTS = 100


def why_service(who: Actor, project: str, name: str) -> Why:
    """Wanted and observed version apart, which try failed with what message, and what stands behind it."""
    one = serving.get_service(who, project, name)
    wanted = {"model": one.model, "wanted": one.wanted_version, "live": one.live_version or "–"}
    evidence = [Evidence(Said("Wanted is version {wanted} of model {model}; live is {live}", wanted))]
    down = _down()
    if one.message and one.message not in [row.checked for row in down]:
        evidence.append(Evidence(Said("What the last try said"), one.message))
    evidence += _tries(project, name)
    for row in down:
        evidence.append(Evidence(Said("Component {name}, which it needs, is {state}", {"name": row.name, "state": row.state}),
                                 row.checked))  # fmt: skip
    figures = serving.service_figures(who, project, name, hours=1)
    evidence.append(_requests(figures))
    fine = one.state is serving.ServiceState.LIVE and not down
    return Why(
        f"service/{name}", one.state.value, _because(one, down), evidence, _steps(project, one, down, figures), fine
    )


def _because(one: serving.ServiceView, down: list[ComponentRow]) -> Said:
    values = {"name": one.name, "wanted": one.wanted_version, "live": one.live_version or "–"}
    if down:
        return Said("Component {part}, which it needs, does not answer", {"part": down[0].name})
    if one.state is serving.ServiceState.LIVE:
        return Said("Service {name} is live with version {live}", values)
    if one.state is serving.ServiceState.FAILED and one.live_version:
        return Said("Version {wanted} failed its check, so version {live} still serves", values)
    if one.state is serving.ServiceState.FAILED:
        return Said("Version {wanted} failed its check, so nothing serves", values)
    return Said("Version {wanted} is being loaded and has not answered its check yet", values)


def _tries(project: str, name: str) -> list[Evidence]:
    """What happened to the service lately, newest first."""
    lines = []
    for event in recent("service.changed", project, name, TRIES):
        said = [str(event.payload[key]) for key in ("state", "version", "message") if event.payload.get(key)]
        lines.append(f"{event.at.astimezone():%Y-%m-%d %H:%M:%S}  {' · '.join(said)}")
    return [Evidence(Said("What happened to it lately"), "\n".join(lines))] if lines else []


def _down() -> list[ComponentRow]:
    with reading() as session:
        rows = [find_row(session, name) for name in BEHIND]
    return [row for row in rows if row is not None and row.state != "up"]


def _requests(figures: serving.Figures) -> Evidence:
    values = {"good": figures.succeeded, "refused": figures.refused, "failed": figures.failed}
    text = "In the last hour it answered {good} requests, refused {refused} as their own fault, and failed {failed}"
    return Evidence(Said(text, values))


def _go_back(one: serving.ServiceView) -> list[Step]:
    """To the newest other version that served; nothing where there was none."""
    told = (event.payload for event in recent("service.changed", one.project, one.name, MOST_EVENTS))
    served = (str(said["version"]) for said in told if said.get("version"))
    before = next((version for version in served if version != one.live_version), None)
    page = f"services?project={one.project}&service={one.name}"
    return (
        [Step(Said("Go back to version {version}, which served before", {"version": before}), page=page)]
        if before
        else []
    )


def _steps(project: str, one: serving.ServiceView, down: list[ComponentRow], figures: serving.Figures) -> list[Step]:
    if down:
        return [
            Step(
                Said("See why component {part} is down", {"part": row.name}),
                f".venv/bin/atrium why component/{row.name}",
            )
            for row in down
        ]
    if one.state is serving.ServiceState.LIVE:
        return _go_back(one) if figures.failed else []
    page = f"models?project={project}"
    return [
        Step(Said("Look at the version's input example, signature and metrics"), page=page),
        Step(Said("Deploy a version that works"), page=page),
        Step(Said("See what the model server wrote"), ".venv/bin/atrium why component/triton"),
    ]
