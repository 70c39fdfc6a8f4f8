"""One run that MLflow tracks: figures, parameters, curves, plots, files, origin; renamed, tagged, deleted."""

import streamlit as st

import model_registry
from atrium.identity import Verb
from atrium.lineage import Node, NodeKind
from model_registry import TrackingRunView
from portal.session import may, project, who
from portal.ui import (
    Cell,
    Column,
    address_of,
    age,
    card,
    confirmed,
    facts,
    guard,
    header,
    lasted,
    lines,
    numbers,
    popover,
    say_after,
    state,
    table,
    when,
)
from portal.views import paging
from portal.views.origins import depend_words, path_card
from portal.words import _

PLOTS = (".png", ".jpg", ".jpeg")
MOST_FILES = 100


def page(run_id: str) -> None:
    """The page of one tracked run."""
    found = paging.opened(
        lambda: model_registry.get_tracking_run(who(), project(), run_id), run_id, _("Back"), "tracking"
    )
    if found is None:
        return
    with header(found.name or run_id, _("A run that MLflow tracks, {id}").format(id=run_id)):
        paging.back(_("Back"), "tracking")
        if may(Verb.WRITE):
            _rename(found)
            _tag(found)
            _delete(found)
    experiment = f"[{_('Open')}]({address_of('experiments', experiment=found.experiment)})"
    facts(
        {
            _("State"): state(found.status), _("Took"): lasted(found.started_at, found.ended_at), _("Began"): age(found.started_at),
            _("At"): when(found.started_at), _("By"): found.user, _("Experiment"): experiment,
        }
    )  # fmt: skip
    path_card(Node(NodeKind.RUN, run_id))
    _parts(found)


def _rename(run: TrackingRunView) -> None:
    with popover(_("Rename"), "edit", "rename"), st.form("rename-run", border=False):
        name = st.text_input(_("Name"), run.name, max_chars=250)
        if st.form_submit_button(_("Rename"), type="primary"):
            with guard():
                model_registry.rename_tracking_run(who(), project(), run.id, name.strip())
                say_after(_("Renamed."))
                st.rerun()


def _tag(run: TrackingRunView) -> None:
    with popover(_("Tag"), "sell", "tag"), st.form("tag-run", border=False):
        key, value = st.text_input(_("Tag"), max_chars=250), st.text_input(_("Value"), max_chars=5000)
        if st.form_submit_button(_("Set the tag"), type="primary"):
            with guard():
                model_registry.tag_tracking_run(who(), project(), run.id, key.strip(), value)
                say_after(_("The tag is set."))
                st.rerun()


def _delete(run: TrackingRunView) -> None:
    depends = depend_words(model_registry.run_dependents(who(), project(), run.id))
    question = _("Delete the run **{name}**? MLflow keeps it where it can be brought back.").format(name=run.name)
    if confirmed(_("Delete"), f"{question}\n\n{depends}", "delete-run"):
        with guard():
            model_registry.delete_tracking_run(who(), project(), run.id)
            say_after(_("{name} is deleted.").format(name=run.name))
            st.query_params.pop("tracking", None)
            st.query_params["experiment"] = run.experiment
            st.rerun()


def _parts(run: TrackingRunView) -> None:
    drawn = {_("Figures"): _figures, _("Curves"): _curves, _("Plots"): _plots, _("Files"): _files}
    tabs = st.tabs(list(drawn), key="tracking-tab", on_change="rerun")
    for tab, draw in zip(tabs, drawn.values(), strict=True):
        if tab.open:
            with tab, guard():
                draw(run)


def _figures(run: TrackingRunView) -> None:
    found = (
        ("metrics", _("Metric"), {name: f"{value:.6g}" for name, value in run.metrics.items()}), ("params", _("Parameter"), run.params),
        ("tags", _("Tag"), run.tags),
    )  # fmt: skip
    for key, title, values in found:
        if values:
            rows: list[list[Cell | str]] = [[name, value] for name, value in values.items()]
            with card():
                table(key, [Column(title), Column(_("Value"), "number" if key == "metrics" else "")], rows, title)
    if not any(values for *_key, values in found):
        st.caption(_("Nothing was logged."))


def _curves(run: TrackingRunView) -> None:
    if not run.metrics:
        st.caption(_("Nothing was logged."))
        return
    metric = st.selectbox(_("Metric"), sorted(run.metrics), key="curve", width=320)
    points = model_registry.metric_history(who(), project(), run.id, metric)
    if len(points) == 1:
        numbers(
            (metric, f"{points[0][1]:.6g}", _("One value, at step {n}: a curve needs more.").format(n=points[0][0]))
        )
        return
    rows = [{"step": step, "value": value, "run": run.name} for step, value in points]
    lines(rows, "step", "value", "run", {"step": _("Step"), "value": metric}, metric, moments=False)
    st.caption(_("{n} values by step").format(n=len(points)))


def _plots(run: TrackingRunView) -> None:
    plots = [
        one for one in model_registry.list_artifacts(who(), project(), run.id, "plots") if one.path.endswith(PLOTS)
    ]
    if not plots:
        st.caption(_("This run kept no pictures in plots/."))
    for one in plots:
        st.image(model_registry.read_artifact(who(), project(), run.id, one.path), caption=one.path)


def _files(run: TrackingRunView) -> None:
    folder = str(st.session_state.get("files-of", {}).get(run.id, ""))
    found = model_registry.list_artifacts(who(), project(), run.id, folder)[:MOST_FILES]
    if folder and st.button(f"{folder} ↑", key="files-up"):
        st.session_state["files-of"] = {run.id: folder.rpartition("/")[0]}
        st.rerun()
    if not found:
        st.caption(_("This run kept no files."))
    for number, one in enumerate(found):
        name = one.path.rpartition("/")[2]
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            if one.is_dir and st.button(name, key=f"folder-{number}", icon=":material/folder:", type="tertiary"):
                st.session_state["files-of"] = {run.id: one.path}
                st.rerun()
            elif not one.is_dir:
                st.link_button(name, f"/mlflow/get-artifact?run_id={run.id}&path={one.path}&workspace={project()}", type="tertiary",
                               icon=":material/download:")  # fmt: skip
                st.caption(f"{one.size_bytes:,} B", width="content")
