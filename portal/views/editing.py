"""Saving a pipeline: a manifest is pasted or uploaded, checked by the workflow server, and kept as a revision."""

from dataclasses import dataclass

import streamlit as st

import workflows
from atrium.errors import AtriumError
from portal.session import project, who
from portal.ui import card, code_editor, header, say_after, show_error
from portal.words import _

NEW = "new"
START = """\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata:
  generateName: hello-
spec:
  entrypoint: hello
  arguments:
    parameters:
      - {name: greeting, value: hello, description: What the step says}
  templates:
    - name: hello
      inputs:
        parameters: [{name: greeting, value: "{{workflow.parameters.greeting}}"}]
      container:
        image: alpine:3
        command: [echo, "{{inputs.parameters.greeting}}"]
"""


def page() -> None:
    """The form for a new pipeline."""
    with header(
        _("New pipeline"),
        _("An Argo manifest becomes the pipeline's first revision, or the next one of a pipeline that is there"),
    ):
        if st.button(_("All pipelines"), icon=":material/arrow_back:"):
            st.query_params.pop("new", None)
            st.rerun()
    with card():
        name = st.text_input(_("Name"), placeholder="my-pipeline", max_chars=30, help=_("a-z, 0-9 and dashes"))
        manifest_form(NEW, name, START)


@st.fragment
def manifest_form(key: str, name: str, manifest: str) -> None:
    """A manifest to change or upload, and its saving; what the workflow server refuses is told, and its line is marked."""
    file = st.file_uploader(_("Upload YAML (instead of the text below)"), type=["yaml", "yml"], key=f"{key}-file")
    text = file.getvalue().decode("utf-8", "replace") if file else manifest
    refused: Refused | None = st.session_state.get(f"{key}-refused")
    line, times = (refused.error.line, refused.times) if refused else (0, 0)
    written, by_keys = code_editor(f"{key}-text", text, _("Argo manifest (YAML)"), line, times)
    if refused and refused.written == written:
        show_error(refused.error)
    again = key != NEW or st.toggle(_("Save as the next revision of a pipeline that is there"))
    if st.button(_("Check and save"), type="primary", icon=":material/save:", key=f"{key}-save") or by_keys:
        if not again and (there := _revision_of(name.strip())):
            st.warning(there)
        else:
            _save(key, name, written, times)
    elif refused and refused.written != written:
        del st.session_state[f"{key}-refused"]
        st.rerun(scope="fragment")


def _revision_of(name: str) -> str:
    """What is to be said of a pipeline that is there, before it gets another revision; empty where there is none of the name."""
    try:
        found = workflows.get_pipeline(who(), project(), name)
    except workflows.PipelineNotFound:
        return ""
    words = _("{name} is there already, at revision {n}. Save this as its next revision, or choose another name.")
    return words.format(name=found.name, n=found.number)


@dataclass(frozen=True)
class Refused:
    """A manifest that was not saved, why, and how often this happened on this page."""

    written: str
    error: workflows.ManifestInvalid
    times: int


def _save(key: str, name: str, written: str, times: int) -> None:
    try:
        saved = workflows.save_pipeline(who(), project(), name.strip(), written)
    except workflows.ManifestInvalid as error:
        st.session_state[f"{key}-refused"] = Refused(written, error, times + 1)
        st.rerun(scope="fragment")
    except AtriumError as error:
        show_error(error)
        return
    st.session_state.pop(f"{key}-refused", None)
    say_after(_("Saved as revision {n}.").format(n=saved.number))
    st.query_params.pop("new", None)
    st.query_params["pipeline"] = saved.name
    st.rerun()
