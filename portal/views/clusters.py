"""Connected clusters, for the platform's administrators: what there is, whether it answers, and connecting another."""

import streamlit as st

import tenancy
import workflows
from atrium.errors import AtriumError
from atrium.identity import Actor
from portal.ui import Cell, Column, ago, buttons, card, confirmed, guard, say_after, show_error, status, table, text
from portal.words import _


def clusters(visitor: Actor) -> None:
    """The clusters and the form for another one."""
    found = {one.name: one for one in workflows.list_clusters(visitor)}
    told = _(
        "None is needed: steps run on this machine. On a connected cluster, projects may run steps with its images, GPUs and nodes."
    )
    st.caption(told)
    if found:
        _list(visitor, found)
    _add(visitor)


def _list(visitor: Actor, found: dict[str, workflows.ClusterView]) -> None:
    columns = [
        Column(_("Cluster")), Column(_("State"), "short"), Column(_("Last heard"), "soft"), Column(_("Kubernetes"), "soft", phone=False),
        Column(_("Argo Workflows"), "soft", phone=False), Column(_("Projects and namespaces"), "soft"), Column("", "actions"),
    ]  # fmt: skip
    rows: list[list[Cell | str]] = []
    for one in found.values():
        word, tone = (_("does not answer"), "bad") if one.problem else (_("answers"), "good")
        if one.heard_at is None and not one.problem:
            word, tone = _("not asked yet"), "idle"
        places = ", ".join(f"{project} → {namespace}" for project, namespace in one.projects.items())
        rows.append(
            [
                text(one.name, one.server), Cell({"kind": "state", "text": word, "tone": tone}), ago(one.heard_at), one.version or "–",
                one.argo_version or "–", places or "–", buttons(one.name, ("check", _("Check"))),
            ]
        )  # fmt: skip
    with card(_("Clusters"), _("Kubernetes with Argo, where projects may send their runs.")):
        clicked = table("clusters", columns, rows, _("The connected clusters"))
        for one in found.values():
            if one.problem:
                st.warning(f"**{one.name}**: {one.problem}", icon=":material/cloud_off:")
        if clicked:
            st.session_state["cluster-checked"] = clicked.row
        _findings(visitor)
        _change(visitor, found)
    for one in found.values():
        _detected(one)


def _findings(visitor: Actor) -> None:
    name = st.session_state.get("cluster-checked")
    if not name:
        return
    with guard():
        for one in workflows.check_cluster(visitor, name):
            icon = ":green[:material/check_circle:]" if one.good else ":red[:material/error:]"
            st.markdown(f"{icon} **{one.name}**")
            st.text(one.found)
            if one.mend:
                st.caption(f"{_('Next step')}: {one.mend}")


def _detected(cluster: workflows.ClusterView) -> None:
    """What else a cluster has, and what becomes of it, as the worker saw it last."""
    if not cluster.detected:
        return
    columns = [
        Column(_("Software")),
        Column(_("State"), "short"),
        Column(_("Version"), "soft", phone=False),
        Column(_("What for"), "soft"),
    ]
    rows: list[list[Cell | str]] = []
    for one in cluster.detected:
        versions = ", ".join(one.versions)
        if one.use is workflows.Use.OLD:
            versions = _("{version}; {needed} is needed").format(version=versions, needed=one.needed)
        rows.append([text(one.name, one.resource), status(one.use), versions or "–", _(one.used) if one.used else "–"])
    with card(
        _("What {cluster} has").format(cluster=cluster.name),
        _("Other projects' software, known by its types in the API server; what nothing uses yet is told, too."),
    ):
        table(f"detected-{cluster.name}", columns, rows, _("What {cluster} has").format(cluster=cluster.name))


def _change(visitor: Actor, found: dict[str, workflows.ClusterView]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        name = st.selectbox(_("Cluster"), list(found), width=200, key="cluster-chosen")
        others = [one.name for one in tenancy.list_projects(visitor)]
        project = st.selectbox(_("Project"), others, width=200, key="cluster-project")
        namespace = st.text_input(_("Namespace"), width=200, key="cluster-namespace", max_chars=63, placeholder=project)
        if st.button(_("Let it use the cluster"), disabled=not project):
            with guard():
                workflows.allow_project(visitor, name, str(project), namespace.strip())
                say_after(_("{name} may use the cluster now.").format(name=project))
                st.rerun()
        question = _("Its runs are no longer shown here; on the cluster everything goes on.")
        if confirmed(_("Disconnect"), question, "cluster-remove", "link_off"):
            workflows.remove_cluster(visitor, name)
            st.session_state.pop("cluster-checked", None)
            say_after(_("{name} is no longer connected.").format(name=name))
            st.rerun()


def _add(visitor: Actor) -> None:
    lead = _(
        "A kubeconfig that holds everything itself, best of a service account with a token; it is kept encrypted and never shown."
    )
    with card(_("Connect a cluster"), lead), st.form("cluster", border=False):
        with st.grid(2, min_column_width=220):
            name = st.text_input(_("Name"), placeholder="lab", max_chars=30, help=_("a-z, 0-9 and dashes"))
            argo_url = st.text_input(_("Argo Server"), placeholder="https://argo.example:2746", max_chars=300)
        projects = st.multiselect(
            _("Projects"), [one.name for one in tenancy.list_projects(visitor)], placeholder=_("Choose projects")
        )
        kubeconfig = st.text_area(_("Kubeconfig"), height=180)
        unchecked = st.toggle(_("Take whatever certificate the Argo Server shows"))
        if st.form_submit_button(_("Connect"), type="primary", icon=":material/link:"):
            try:
                workflows.add_cluster(
                    visitor, name.strip(), kubeconfig, argo_url.strip(), {one: one for one in projects}, not unchecked
                )
            except AtriumError as error:
                show_error(error)
                return
            st.session_state["cluster-checked"] = name.strip()
            say_after(_("Cluster {name} is connected.").format(name=name.strip()))
            st.rerun()
