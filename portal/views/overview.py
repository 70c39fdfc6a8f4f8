"""What runs, what failed, what is live, and what to do next."""

import streamlit as st

import monitoring
import serving
import tenancy
import workflows
from atrium.identity import Verb
from portal.session import may, project, who
from portal.ui import (
    Cell,
    Clicked,
    Column,
    Panel,
    address_of,
    ago,
    card,
    empty,
    go_to,
    guard,
    header,
    link,
    link_to,
    numbers_panel,
    panels,
    plain,
    say,
    state,
    status,
    table_panel,
    text,
)
from portal.views.first_steps import NAME as FIRST_STEPS
from portal.views.first_steps import first_steps
from portal.views.models_in_use import not_answered
from portal.views.pipelines import run_rows
from portal.words import _
from portal.words.engine import of_engine, of_service

LATEST, SHOWN = 20, 8
RUNS = "runs"
BAD, OPEN = ("Failed", "Error"), ("Running", "Pending")


def page() -> None:
    """The overview."""
    here = tenancy.get_project(who(), project())
    named = _("Project {name}") if here.title == here.name else _("{title} · project {name}")
    with header(_("Overview"), plain(named.format(title=here.title, name=here.name))):
        if may(Verb.WRITE):
            link_to("pipelines", _("Run a pipeline"), "play_arrow")
    _body()


@st.fragment(run_every="5s")
def _body() -> None:
    """As few pieces as can be: what needs attention parts them, where there is any."""
    visitor, here = who(), project()
    with guard():
        runs = workflows.list_runs(visitor, here, limit=LATEST).items
        services = serving.list_services(visitor, here).items
        above = [first_steps(), _numbers(runs, services, serving.requests_today(visitor, here))]
        below = [_runs(runs), _services(services)]
        failed, broken, alerts = _troubles(runs, services)
        if failed or broken or alerts:
            _follow(panels("above", *filter(None, above)))
            _attention(failed, broken, alerts)
            above = []
        _follow(panels("overview", *filter(None, [*above, *below])))
        _nothing_yet(runs, services)


def _follow(clicked: Clicked | None) -> None:
    """Leads to what was clicked."""
    if not clicked:
        return
    if clicked.table == FIRST_STEPS:
        go_to(clicked.row)
    elif clicked.table == RUNS:
        go_to("pipelines", run=clicked.row)
    else:
        go_to("services", service=clicked.row)


def _numbers(runs: list[workflows.RunSummary], services: list[serving.ServiceView], today: serving.Figures) -> Panel:
    of_runs = _("of the last run") if len(runs) == 1 else _("of the last {n} runs").format(n=len(runs))
    mean = f"{today.mean_milliseconds:.1f} ms" if today.mean_milliseconds else ""
    return numbers_panel(
        (_("Running now"), str(sum(run.phase in OPEN for run in runs)), of_runs),
        (_("Failed lately"), str(sum(run.state in BAD for run in runs)), of_runs),
        (
            _("Live services"), str(sum(one.live_version is not None for one in services)),
            _("of {n} wanted").format(n=len(services)),
        ),
        (_("Requests today (UTC)"), f"{today.succeeded:,}", " · ".join(filter(None, [not_answered(today), mean]))),
    )  # fmt: skip


def _troubles(
    runs: list[workflows.RunSummary], services: list[serving.ServiceView]
) -> tuple[list[workflows.RunSummary], list[serving.ServiceView], list[monitoring.AlertView]]:
    """Runs that failed and were not followed by a better one of their pipeline, failed services, alerts; the platform's own for administrators."""
    newest: dict[str, workflows.RunSummary] = {}
    for run in runs:
        newest.setdefault(run.pipeline or run.name, run)
    failed = [run for run in newest.values() if run.state in BAD]
    visitor, told = who(), {run.pipeline for run in failed}
    alerts = [
        one for one in monitoring.alerts_to_tell(visitor, project())
        if (one.project or visitor.administrator) and not (one.rule == "RunFailed" and one.object in told)
    ]  # fmt: skip
    return failed, [one for one in services if one.state == "failed"], alerts


def _attention(
    failed: list[workflows.RunSummary], broken: list[serving.ServiceView], alerts: list[monitoring.AlertView]
) -> None:
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


def _runs(runs: list[workflows.RunSummary]) -> Panel | None:
    if not runs:
        return None
    columns, rows = run_rows(runs[:SHOWN])
    return table_panel(RUNS, columns, rows, _("Runs, newest first"), _("Latest runs"))


def _services(services: list[serving.ServiceView]) -> Panel | None:
    if not services:
        return None
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
    return table_panel("services", columns, rows, _("Services and their states"), _("Services"))


def _nothing_yet(runs: list[workflows.RunSummary], services: list[serving.ServiceView]) -> None:
    if not runs:
        told = _("A pipeline's runs appear here with their state, their steps and how long they took.")
        empty("account_tree", _("No runs yet"), told, "pipelines", _("Open the pipelines"))
    if not services:
        told = _("A registered model becomes a service with an address of its own; put one into service on its page.")
        empty("rocket_launch", _("Nothing is live yet"), told, "models", _("Open the models"))
