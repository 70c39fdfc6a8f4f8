"""Demos in front of services, and what visitors said."""

import streamlit as st

import serving
from atrium.identity import Verb
from portal.session import may, project, who
from portal.ui import age, card, empty, guard, header, number
from portal.words import _


def page() -> None:
    """The demos."""
    with header(_("Demos"), _("A page for stakeholders to try a model and say whether it was right (Gradio)")):
        if may(Verb.DEPLOY):
            with st.popover(_("Publish a demo"), icon=":material/add:"):
                _publish()
    with guard():
        found = serving.list_demos(who(), project())
        if not found:
            empty("co_present", _("No demos yet"), _("Publish one in front of a live service."))
        for demo in found:
            with card():
                row = st.columns([4, 3, 2, 2], vertical_alignment="center", gap="small")
                row[0].markdown(f"**{demo.title}** · {demo.service}")
                row[1].caption(
                    f"{demo.published_by} · {age(demo.published_at)}" + (f" · {_('public')}" if demo.public else "")
                )
                row[2].link_button(_("Open {name}").format(name=demo.name), demo.address, icon=":material/open_in_new:")
                if may(Verb.DEPLOY) and row[3].button(_("Take down"), key=f"down-{demo.name}", help=demo.name):
                    serving.unpublish_demo(who(), project(), demo.name)
                    st.rerun()
        _feedback()


def _publish() -> None:
    services = [one.name for one in serving.list_services(who(), project())]
    with st.form("publish", border=False):
        name = st.text_input(_("Name"), placeholder="my-demo")
        service = st.selectbox(_("Service"), services)
        title = st.text_input(_("Title"))
        if st.form_submit_button(_("Publish"), type="primary") and service:
            with guard():
                serving.publish_demo(who(), project(), name, service, title)
                st.rerun()


@st.fragment(run_every="5s")
def _feedback() -> None:
    with guard():
        right, wrong = serving.feedback_summary(who(), project())
        columns = st.columns(2, gap="small")
        with columns[0]:
            number(_("Called right"), str(right))
        with columns[1]:
            number(_("Called wrong"), str(wrong))
        said = serving.list_feedback(who(), project(), limit=20)
        if said:
            with card(_("What visitors said")):
                st.table(
                    {
                        _("When"): [age(one.at) for one in said], _("Demo"): [one.demo for one in said], _("Who"): [one.user for one in said],
                        _("Answer"): [one.output for one in said], _("Verdict"): [_("right") if one.right else _("wrong") for one in said],
                    }
                )  # fmt: skip
