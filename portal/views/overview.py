"""What runs, what failed, what is live, and what to do next."""

import streamlit as st

import monitoring
import serving
import workflows
from atrium.identity import Verb
from portal.session import may, project, who
from portal.ui import (
    Cell,
    Column,
    address_of,
    ago,
    card,
    empty,
    go_to,
    guard,
    header,
    link,
    link_to,
    numbers,
    plain,
    say,
    state,
    status,
    table,
    text,
)
from portal.views.first_steps import first_steps
from portal.views.pipelines import run_rows
from portal.words import _
from portal.words.engine import of_engine, of_service

LATEST, SHOWN = 20, 8
BAD, OPEN = ("Failed", "Error"), ("Running", "Pending")


def page() -> None:
    """The overview."""
    with header(_("Overview"), _("Project {name}").format(name=project())):
        if may(Verb.WRITE):
            link_to("pipelines", _("Run a pipeline"), "play_arrow")
    first_steps()
    _body()


@st.fragment(run_every="5s")
def _body() -> None:
    visitor, here = who(), project()
    with guard():
        runs = workflows.list_runs(visitor, here, limit=LATEST).items
        services = serving.list_services(visitor, here).items
        _numbers(runs, services, serving.requests_today(visitor, here))
        _attention(runs, services)
        _runs(runs)
        _services(services)


def _numbers(runs: list[workflows.RunSummary], services: list[serving.ServiceView], today: serving.Figures) -> None:
    of_runs = _("of the last run") if len(runs) == 1 else _("of the last {n} runs").format(n=len(runs))
    mean = f"{today.mean_milliseconds:.1f} ms" if today.mean_milliseconds else ""
    refused = _("{n} refused or failed").format(n=f"{today.failed:,}")
    numbers(
        (_("Running now"), str(sum(run.phase in OPEN for run in runs)), of_runs),
        (_("Failed lately"), str(sum(run.state in BAD for run in runs)), of_runs),
        (
            _("Live services"), str(sum(one.live_version is not None for one in services)),
            _("of {n} wanted").format(n=len(services)),
        ),
        (_("Requests today (UTC)"), f"{today.succeeded:,}", " · ".join(filter(None, [refused, mean]))),
    )  # fmt: skip


def _attention(runs: list[workflows.RunSummary], services: list[serving.ServiceView]) -> None:
    """What failed and was not followed by a better run of its pipeline; the platform's own alerts for administrators."""
    newest: dict[str, workflows.RunSummary] = {}
    for run in runs:
        newest.setdefault(run.pipeline or run.name, run)
    failed = [run for run in newest.values() if run.state in BAD]
    broken = [one for one in services if one.state == "failed"]
    visitor, told = who(), {run.pipeline for run in failed}
    alerts = [
        one for one in monitoring.alerts_to_tell(visitor, project())
        if (one.project or visitor.administrator) and not (one.rule == "RunFailed" and one.object in told)
    ]  # fmt: skip
    if not failed and not broken and not alerts:
        return
    with card(_("Needs attention")):
        for alert in alerts:
            colour, icon = ("red", "error") if alert.severity == "critical" else ("orange", "warning")
            row = st.container(horizontal=True, vertical_alignment="center", gap="small")
            row.markdown(f":{colour}[:material/{icon}:] {say(alert.summary)} :gray[{say(alert.next_step)}]")
            with row:
                link_to("monitoring", _("Open Monitoring"))
        for run in failed:
            row = st.container(horizontal=True, vertical_alignment="center", gap="small")
            row.markdown(
                f"{state(run.phase)} **{run.name}** · {_one_line(of_engine(run.message)) or _('see its logs')}"
            )
            with row:
                link_to("pipelines", _("Open the run"), "account_tree", run=run.name)
        for one in broken:
            row = st.container(horizontal=True, vertical_alignment="center", gap="small")
            row.markdown(f"{state('failed')} **{one.name}** · {_one_line(of_service(one.message))}")
            with row:
                link_to("services", _("Open the service"), "rocket_launch")


def _one_line(told: str) -> str:
    """What something failed of as text within a line, none of it taken for markdown."""
    return plain(" ".join(told.split()))


def _runs(runs: list[workflows.RunSummary]) -> None:
    if not runs:
        text_ = _("A pipeline's runs appear here with their state, their steps and how long they took.")
        empty("account_tree", _("No runs yet"), text_, "pipelines", _("Open the pipelines"))
        return
    with card(_("Latest runs")):
        columns, rows = run_rows(runs[:SHOWN])
        clicked = table("overview-runs", columns, rows, _("Runs, newest first"))
    if clicked:
        go_to("pipelines", run=clicked.row)


def _services(services: list[serving.ServiceView]) -> None:
    if not services:
        text_ = _("A registered model becomes a service with an address of its own; put one into service on its page.")
        empty("rocket_launch", _("Nothing is live yet"), text_, "models", _("Open the models"))
        return
    columns = [
        Column(_("State"), "short"), Column(_("Service")), Column(_("Model")), Column(_("Version"), "short"),
        Column(_("Checked"), "soft"),
    ]  # fmt: skip
    rows: list[list[Cell | str]] = [
        [
            status(one.state, of_service(one.message)), link(one.name, one.name, address_of("services")), one.model,
            text(one.live_version or "–"), ago(one.checked_at),
        ]
        for one in services
    ]  # fmt: skip
    with card(_("Services")):
        clicked = table("overview-services", columns, rows, _("Services and their states"))
    if clicked:
        go_to("services", service=clicked.row)
