"""One pipeline: a form to run it, its runs, its manifest, its revisions and what changed between them."""

import difflib
import re

import streamlit as st

import workflows
from atrium.errors import AtriumError
from atrium.identity import Verb
from portal.session import may, project, who
from portal.ui import Column, age, ago, card, guard, header, show_error, table, text
from portal.views import editing, pipelines
from portal.views.snippets import tools, workflow_texts
from portal.words import _

WHOLE = re.compile(r"-?(0|[1-9]\d{0,14})")
BROKEN = re.compile(r"-?(0|[1-9]\d{0,14})\.\d{1,12}")


def page(name: str) -> None:
    """The page of the pipeline `name`."""
    found: list[workflows.PipelineView] = []
    with guard():
        found = workflows.list_revisions(who(), project(), name)
    if not found:
        _back()
        return
    newest = found[0]
    lead = _("Revision {n}, saved by {who} {age}").format(
        n=newest.number, who=newest.saved_by, age=age(newest.saved_at)
    )
    with header(name, lead):
        _back()
    if may(Verb.WRITE):
        _run_form(newest)
    runs, manifest, revisions = st.tabs(
        [_("Runs"), _("Manifest"), _("Revisions")], key="pipeline-tab", on_change="rerun"
    )
    if runs.open:
        with runs:
            pipelines.runs_card(name)
            tools(workflow_texts(project(), name, newest.parameters))
    if manifest.open:
        with manifest:
            _manifest(newest)
    if revisions.open:
        with revisions:
            _revisions(found)


def _back() -> None:
    if st.button(_("All pipelines"), icon=":material/arrow_back:"):
        for one in ("pipeline", "form"):
            st.query_params.pop(one, None)
        st.rerun()


def _field(one: workflows.ParameterView) -> str:
    """A field that fits a parameter: a choice, a switch, a number or a text; its value as Argo takes it."""
    help_text = one.description or None
    if one.choices:
        first = one.choices.index(one.value) if one.value in one.choices else 0
        return str(st.selectbox(one.name, one.choices, first, help=help_text))
    if one.value in ("true", "false"):
        return str(st.toggle(one.name, one.value == "true", help=help_text)).lower()
    if WHOLE.fullmatch(one.value):
        return str(int(st.number_input(one.name, value=int(one.value), step=1, help=help_text)))
    if BROKEN.fullmatch(one.value):
        digits = len(one.value.partition(".")[2])
        given = st.number_input(
            one.name, value=float(one.value), format=f"%.{digits}f", step=10.0**-digits, help=help_text
        )
        return f"{given:.{digits}f}"
    return st.text_input(one.name, one.value, help=help_text)


def _run_form(pipeline: workflows.PipelineView) -> None:
    with card(_("Run")), st.form(f"run-{pipeline.name}", border=False):
        if not pipeline.form:
            st.caption(_("It takes no parameters."))
        given: dict[str, str] = {}
        with st.grid(3, min_column_width=220) as grid:
            for one in pipeline.form:
                with grid.cell():
                    given[one.name] = _field(one)
        if st.form_submit_button(_("Start"), type="primary", icon=":material/play_arrow:"):
            _start(pipeline.name, given)


def _start(name: str, given: dict[str, str]) -> None:
    try:
        run = workflows.run_pipeline(who(), project(), name, given)
    except AtriumError as error:
        show_error(error)
        return
    for one in ("pipeline", "form"):
        st.query_params.pop(one, None)
    st.query_params["run"] = run
    st.rerun()


def _manifest(newest: workflows.PipelineView) -> None:
    st.download_button(
        _("Download YAML"), newest.manifest, f"{newest.name}.yaml", "application/yaml", icon=":material/download:", on_click="ignore"
    )  # fmt: skip
    if may(Verb.WRITE):
        with st.expander(_("Change it: saving makes the next revision"), icon=":material/edit:"):
            editing.manifest_form(f"edit-{newest.number}", newest.name, newest.manifest)
    st.code(newest.manifest, language="yaml", line_numbers=True)


def _revisions(found: list[workflows.PipelineView]) -> None:
    columns = [Column(_("Revision")), Column(_("Saved"), "soft"), Column(_("By"), "soft"), Column(_("Digest"), "code")]
    rows = [
        [text(str(one.number)), ago(one.saved_at), text(one.saved_by), text(one.digest[:12], one.digest)]
        for one in found
    ]
    with card():
        table("revisions", columns, rows, _("The pipeline's revisions"))
    if len(found) == 1:
        st.caption(_("There is one revision; a change will be shown here beside it."))
        return
    numbers = [one.number for one in found]
    with st.container(horizontal=True, gap="small"):
        before = st.selectbox(_("From revision"), numbers, 1, width=160, key="diff-from")
        after = st.selectbox(_("To revision"), numbers, 0, width=160, key="diff-to")
    by_number = {one.number: one.manifest.splitlines() for one in found}
    lines = difflib.unified_diff(by_number[before], by_number[after], f"{before}", f"{after}", lineterm="", n=3)
    changed = "\n".join(lines)
    if changed:
        st.code(changed, language="diff")
    else:
        st.caption(_("These two are alike."))
