"""What runs, what failed, what is live, and what to do next."""

from importlib import import_module
from typing import Any

import streamlit as st

import model_registry
import monitoring
import serving
import workflows
from portal.session import project, who
from portal.ui import age, card, empty, guard, header, link_to, number, say, state
from portal.words import _


def page() -> None:
    """The overview."""
    with header(_("Overview"), _("Project {name}").format(name=project())):
        pass
    _body()


@st.fragment(run_every="5s")
def _body() -> None:
    visitor, here = who(), project()
    runs: list[workflows.RunSummary] = []
    services: list[serving.ServiceView] = []
    answered, refused = "–", 0
    with guard():
        runs = workflows.list_runs(visitor, here, limit=20).items
        services = serving.list_services(visitor, here)
        today = serving.requests_today(visitor, here)
        answered, refused = f"{today.succeeded:,}", today.failed
    failed = [run for run in runs if run.phase in ("Failed", "Error")]
    running = [run for run in runs if run.phase in ("Running", "Pending")]
    live = [one for one in services if one.state == "live"]
    for column, content in zip(
        st.columns(4, gap="small"),
        (
            (_("Running now"), str(len(running)), _("of the last {n} runs").format(n=len(runs))),
            (_("Failed lately"), str(len(failed)), _("of the last {n} runs").format(n=len(runs))),
            (_("Live services"), str(len(live)), _("of {n} wanted").format(n=len(services))),
            (_("Requests today"), answered, _("{n} refused or failed").format(n=refused)),
        ),
        strict=True,
    ):
        with column:
            number(*content)
    left, right = st.columns([3, 2], gap="small")
    with left:
        _runs(runs)
    with right:
        _next_steps(runs, live)
        _live(live)


def _runs(runs: list[workflows.RunSummary]) -> None:
    if not runs:
        empty("account_tree", _("No runs yet"), _("Start a pipeline on the page Pipelines."))
        return
    with card(_("Latest runs")):
        for run in runs[:8]:
            row = st.columns([2, 3, 2, 2], gap="small", vertical_alignment="center")
            row[0].markdown(state(run.phase))
            row[1].markdown(f"{run.pipeline or run.name}")
            row[2].caption(f"{run.progress}")
            row[3].caption(age(run.created_at))


def _next_steps(runs: list[workflows.RunSummary], live: list[serving.ServiceView]) -> None:
    with card(_("What to do next")):
        with guard():
            _alerts()
        failed = next((run for run in runs if run.phase in ("Failed", "Error")), None)
        if failed:
            st.markdown(
                _("Run {name} failed: {why}").format(name=f"**{failed.name}**", why=failed.message or _("see its logs"))
            )
        if live:
            st.markdown(_("Try the live model, or open its demo and tell whether it was right."))
            st.page_link(_page("demos"), label=_("Open the demos"), icon=":material/co_present:")
        else:
            st.markdown(_("Nothing is live yet: run a pipeline, or put a model version into service."))
            st.page_link(_page("pipelines"), label=_("Open the pipelines"), icon=":material/account_tree:")
        st.markdown(_("Connect your own tools: a token works for MLflow, Hera, argo, Triton and REST."))
        st.page_link(_page("settings"), label=_("Create a token"), icon=":material/key:")


def _alerts() -> None:
    """What the platform noticed, worst first."""
    found = monitoring.alerts_to_tell(who(), project())
    for one in found:
        colour, icon = ("red", "error") if one.severity == "critical" else ("orange", "warning")
        st.markdown(f":{colour}[:material/{icon}:] {say(one.summary)}")
        st.caption(say(one.next_step))
    if found:
        link_to("monitoring", _("Open Monitoring"))


def _page(name: str) -> Any:
    return st.Page(import_module(f"portal.views.{name}").page, url_path=name)


def _live(live: list[serving.ServiceView]) -> None:
    if not live:
        return
    with card(_("Live services")):
        for one in live:
            st.markdown(f"{state('live')} **{one.name}** · {one.model} v{one.live_version}")
            with guard():
                found = model_registry.get_model_version(who(), project(), one.model, str(one.live_version))
                shown = [f"{key} {value}" for key, value in found.tags.items()][:2]
                st.caption(" · ".join([*shown, _("checked {age}").format(age=age(one.checked_at))]))
