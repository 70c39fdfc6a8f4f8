"""One experiment: its runs with their figures, some of them beside each other; renamed, or deleted."""

import streamlit as st

import model_registry
from atrium.identity import Verb
from model_registry import ExperimentView, TrackingRunSummary
from portal.session import may, project, who
from portal.ui import (
    Cell,
    Column,
    address_of,
    ago,
    bars,
    card,
    confirmed,
    empty,
    guard,
    header,
    lasted,
    link,
    popover,
    say_after,
    state_word,
    status,
    table,
    text,
)
from portal.views import paging
from portal.words import _

MOST_METRICS, MOST_COMPARED = 4, 10
STATUSES = ("RUNNING", "FINISHED", "FAILED", "KILLED")


def page(experiment: str) -> None:
    """The page of one experiment."""
    found = paging.opened(
        lambda: model_registry.get_experiment(who(), project(), experiment),
        experiment,
        _("All experiments"),
        "experiment",
    )
    if found is None:
        return
    with header(found.name, _("An experiment of project {name}").format(name=project())):
        paging.back(_("All experiments"), "experiment")
        if may(Verb.WRITE):
            _rename(found)
            _delete(found)
    with guard():
        _runs(experiment)


def _rename(one: ExperimentView) -> None:
    with popover(_("Rename"), "edit", "rename"), st.form("rename-experiment", border=False):
        name = st.text_input(_("Name"), one.name, max_chars=250)
        if st.form_submit_button(_("Rename"), type="primary"):
            with guard():
                model_registry.rename_experiment(who(), project(), one.id, name.strip())
                say_after(_("Renamed."))
                st.rerun()


def _delete(one: ExperimentView) -> None:
    question = _("Delete the experiment **{name}** with its runs? Models made by them stay; it can be brought back.")
    if confirmed(_("Delete"), question.format(name=one.name), "delete-experiment"):
        with guard():
            model_registry.delete_experiment(who(), project(), one.id)
            say_after(_("{name} is deleted.").format(name=one.name))
            st.query_params.pop("experiment", None)
            st.rerun()


def _runs(experiment: str) -> None:
    key = f"tracking-{experiment}"
    name, owner, state = paging.asked_for(key)
    found = model_registry.list_tracking_runs(
        who(), project(), experiment, paging.after(key), paging.PAGE_ROWS, name, state, owner
    )
    if not (found.items or name or owner or state):
        empty("science", _("No runs yet"), _("Each training run that MLflow tracks in this experiment stands here."))
        return
    paging.narrowing(key, _("Begun by"), {one: state_word(one) for one in STATUSES})
    if not found.items:
        st.caption(_("None matches."))
        return
    with card(_("Runs")):
        clicked = table(key, *_rows(found.items), _("Runs of the experiment, newest first"))
        paging.turning(key, found.next_key)
    if clicked:
        paging.show("tracking", clicked.row)
    if len(found.items) > 1:
        _compare(found.items)


def _rows(runs: list[TrackingRunSummary]) -> tuple[list[Column], list[list[Cell | str]]]:
    names = sorted({name for run in runs for name in run.metrics})[:MOST_METRICS]
    columns = [Column(_("State"), "short"), Column(_("Run")), *(Column(name, "number") for name in names), Column(_("Took"), "number"),
               Column(_("Began"), "soft"), Column(_("By"), "soft", phone=False)]  # fmt: skip
    rows: list[list[Cell | str]] = [
        [
            status(run.status), link(run.name or run.id, run.id, address_of("experiments", tracking=run.id)),
            *(text(f"{run.metrics[name]:.4g}" if name in run.metrics else "–") for name in names),
            text(lasted(run.started_at, run.ended_at)), ago(run.started_at), text(run.user or "–"),
        ]
        for run in runs
    ]  # fmt: skip
    return columns, rows


def _compare(runs: list[TrackingRunSummary]) -> None:
    by_id = {run.id: run for run in runs}
    with card(_("Compare")):
        picked = st.multiselect(
            _("Runs beside each other"), list(by_id), max_selections=MOST_COMPARED, key="compared",
            format_func=lambda key: f"{by_id[key].name} · {key[:6]}", placeholder=_("Choose 2 to 10"),
        )  # fmt: skip
        if len(picked) > 1:
            _beside(model_registry.compare_runs(who(), project(), picked))


def _beside(found: model_registry.RunComparison) -> None:
    names = [f"{run.name} · {run.id[:6]}" for run in found.runs]
    heads = [Column(_("Metric")), *(Column(name, "number") for name in names)]
    rows: list[list[Cell | str]] = [
        [name, *(text("–" if value is None else f"{value:.4g}") for value in values)]
        for name, values in found.metrics.items()
    ]
    table("compared-metrics", heads, rows, _("Metrics of the chosen runs"))
    if found.metrics:
        chosen = st.selectbox(_("Drawn"), list(found.metrics), key="compared-metric", width=320)
        drawn = [
            {"run": name, "value": value}
            for name, value in zip(names, found.metrics[chosen], strict=True)
            if value is not None
        ]
        bars(
            drawn,
            "run",
            "value",
            {"run": _("Run"), "value": chosen},
            f"{chosen}: {_('Metrics of the chosen runs')}",
            lying=True,
        )
    only = st.toggle(_("Only parameters that differ"), value=True, key="compared-differing")
    params = [name for name in found.params if not only or name in found.differing]
    if params:
        rows = [[name, *(text("–" if value is None else value) for value in found.params[name])] for name in params]
        table(
            "compared-params",
            [Column(_("Parameter")), *(Column(name) for name in names)],
            rows,
            _("Parameters of the chosen runs"),
        )
    else:
        st.caption(_("Their parameters are all alike."))
