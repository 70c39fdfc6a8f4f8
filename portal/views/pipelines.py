"""Pipelines and their runs: start one, watch its graph, read its logs, take its artifacts."""

import streamlit as st

import workflows
from atrium.identity import Verb
from atrium.settings import get_settings
from portal.session import may, project, who
from portal.ui import age, card, draw_graph, empty, guard, header, snippet, state
from portal.words import _

BAD = ("Failed", "Error")


def page() -> None:
    """The pipelines, and below them the runs."""
    run = st.query_params.get("run")
    if run:
        _run_page(run)
        return
    with header(_("Pipelines"), _("Written with Hera or as Argo manifests, run by Argo's engine")):
        if may(Verb.WRITE):
            with st.popover(_("New pipeline"), icon=":material/add:"):
                _save_form()
    with guard():
        pipelines = workflows.list_pipelines(who(), project())
        if not pipelines:
            empty(
                "account_tree",
                _("No pipelines yet"),
                _("Save a manifest here, or submit a workflow with Hera or argo."),
            )
        for pipeline in pipelines:
            _pipeline(pipeline)
        _runs()
    address = get_settings().public_url.split("://")[1]
    snippet(
        "argo",
        f'export ARGO_SERVER={address} ARGO_BASE_HREF=/argo ARGO_HTTP1=true ARGO_SECURE=false\nexport ARGO_TOKEN="Bearer $TOKEN" '
        f"ARGO_NAMESPACE={project()}\nargo submit --watch workflow.yaml",
        "bash",
    )
    snippet(
        "Hera",
        "from hera.workflows import WorkflowsService\n\n"
        f'service = WorkflowsService(host="{get_settings().public_url}/argo/", token=TOKEN, namespace="{project()}")\n'
        "workflow.workflows_service = service\nworkflow.create(wait=True)",
    )


def _save_form() -> None:
    with st.form("pipeline", border=False):
        name = st.text_input(_("Name"), placeholder="my-pipeline")
        manifest = st.text_area(_("Argo manifest (YAML)"), height=240)
        if st.form_submit_button(_("Save"), type="primary"):
            with guard():
                saved = workflows.save_pipeline(who(), project(), name, manifest)
                st.success(_("Saved as revision {n}.").format(n=saved.number))


def _pipeline(pipeline: workflows.PipelineView) -> None:
    with card():
        row = st.columns([4, 3, 2], vertical_alignment="center", gap="small")
        row[0].markdown(f"**{pipeline.name}** · {_('revision {n}').format(n=pipeline.number)}")
        row[1].caption(f"{pipeline.saved_by} · {age(pipeline.saved_at)}")
        if may(Verb.WRITE):
            with row[2].popover(_("Run"), icon=":material/play_arrow:"), st.form(f"run-{pipeline.name}", border=False):
                given = {key: st.text_input(key, value) for key, value in pipeline.parameters.items()}
                if st.form_submit_button(_("Start"), type="primary"):
                    with guard():
                        st.query_params["run"] = workflows.run_pipeline(who(), project(), pipeline.name, given)
                        st.rerun()


@st.fragment(run_every="3s")
def _runs() -> None:
    with guard(), card(_("Runs")):
        page_key = st.session_state.get("runs-after")
        found = workflows.list_runs(who(), project(), after=page_key, limit=15)
        if not found.items:
            st.caption(_("None yet."))
        for run in found.items:
            row = st.columns([2, 4, 1, 2, 1], vertical_alignment="center", gap="small")
            row[0].markdown(state(run.phase))
            row[1].markdown(run.name)
            row[2].caption(run.progress)
            row[3].caption(f"{run.owner} · {age(run.created_at)}")
            if row[4].button(_("Open"), key=f"open-{run.name}", help=run.name, type="tertiary"):
                st.query_params["run"] = run.name
                st.rerun(scope="app")
        buttons = st.columns([1, 1, 6], gap="small")
        if page_key and buttons[0].button(_("Newest")):
            del st.session_state["runs-after"]
            st.rerun(scope="app")
        if found.next_key and buttons[1].button(_("Older")):
            st.session_state["runs-after"] = found.next_key
            st.rerun(scope="app")


def _run_page(name: str) -> None:
    with header(name, _("A run of project {name}").format(name=project())):
        if st.button(_("All runs"), icon=":material/arrow_back:"):
            del st.query_params["run"]
            st.rerun()
    _run_body(name)


def _actions(name: str, phase: str) -> None:
    titles = {"stop": _("Stop"), "retry": _("Retry"), "resubmit": _("Run again")}
    icons = {"stop": "stop_circle", "retry": "replay", "resubmit": "content_copy"}
    with guard():
        allowed = (
            ["resubmit"] + (["retry"] if phase in BAD else []) + (["stop"] if phase in ("Running", "Pending") else [])
        )
        for action in allowed:
            if st.button(titles[action], icon=f":material/{icons[action]}:", key=f"act-{action}"):
                st.query_params["run"] = workflows.act_on_run(who(), project(), name, action)
                st.rerun(scope="app")


@st.fragment(run_every="2s")
def _run_body(name: str) -> None:
    with guard():
        run = workflows.get_run(who(), project(), name)
        st.markdown(
            f"{state(run.phase)} · {run.progress} · {run.owner} · {_('began {age}').format(age=age(run.started_at))}"
        )
        if may(Verb.WRITE):
            with st.container(horizontal=True, gap="small"):
                _actions(name, run.phase)
        if run.message:
            st.warning(run.message, icon=":material/info:")
        nodes = [node for node in run.nodes if node.type in ("Pod", "Suspend", "Skipped")]
        by_id = {node.id: node for node in nodes}
        failed = next((node.id for node in nodes if node.phase in BAD), None)
        if not by_id:
            return
        default = list(by_id).index(failed) if failed else len(by_id) - 1
        chosen = st.session_state.get(f"node-{name}") or list(by_id)[default]
        ink = "#E6E8EC" if st.context.theme.type == "dark" else "#111827"
        svg, in_words = draw_graph(run.nodes, chosen, ink)
        st.image(svg, caption=None, alt=in_words)
        picked = st.selectbox(
            _("Step"),
            list(by_id),
            index=default,
            format_func=lambda key: f"{by_id[key].name} · {_(by_id[key].phase)}",
            key=f"node-{name}",
        )
        _node(name, by_id[picked])


def _node(run: str, node: workflows.NodeView) -> None:
    logs, facts, artifacts = st.tabs([_("Logs"), _("Inputs and outputs"), _("Artifacts")])
    with logs:
        lines = workflows.run_logs(who(), project(), run, node.pod) if node.pod else []
        st.code(
            "\n".join(line.rstrip("\r").rpartition("\r")[2] for _pod, line in lines) or _("Nothing written yet."),
            language=None,
            height=320,
        )
    with facts:
        if node.message:
            st.markdown(node.message)
        pairs = [
            *((_("input"), *one) for one in node.inputs.items()),
            *((_("output"), *one) for one in node.outputs.items()),
        ]
        pairs += [(_("measured"), key, str(value)) for key, value in node.measured.items()]
        st.table(
            {
                "": [one[0] for one in pairs],
                _("Name"): [one[1] for one in pairs],
                _("Value"): [one[2][:300] for one in pairs],
            }
        )
    with artifacts:
        if not node.artifacts:
            st.caption(_("None."))
        for artifact in node.artifacts:
            file, content = workflows.run_artifact(who(), project(), run, node.id, artifact)
            st.download_button(
                f"{artifact} · {len(content):,} B",
                content,
                file_name=file,
                icon=":material/download:",
                key=f"{node.id}-{artifact}",
            )
