"""One pipeline: a form to run it, its runs, its manifest, its revisions and what changed between them."""

import difflib
from collections.abc import Callable, Sequence

import streamlit as st

import workflows
from atrium.identity import Verb
from portal.session import may, project, who
from portal.ui import Column, age, ago, card, guard, header, table, text
from portal.views import editing, paging, parameters, pipelines, schedule
from portal.views.snippets import tools, workflow_texts
from portal.words import _

OWN = ("pipeline", "template", "form", "tab")  # what the address says of this page


def page(name: str) -> None:
    """The page of the pipeline `name`."""
    found = paging.opened(
        lambda: workflows.list_revisions(who(), project(), name), name, _("All pipelines"), *OWN
    )  # fmt: skip
    if found is None:
        return
    newest = found[0]
    lead = _("Revision {n}, saved by {who} {age}").format(
        n=newest.number, who=newest.saved_by, age=age(newest.saved_at)
    )
    with header(name, lead):
        paging.back(_("All pipelines"), *OWN)
    if may(Verb.WRITE):
        run_form(
            name, newest.form, lambda given, where: workflows.run_pipeline(who(), project(), name, given, where), _where
        )
    titles = [_("Runs"), _("Schedule"), _("Manifest"), _("Revisions")]
    first = titles[1] if st.query_params.get("tab") == "schedule" else titles[0]
    runs, times, manifest, revisions = st.tabs(titles, default=first, key=f"pipeline-tab-{name}", on_change="rerun")
    if runs.open:
        with runs:
            pipelines.runs_card(name)
            tools(workflow_texts(project(), name, newest.parameters))
    if times.open:
        with times:
            schedule.shown(newest)
    if manifest.open:
        with manifest:
            _manifest(newest)
    if revisions.open:
        with revisions:
            _revisions(found)


def run_form(
    name: str,
    form: Sequence[workflows.ParameterView],
    start: Callable[[dict[str, str], str], str],
    choose: Callable[[], str],
) -> None:
    """A form for parameters, whose button has `start` begin a run with them at the place that `choose` gives, and leads to it."""
    with card(_("Run")), st.form(f"run-{name}", border=False):
        if not form:
            st.caption(_("It takes no parameters."))
        given = parameters.fields(form, {})
        where = choose()
        if st.form_submit_button(_("Start"), type="primary", icon=":material/play_arrow:"):
            with guard():
                run = start(given, where)
                for one in OWN:
                    st.query_params.pop(one, None)
                st.query_params["run"] = run
                st.rerun()


def _where() -> str:
    """The cluster that is to run it; empty for this platform's own workflow server, which is all where none is connected."""
    there = workflows.clusters_of(who(), project())
    if not there:
        return ""
    return str(st.selectbox(_("Where"), ["", *there], format_func=lambda one: one or _("Here"), width=260))


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
