"""Saving a pipeline: a manifest is pasted or uploaded, checked by the workflow server, and kept as a revision."""

import streamlit as st

import workflows
from atrium.errors import AtriumError
from portal.session import project, who
from portal.ui import card, header, say_after, show_error
from portal.words import _

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
    with header(_("New pipeline"), _("An Argo manifest becomes the pipeline's first revision")):
        if st.button(_("All pipelines"), icon=":material/arrow_back:"):
            st.query_params.pop("new", None)
            st.rerun()
    with card():
        name = st.text_input(_("Name"), placeholder="my-pipeline", max_chars=30, help=_("a-z, 0-9 and dashes"))
        manifest_form("new", name, START)


def manifest_form(key: str, name: str, manifest: str) -> None:
    """A manifest to change or upload, and its saving; the workflow server's words are shown where it refuses."""
    file = st.file_uploader(_("Upload YAML (instead of the text below)"), type=["yaml", "yml"], key=f"{key}-file")
    text = file.getvalue().decode("utf-8", "replace") if file else manifest
    with st.form(f"{key}-form", border=False):
        written = st.text_area(
            _("Argo manifest (YAML)"), text, height=420, key=f"{key}-text-{file.file_id if file else ''}"
        )
        asked = st.form_submit_button(_("Check and save"), type="primary", icon=":material/save:")
    if asked:
        _save(name, written)


def _save(name: str, manifest: str) -> None:
    try:
        saved = workflows.save_pipeline(who(), project(), name.strip(), manifest)
    except AtriumError as error:
        show_error(error)
        return
    say_after(_("Saved as revision {n}.").format(n=saved.number))
    st.query_params.pop("new", None)
    st.query_params["pipeline"] = saved.name
    st.rerun()
