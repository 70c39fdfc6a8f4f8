"""Demos in front of services: their addresses, who may open them, and what visitors said of the answers."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

import serving
from atrium.errors import AtriumError
from atrium.identity import Verb
from atrium.looks import THEME_COOKIE
from portal import words
from portal.session import may, project, who
from portal.ui import (
    Cell,
    Column,
    age,
    ago,
    card,
    confirmed,
    empty,
    guard,
    header,
    numbers,
    plain,
    popover,
    say_after,
    show_error,
    state,
    table,
    text,
)
from portal.words import _

LAST, LONGEST_INPUTS = 25, 90


def page() -> None:
    """The demos."""
    with header(_("Demos"), _("A page for stakeholders to try a model and say whether it was right (Gradio)")):
        if may(Verb.DEPLOY):
            with popover(_("Publish a demo"), "add", "publish-demo"):
                _publish()
    with guard():
        found = serving.list_demos(who(), project())
        if not found:
            told = _("A demo is a page with a form in front of a live service; its visitors need no code.")
            empty("co_present", _("No demos yet"), told, "services", _("Open the services"))
            return
        states = {one.name: one for one in serving.list_services(who(), project())}
        for demo in found:
            _demo(demo, states.get(demo.service))
        _feedback([demo.name for demo in found])


def _headed(demo: serving.DemoView, service: serving.ServiceView | None) -> tuple[str, str]:
    """A demo's title and a line on what its model does, as its page has them in the visitor's language."""
    about = service.metadata if service else {}
    chinese = words.language() == "zh_CN"
    own = str(about.get("title_zh") or "") if chinese and demo.title == about.get("title") else ""
    told = (chinese and about.get("description_zh")) or about.get("description") or ""
    return own or demo.title, str(told)


def _demo(demo: serving.DemoView, service: serving.ServiceView | None) -> None:
    title, told = _headed(demo, service)
    with card():
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", gap="small"):
            with st.container(gap=None, width="content"):
                st.markdown(f"**{plain(title)}**")
                st.caption(
                    _("In front of {service} · published by {who} {age}").format(
                        service=demo.service, who=demo.published_by, age=age(demo.published_at)
                    )
                )
            with st.container(horizontal=True, vertical_alignment="center", gap="small", width="content"):
                st.markdown(state(service.state if service else "waiting"), width="content")
                if demo.public:
                    st.badge(_("Public"), icon=":material/public:", color="orange")
                else:
                    st.badge(_("Members only"), icon=":material/lock:", color="gray")
                st.link_button(
                    _("Open {name}").format(name=demo.name),
                    _opening(demo.address),
                    icon=":material/open_in_new:",
                    type="primary",
                )
        if told:
            st.caption(plain(told))
        st.code(demo.address, language=None)
        _change(demo)


def _opening(address: str) -> str:
    """A demo's address in the visitor's language, and light or dark where they chose one: its host sees none of the portal's cookies."""
    looks = {"Light": "&__theme=light", "Dark": "&__theme=dark"}.get(st.context.cookies.get(THEME_COOKIE, ""), "")
    return f"{address}?lang={'zh' if words.language() == 'zh_CN' else 'en'}{looks}"


def _change(demo: serving.DemoView) -> None:
    with st.container(horizontal=True, gap="small"), guard():
        if may(Verb.MANAGE) and _asked_public(demo):
            serving.publish_demo(who(), project(), demo.name, demo.service, demo.title, public=not demo.public)
            said = _("{name} is for members only.") if demo.public else _("{name} is public.")
            say_after(said.format(name=demo.name))
            st.rerun()
        question = _("Its address stops answering; the feedback on it is kept. It can be published again.")
        if may(Verb.DEPLOY) and confirmed(_("Take down"), question, f"down-{demo.name}", "block"):
            serving.unpublish_demo(who(), project(), demo.name)
            say_after(_("{name} was taken down.").format(name=demo.name))
            st.rerun()


def _asked_public(demo: serving.DemoView) -> bool:
    if demo.public:
        question = _("Visitors will have to sign in and be members of this project.")
        return confirmed(_("For members only"), question, f"public-{demo.name}", "lock")
    question = _(
        "Anyone who reaches the address may ask the model, without signing in; each question counts as a request."
    )
    return confirmed(_("Make public"), question, f"public-{demo.name}", "public")


def _publish() -> None:
    services = [one.name for one in serving.list_services(who(), project())]
    if not services:
        st.caption(_("A demo needs a service; put a model into service first."))
        return
    with st.form("publish", border=False):
        service = st.selectbox(_("Service"), services)
        name = st.text_input(_("Name"), placeholder=service, help=_("a-z, 0-9 and dashes; part of the address"))
        title = st.text_input(_("Title"))
        if st.form_submit_button(_("Publish"), type="primary"):
            try:
                made = serving.publish_demo(who(), project(), name.strip() or service, service, title.strip())
            except AtriumError as error:
                show_error(error)
                return
            say_after(_("{name} is published.").format(name=made.name))
            st.rerun()


@st.fragment(run_every="5s")
def _feedback(demos: list[str]) -> None:
    with guard():
        st.subheader(_("What visitors said"), anchor=False)
        counted = serving.feedback_by_demo(who(), project())
        chosen = None
        if len({*demos, *counted}) > 1:
            chosen = st.pills(_("Demo"), sorted({*demos, *counted}), key="feedback-demo")
        right = sum(good for demo, (good, _bad) in counted.items() if chosen in (None, demo))
        wrong = sum(bad for demo, (_good, bad) in counted.items() if chosen in (None, demo))
        share = f"{right / (right + wrong):.0%}" if right + wrong else "–"
        numbers(
            (_("Called right"), f"{right:,}", ""), (_("Called wrong"), f"{wrong:,}", ""),
            (_("Share called right"), share, _("judged answers: {n}").format(n=f"{right + wrong:,}")),
        )  # fmt: skip
        said = serving.list_feedback(who(), project(), chosen, LAST)
        if not said:
            st.caption(_("Nobody has judged an answer yet: in a demo, each answer can be called right or wrong."))
            return
        services = {one.name: one.metadata for one in serving.list_services(who(), project())}
        known = {one.name: services.get(one.service, {}) for one in serving.list_demos(who(), project())}
        columns = [
            Column(_("Verdict"), "short"), Column(_("Answer")), Column(_("Asked with"), "soft", phone=False),
            Column(_("Demo"), "soft"), Column(_("Who"), "short"), Column(_("When"), "soft"),
        ]  # fmt: skip
        with card():
            table("feedback", columns, [_row(one, known) for one in said], _("What visitors said, newest first"))


def _asked(name: str, value: object, about: Mapping[str, Any]) -> str:
    """An input with its makers' title, and the name of its value where it has one."""
    chinese = words.language() == "zh_CN"
    given = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{serving.input_title(name, about, chinese)} {serving.input_names(about, chinese).get(given, given)}"


def _said(output: str, outputs: Mapping[str, Mapping[str, str]]) -> str:
    """An answer in the reader's language, whichever its visitor had."""
    for about in outputs.values():
        both = about.get("title", ""), about.get("title_zh", "")
        wanted = both[1] if words.language() == "zh_CN" else both[0]
        for one in both:
            if wanted and one and output.startswith(f"{one}: "):
                return wanted + output[len(one) :]
    return output


def _row(one: serving.FeedbackView, known: Mapping[str, Mapping[str, Any]]) -> list[Cell | str]:
    metadata = known.get(one.demo, {})
    inputs = metadata.get("inputs") or {}
    asked = [
        _asked(key, value, inputs.get(key) or {}) for key, value in one.inputs.items() if not isinstance(value, list)
    ]
    said = ", ".join(asked)
    short = said if len(said) <= LONGEST_INPUTS else said[: said.rfind(", ", 0, LONGEST_INPUTS)] + ", …"
    verdict = Cell(
        {"kind": "state", "text": _("right") if one.right else _("wrong"), "tone": "good" if one.right else "bad"}
    )
    output = _said(one.output, metadata.get("outputs") or {})
    return [verdict, output, text(short or _("a drawing"), said), one.demo, one.user, ago(one.at)]
