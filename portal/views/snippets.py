"""What to copy to use the platform with stock clients; complete, so that each runs as it is with a token in `TOKEN`."""

import json
from collections.abc import Mapping

import streamlit as st

from atrium.settings import get_settings
from portal.ui import link_to
from portal.words import _


def token_note() -> None:
    """Where the token of the snippets comes from."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(_("Each expects a token in the environment variable TOKEN."), width="content")
        link_to("settings", _("Create a token"), "key")


def workflow_snippets(here: str, pipeline: str = "", parameters: Mapping[str, str] | None = None) -> None:
    """Hera, the argo command line, and curl where a pipeline is named."""
    url = get_settings().public_url
    scheme, _slashes, address = url.partition("://")
    secure = str(scheme == "https").lower()
    hera = (
        "import os\n\nfrom hera.workflows import Container, Workflow, WorkflowsService\n\n"
        f'service = WorkflowsService(host="{url}/argo/", token=os.environ["TOKEN"], namespace="{here}")\n'
        f'with Workflow(generate_name="hello-", entrypoint="hello", namespace="{here}", workflows_service=service) as workflow:\n'
        '    Container(name="hello", image="alpine:3", command=["echo", "hello"])\n'
        "print(workflow.create(wait=True).status.phase)"
    )
    argo = (
        f"export ARGO_SERVER={address} ARGO_BASE_HREF=/argo ARGO_HTTP1=true ARGO_SECURE={secure}\n"
        f'export ARGO_TOKEN="Bearer $TOKEN" ARGO_NAMESPACE={here}\nargo list\nargo submit --watch workflow.yaml\nargo logs @latest'
    )
    with st.expander(_("From your own tools"), icon=":material/terminal:"):
        token_note()
        names = ["Hera", "argo", *(["curl"] if pipeline else [])]
        tabs = st.tabs(names)
        tabs[0].code(hera, language="python")
        tabs[1].code(argo, language="bash")
        if pipeline:
            body = json.dumps({"parameters": dict(parameters or {})})
            tabs[2].code(
                f"curl -X POST {url}/api/v1/projects/{here}/pipelines/{pipeline}/runs \\\n"
                f'  -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\\n  -d \'{body}\'',
                language="bash",
            )
