"""Experiments: what there is and who began it; each has a page with its runs, each run one of its own."""

import streamlit as st

import model_registry
from atrium.errors import AtriumError
from atrium.identity import Verb
from atrium.settings import get_settings
from model_registry import Lifecycle
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
    link,
    popover,
    say_after,
    show_error,
    table,
    text,
)
from portal.views import one_experiment, one_tracking_run, paging
from portal.views.snippets import tools
from portal.words import _

KEY = "experiments"


def page() -> None:
    """The experiments, or the experiment or run that the address names."""
    if run := paging.shown("tracking"):
        one_tracking_run.page(run)
        return
    if experiment := paging.shown("experiment"):
        one_experiment.page(experiment)
        return
    with header(_("Experiments"), _("What was trained, with what, and how well (MLflow)")):
        if may(Verb.WRITE):
            with popover(_("New experiment"), "add", "new-experiment"):
                _new()
        st.link_button(_("Open MLflow"), f"/mlflow/?workspace={project()}", icon=":material/open_in_new:")
    with guard():
        _list()
    _snippets()


def _new() -> None:
    with st.form("new-experiment", border=False):
        name = st.text_input(_("Name"), max_chars=250)
        asked = st.form_submit_button(_("Create"), type="primary")
    if asked:
        with guard():
            made = model_registry.create_experiment(who(), project(), name.strip())
            say_after(_("{name} is there.").format(name=name.strip()))
            paging.show("experiment", made)


def _list() -> None:
    asked, owner, gone = paging.asked_for(KEY)
    state = Lifecycle(gone) if gone else Lifecycle.ACTIVE
    found = model_registry.list_experiments(who(), project(), paging.after(KEY), paging.PAGE_ROWS, asked, owner, state)
    if not (found.items or asked or owner or gone or _deleted_ones()):
        empty("science", _("No experiments yet"), _("Run a pipeline that trains, or log runs with the MLflow client."),
              "pipelines", _("Pipelines"))  # fmt: skip
        return
    paging.narrowing(KEY, _("Begun by"), {Lifecycle.DELETED.value: _("Deleted")})
    if not found.items:
        st.caption(_("None matches."))
        return
    columns = [
        Column(_("Experiment")),
        Column(_("Changed"), "soft"),
        Column(_("Begun by"), "soft"),
        Column("", "actions"),
    ]
    restores = state is Lifecycle.DELETED and may(Verb.WRITE)
    rows: list[list[Cell | str]] = [
        [
            link(one.name, one.id, address_of("experiments", experiment=one.id)), ago(one.updated_at), text(one.owner or "–"),
            buttons(one.id, ("restore", _("Bring back"))) if restores else text(""),
        ]
        for one in found.items
    ]  # fmt: skip
    with card():
        clicked = table(KEY, columns, rows, _("The project's experiments"))
        paging.turning(KEY, found.next_key)
    if clicked and clicked.action == "restore":
        _restore(clicked.row)
    elif clicked:
        paging.show("experiment", clicked.row)


def _deleted_ones() -> bool:
    """Whether the project has experiments that could be brought back: then the filter that shows them must stand."""
    return bool(model_registry.list_experiments(who(), project(), None, 1, state=Lifecycle.DELETED).items)


def _restore(experiment: str) -> None:
    try:
        model_registry.restore_experiment(who(), project(), experiment)
    except AtriumError as error:
        show_error(error)
        return
    say_after(_("The experiment and its runs are back."))
    st.rerun()


def _snippets() -> None:
    url = get_settings().public_url
    client = (
        f'import os\n\nos.environ["MLFLOW_TRACKING_URI"] = "{url}/mlflow"\nos.environ["MLFLOW_TRACKING_TOKEN"] = os.environ["TOKEN"]\n'
        f'os.environ["MLFLOW_WORKSPACE"] = "{project()}"\n\nimport mlflow\n\nmlflow.set_experiment("my-experiment")\n'
        'with mlflow.start_run(run_name="first"):\n    mlflow.log_param("depth", 5)\n    mlflow.log_metric("accuracy", 0.9)'
    )
    curl = f'curl -H "Authorization: Bearer $TOKEN" "{url}/api/v1/projects/{project()}/tracking-runs?status=FINISHED"'
    tools({"MLflow": (client, "python"), "curl": (curl, "bash")})
