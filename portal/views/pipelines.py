"""Pipelines and their runs; one pipeline (`?pipeline=`), one run (`?run=`) and a new pipeline (`?new=1`) have addresses of their own."""

from collections.abc import Sequence

import streamlit as st

import workflows
from atrium.identity import Verb
from portal.session import may, project, who
from portal.ui import (
    Cell,
    Column,
    address_of,
    ago,
    buttons,
    card,
    empty,
    guard,
    header,
    lasted,
    link,
    part,
    status,
    table,
    text,
)
from portal.views import editing, one_pipeline, one_run, schedule, templates
from portal.views.snippets import tools, workflow_texts
from portal.words import _
from portal.words.engine import of_engine

RUNS_A_PAGE = 15
PHASES: dict[str, tuple[str, ...]] = {
    "all": (), "running": ("Running", "Pending"), "failed": ("Failed", "Error"), "succeeded": ("Succeeded",),
}  # fmt: skip


def page() -> None:
    """The pipelines, or what the address names of them."""
    asked = st.query_params
    if run := asked.get("run"):
        one_run.page(run)
    elif pipeline := asked.get("pipeline"):
        one_pipeline.page(pipeline)
    elif template := asked.get("template"):
        templates.page(template)
    elif asked.get("new") and may(Verb.WRITE):
        editing.page()
    else:
        _lists()


def _lists() -> None:
    with header(_("Pipelines"), _("Written with Hera or as Argo manifests, run by Argo's engine")):
        if may(Verb.WRITE) and st.button(_("New pipeline"), icon=":material/add:", type="primary"):
            st.query_params["new"] = "1"
            st.rerun()
    _pipelines()
    schedule.schedules_card()
    templates.templates_card()
    runs_card()
    tools(workflow_texts(project()))


@st.fragment(run_every="5s")
def _pipelines() -> None:
    with guard():
        pipelines = workflows.list_pipelines(who(), project())
        if not pipelines:
            _none()
            return
        last = workflows.last_runs(who(), project())
        planned = {one.pipeline: one for one in workflows.list_schedules(who(), project())}
        columns = [
            Column(_("Pipeline")), Column(_("Last run"), "short"), Column(_("When"), "soft"), Column(_("Revision"), "soft"),
            Column(_("Saved by"), "soft", phone=False), *([Column(_("Next slot"), "soft")] if planned else []), Column("", "actions"),
        ]  # fmt: skip
        rows: list[list[Cell | str]] = []
        for one in pipelines:
            run = last.get(one.name)
            rows.append(
                [
                    link(one.name, one.name, address_of("pipelines", pipeline=one.name)),
                    status(run.state, of_engine(run.message)) if run else text("–"), ago(run.created_at if run else None),
                    text(str(one.number)), text(one.saved_by),
                    *([schedule.next_cell(planned.get(one.name))] if planned else []),
                    buttons(one.name, ("run", _("Run"))) if may(Verb.WRITE) else text(""),
                ]
            )  # fmt: skip
        with card():
            clicked = table("pipelines", columns, rows, _("The project's pipelines with their last runs"))
    if clicked:
        st.query_params["pipeline"] = clicked.row
        if clicked.action == "run":
            st.query_params["form"] = "run"
        st.rerun(scope="app")


def _none() -> None:
    empty(
        "account_tree", _("No pipelines yet"),
        _("Save a manifest with “New pipeline”, or submit a workflow with Hera or argo: the snippets below are ready to copy."),
    )  # fmt: skip


def run_rows(runs: Sequence[workflows.RunSummary]) -> tuple[list[Column], list[list[Cell | str]]]:
    """Columns and rows of a table of runs."""
    columns = [
        Column(_("State"), "short"), Column(_("Run")), Column(_("Steps done"), "short"), Column(_("Took"), "number"),
        Column(_("Began"), "soft"), Column(_("By"), "soft", phone=False),
    ]  # fmt: skip
    elsewhere = any(run.cluster for run in runs)
    columns += [Column(_("Where"), "soft", phone=False)] if elsewhere else []
    rows: list[list[Cell | str]] = []
    for run in runs:
        done, _slash, whole = run.progress.partition("/")
        whole = whole.removesuffix("+")
        known = done.isdigit() and whole.isdigit()
        steps = part(float(done), float(whole), run.progress) if known else text(run.progress or "–")
        began = run.started_at or run.created_at
        rows.append(
            [
                status(run.state, of_engine(run.message)), link(run.name, run.name, address_of("pipelines", run=run.name)), steps,
                text(lasted(began, run.finished_at)), ago(began), text(run.owner), *([text(run.cluster or _("Here"))] if elsewhere else []),
            ]
        )  # fmt: skip
    return columns, rows


@st.fragment(run_every="3s")
def runs_card(pipeline: str | None = None) -> None:
    """Runs, newest first, of the project or of one pipeline; refreshed by itself, with the page's place kept."""
    key = f"runs-after-{project()}-{pipeline or ''}"
    with guard(), card(_("Runs")):
        titles = {"all": _("All"), "running": _("Running"), "failed": _("Failed"), "succeeded": _("Succeeded")}
        shown = st.segmented_control(
            _("Show"), list(PHASES), format_func=titles.__getitem__, default="all", required=True, key=f"{key}-phases",
            label_visibility="collapsed", on_change=lambda: st.session_state.pop(key, None),
        )  # fmt: skip
        after = st.session_state.get(key)
        found = workflows.list_runs(who(), project(), after, RUNS_A_PAGE, pipeline, PHASES[shown])
        if not found.items:
            st.caption(_("None yet.") if shown == "all" else _("None in this state."))
        else:
            columns, rows = run_rows(found.items)
            clicked = table(f"{key}-table", columns, rows, _("Runs, newest first"))
            if clicked:
                st.query_params.pop("pipeline", None)
                st.query_params["run"] = clicked.row
                st.rerun(scope="app")
        _turn(key, after, found.next_key)


def _turn(key: str, after: str | None, following: str | None) -> None:
    if not after and not following:
        return
    with st.container(horizontal=True, gap="small"):
        if st.button(_("Newest"), key=f"{key}-newest", disabled=not after):
            st.session_state.pop(key, None)
            st.rerun(scope="fragment")
        if st.button(_("Older"), key=f"{key}-older", disabled=not following):
            st.session_state[key] = following
            st.rerun(scope="fragment")
