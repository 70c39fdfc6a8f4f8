"""One run: its graph as it goes, and of the chosen step its logs, values, artifacts and measured resources."""

import streamlit as st

import workflows
from atrium.identity import Verb
from portal.session import may, project, who
from portal.ui import (
    Column,
    address_of,
    age,
    ask_first,
    card,
    draw_graph,
    facts,
    guard,
    header,
    lasted,
    plain,
    say_after,
    state,
    state_word,
    table,
    text,
    when,
    why_section,
)
from portal.views.images import stands_for
from portal.words import _
from portal.words.engine import of_engine

BAD, OPEN = ("Failed", "Error"), ("Running", "Pending")
SHOWN = workflows.DRAWN_TYPES
REFRESH_SECONDS = 2
LONGEST_SHOWN = 80  # letters of a parameter's value
LOG_LINES, LINES_IN_VIEW, LOG_HEIGHT = 1000, 16, 380


def page(name: str) -> None:
    """The page of the run `name`."""
    with header(name, _("A run of project {name}").format(name=project())):
        if st.button(_("All runs"), icon=":material/arrow_back:"):
            for one in ("run", "node"):
                st.query_params.pop(one, None)
            st.rerun()
    why_section(f"run/{name}")
    _body(name)
    _ask(name)


@st.fragment(run_every=f"{REFRESH_SECONDS}s")
def _body(name: str) -> None:
    with guard():
        run, graph = workflows.run_with_graph(who(), project(), name, st.query_params.get("node", ""))
        _facts(run, graph)
        _cluster(run)
        if may(Verb.WRITE):
            _actions(run)
        if run.message and not workflows.passed_on(run):
            told = of_engine(run.message)
            original = (
                ""
                if told == run.message
                else "  \n" + _("In Argo's own words: {words}").format(words=plain(run.message))
            )
            (st.error if run.state in BAD else st.info)(plain(told) + original)
        nodes = {node.id: node for node in run.nodes if node.type in SHOWN}
        chosen = _chosen(list(nodes.values()))
        with card(_("Steps"), _("Choose a step to see its logs, values and artifacts.")):
            clicked = draw_graph(f"graph-{name}", graph, run.nodes, chosen)
            if graph.left_out:
                st.caption(_("{n} more steps are not drawn.").format(n=graph.left_out))
            folded = graph.left_out or any(place.phases for place in graph.places)
            clicked = (_any_step(nodes, chosen) if folded else "") or clicked
        if clicked in nodes and clicked != chosen:
            st.query_params["node"] = clicked
            st.rerun(scope="fragment")
        if chosen:
            _node(run, nodes[chosen])


def _chosen(nodes: list[workflows.NodeView]) -> str:
    """The step that the address names; else the first that failed, one that runs, or the last; empty where none has begun."""
    asked = st.query_params.get("node")
    if asked in {node.id for node in nodes}:
        return str(asked)
    for phases in (BAD, OPEN):
        if found := [node for node in nodes if node.phase in phases and node.started_at]:
            return min(found, key=lambda node: node.finished_at or "9").id
    return max(nodes, key=lambda node: node.started_at).id if nodes else ""


def _any_step(nodes: dict[str, workflows.NodeView], chosen: str) -> str:
    """A choice among all steps, those too for which the graph has no room."""
    named = {id: f"{node.name} · {state_word(node.phase)}" for id, node in nodes.items()}
    options = list(named)
    return str(
        st.selectbox(
            _("Step"), options, options.index(chosen) if chosen in named else None, format_func=named.__getitem__,
            width=360, placeholder=_("Choose any step"),
        ) or ""
    )  # fmt: skip


def _facts(run: workflows.RunView, graph: workflows.RunGraph) -> None:
    pipeline = f"[{run.pipeline}]({address_of('pipelines', pipeline=run.pipeline)})" if run.pipeline else "–"
    facts(
        {
            _("State"): state(run.state), _("Steps done"): workflows.steps_done(run.progress, graph), _("Took"): lasted(run.started_at, run.finished_at),
            _("Began"): age(run.started_at), _("At"): when(run.started_at),
            _("By"): run.owner, _("Pipeline"): pipeline, **({_("Where"): run.cluster} if run.cluster else {}),
        }
    )  # fmt: skip
    if run.parameters:
        st.caption(plain(" · ".join(f"{name}={value[:LONGEST_SHOWN]}" for name, value in run.parameters.items())))


def _cluster(run: workflows.RunView) -> None:
    """Tells where a cluster does not answer that this is what was last seen of it."""
    if run.problem:
        told = _("Cluster {name} has a problem; what is shown was last heard {age}.").format(
            name=run.cluster, age=age(run.heard_at) if run.heard_at else "–"
        )
        st.warning(f"{told}  \n{plain(run.problem)}", icon=":material/cloud_off:")


def _actions(run: workflows.RunView) -> None:
    waits = any(node.type == "Suspend" and node.phase == "Running" for node in run.nodes)
    possible = {
        "resume": waits, "stop": run.phase in OPEN, "terminate": run.phase in OPEN, "retry": run.phase in BAD, "resubmit": True
    }  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        for action, (title, icon, meaning) in _offered().items():
            if possible[action] and st.button(title, icon=f":material/{icon}:", key=f"act-{action}", help=meaning):
                with guard():
                    _act(run.name, action)
                    st.rerun(scope="app")


def _offered() -> dict[str, tuple[str, str, str]]:
    """What can be done with a run: its title, icon and meaning."""
    return {
        "resume": (_("Resume"), "play_arrow", _("The step that waits goes on.")),
        "stop": (_("Stop"), "stop_circle", _("No further step begins; the exit handler still runs.")),
        "terminate": (_("End at once"), "cancel", _("Nothing runs on, not even the exit handler.")),
        "retry": (_("Retry"), "replay", _("The failed steps run again; what succeeded is kept.")),
        "resubmit": (_("Run again"), "content_copy", _("A new run with the same values.")),
    }


def _ask(name: str) -> None:
    """The question that an address brings along (`ask=retry`), once."""
    action = st.query_params.pop("ask", "")
    if action in _offered() and may(Verb.WRITE):
        title, _icon, meaning = _offered()[action]
        ask_first(meaning, title, lambda: _act(name, action))


def _act(name: str, action: str) -> None:
    following = workflows.act_on_run(who(), project(), name, action)
    title = _offered()[action][0]
    say_after(_("{action}: asked for; the state above tells what becomes of it.").format(action=title))
    if following != name:
        st.query_params.pop("node", None)
        st.query_params["run"] = following


def _node(run: workflows.RunView, node: workflows.NodeView) -> None:
    with card():
        with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
            st.subheader(plain(node.name), anchor="step", width="content")
            st.markdown(state(node.phase), width="content")
            st.caption(lasted(node.started_at, node.finished_at), width="content")
        if node.message:
            st.caption(plain(of_engine(node.message)))
        for image, what in node.images.items():
            st.caption(_("Image {image}: {what} stands for it.").format(image=image, what=stands_for(what)))
        parts = {
            _("Logs"): _logs, _("Inputs and outputs"): _values, _("Artifacts"): _artifacts, _("Resources"): _resources
        }  # fmt: skip
        tabs = st.tabs(list(parts), key="node-tab", on_change="rerun")
        for tab, draw in zip(tabs, parts.values(), strict=True):
            if tab.open:
                with tab, guard():
                    draw(run, node)


def _logs(run: workflows.RunView, node: workflows.NodeView) -> None:
    found = workflows.run_logs(who(), project(), run.name, node.pod, LOG_LINES) if node.pod else []
    lines = [line.rstrip("\r").rpartition("\r")[2] for _pod, line in found]
    if not lines:
        st.caption(_("Nothing written yet.") if node.phase in OPEN else _("This step wrote nothing."))
        return
    long = len(lines) > LINES_IN_VIEW
    with st.container(height=LOG_HEIGHT if long else "content", border=False, autoscroll=long or None):
        st.code("\n".join(lines), language=None, wrap_lines=True)
    if len(lines) >= LOG_LINES:
        st.caption(_("The last {n} lines; all of them are in the artifact main-logs.").format(n=f"{LOG_LINES:,}"))
    elif node.phase in OPEN:
        st.caption(_("Followed live."))


def _values(run: workflows.RunView, node: workflows.NodeView) -> None:
    pairs = [(_("input"), *one) for one in node.inputs.items()] + [(_("output"), *one) for one in node.outputs.items()]
    if not pairs:
        st.caption(_("This step takes and gives no parameters."))
        return
    columns = [Column(_("Kind"), "soft"), Column(_("Name")), Column(_("Value"), "code")]
    table(f"values-{node.id}", columns, [[text(word) for word in pair] for pair in pairs], _("Parameters of the step"))


def _artifacts(run: workflows.RunView, node: workflows.NodeView) -> None:
    if not node.artifacts:
        st.caption(_("This step gives no artifacts."))
    with st.container(horizontal=True, gap="small"):
        for artifact in node.artifacts:
            if run.cluster:
                _from_cluster(run, node, artifact)
                continue
            address = f"/argo/artifacts/{project()}/{run.name}/{node.id}/{artifact}"
            st.link_button(artifact, address, icon=":material/download:")


def _from_cluster(run: workflows.RunView, node: workflows.NodeView, artifact: str) -> None:
    """A download that asks the cluster when it is clicked."""
    visitor, here = who(), project()
    st.download_button(
        artifact, lambda: workflows.run_artifact(visitor, here, run.name, node.id, artifact)[1], artifact,
        icon=":material/download:", key=f"artifact-{node.id}-{artifact}", on_click="ignore",
    )  # fmt: skip


def _resources(run: workflows.RunView, node: workflows.NodeView) -> None:
    names = {"cpuSeconds": (_("CPU time"), "s"), "peakMemoryMib": (_("Peak memory"), "MiB")}
    known = {names[key][0]: f"{value:,.1f} {names[key][1]}" for key, value in node.measured.items() if key in names}
    reserved = (
        {} if known else {_reserved_name(key): _reserved_seconds(key, value) for key, value in node.reserved.items()}
    )
    facts(
        {
            _("Began"): when(node.started_at), _("Ended"): when(node.finished_at),
            _("Took"): lasted(node.started_at, node.finished_at), **known, **reserved,
        }
    )  # fmt: skip
    if reserved:
        st.caption(
            _(
                "What was reserved for the step times how long it ran, by Argo's sums; what it used a cluster's own monitoring measures."
            )
        )
    elif not known:
        st.caption(_("Measured when the step ends.") if node.phase in OPEN else _("Nothing was measured of this step."))


def _reserved_name(resource: str) -> str:
    return {"cpu": _("CPU reserved"), "memory": _("Memory reserved")}.get(resource, resource)


def _reserved_seconds(resource: str, seconds: int) -> str:
    """Argo counts seconds of one CPU, and of 100 MiB of memory."""
    of = {"cpu": _("{n} s of one CPU"), "memory": _("{n} s of 100 MiB")}
    return of.get(resource, "{n} s").format(n=f"{seconds:,}")
