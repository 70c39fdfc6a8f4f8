"""Experiments: runs with their figures, two beside each other, plots."""

import streamlit as st

import model_registry
from atrium.settings import get_settings
from portal.session import project, who
from portal.ui import age, card, empty, guard, header, snippet, state
from portal.words import _

PLOTS = (".png", ".jpg", ".jpeg")


def page() -> None:
    """The experiments."""
    with header(_("Experiments"), _("What was trained, with what, and how well (MLflow)")):
        st.link_button(_("Open MLflow"), f"/mlflow/?workspace={project()}", icon=":material/open_in_new:")
    with guard():
        experiments = model_registry.list_experiments(who(), project())
        if not experiments:
            empty(
                "science", _("No experiments yet"), _("Run a pipeline that trains, or log runs with the MLflow client.")
            )
        else:
            names = {one.id: one.name for one in experiments}
            chosen = st.selectbox(_("Experiment"), list(names), format_func=names.__getitem__, key="experiment")
            _runs(chosen)
    snippet(
        "MLflow",
        f'import os\n\nos.environ["MLFLOW_TRACKING_URI"] = "{get_settings().public_url}/mlflow"\nos.environ["MLFLOW_TRACKING_TOKEN"] = TOKEN\n\n'
        'import mlflow\n\nmlflow.set_experiment("my-experiment")\nwith mlflow.start_run():\n    mlflow.log_metric("accuracy", 0.9)',
    )


def _runs(experiment: str) -> None:
    found = model_registry.list_tracking_runs(who(), project(), experiment, st.session_state.get("tracking-after"))
    names = sorted({name for run in found.items for name in run.metrics})
    rows = [
        {
            _("Run"): run.name, _("State"): run.status, _("Began"): age(run.started_at), _("By"): run.user,
            **{name: round(run.metrics[name], 4) if name in run.metrics else None for name in names},
        }
        for run in found.items
    ]  # fmt: skip
    st.dataframe(rows, hide_index=True)
    if found.next_key and st.button(_("Older")):
        st.session_state["tracking-after"] = found.next_key
        st.rerun()
    by_id = {run.id: run for run in found.items}
    picked = st.multiselect(
        _("Look at one, or compare two"),
        list(by_id),
        default=list(by_id)[:2],
        max_selections=2,
        format_func=lambda key: f"{by_id[key].name} · {key[:6]}",
    )
    for column, run_id in zip(st.columns(max(1, len(picked)), gap="small"), picked, strict=True):
        with column:
            _run(by_id[run_id])


def _run(run: model_registry.TrackingRunView) -> None:
    with card(run.name):
        st.markdown(state(run.status))
        st.table({_("Metric"): list(run.metrics), _("Value"): [f"{value:.4f}" for value in run.metrics.values()]})
        st.table({_("Parameter"): list(run.params), _("Value"): list(run.params.values())})
        if run.inputs:
            st.caption(f"{_('Datasets')}: {', '.join(run.inputs)}")
        for one in model_registry.list_artifacts(who(), project(), run.id, "plots"):
            if one.path.endswith(PLOTS):
                st.image(model_registry.read_artifact(who(), project(), run.id, one.path), caption=one.path)
