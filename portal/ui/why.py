"""Why something fails or waits, as a card on the page of the thing itself."""

from urllib.parse import parse_qsl

import streamlit as st

import monitoring
from atrium.errors import NotFound
from portal.session import project, who
from portal.ui.errors import guard, plain
from portal.ui.links import link_to
from portal.ui.states import state_word
from portal.words import _
from portal.words.engine import of_engine

LINES_IN_VIEW, LOG_HEIGHT = 7, 190
WORDS = ("state", "phase")  # values that are words of a vocabulary, which pages translate


def say(said: monitoring.Said) -> str:
    """A sentence of the platform in the visitor's language; its values stand as they are, never as markdown."""
    values = {
        key: state_word(str(value)) if key in WORDS else plain(of_engine(str(value)))
        for key, value in said.values.items()
    }
    return _(said.text).format(**values)


@st.fragment(run_every="10s")
def why_section(object: str, always: bool = False) -> None:
    """A card that tells why `object` (run/NAME, service/NAME …) is as it is; nothing where all is well, unless `always`."""
    with guard():
        try:
            found = monitoring.why(who(), project(), object)
        except NotFound:
            return  # the page itself says so
        if always or not found.fine:
            with st.container(border=True, gap="small"):
                st.markdown(f"**{_('Why?')}** {say(found.because)}.")
                draw_reasons(found)


def draw_reasons(found: monitoring.Why) -> None:
    """The evidence and the next steps."""
    for one in found.evidence:
        if one.text and "\n" in one.text:
            st.caption(say(one.said))
            long = one.text.count("\n") >= LINES_IN_VIEW
            with st.container(height=LOG_HEIGHT if long else "content", border=False, autoscroll=long or None):
                st.code(one.text, language=None, wrap_lines=True)  # the last line, which tells most, is in view
        elif one.text:
            st.caption(f"{say(one.said)}: {plain(of_engine(one.text))}")
        else:
            st.caption(say(one.said))
    if not found.next_steps:
        return
    with st.container(key=f"next-{found.object.replace('/', '-')}", gap="small"):
        for step in found.next_steps:
            if step.page:
                _lead(step)
            else:
                st.markdown(f":material/arrow_forward: {say(step.said)}")
            if step.command and not step.page:
                st.code(step.command, language="bash")


def _lead(step: monitoring.Step) -> None:
    """A link to where a step is done; within the page where that is shown already: a run's shows its first failed node unasked."""
    address, _hash, place = step.page.partition("#")
    name, _mark, query = address.partition("?")
    asked = dict(parse_qsl(query))
    shown = {"node": asked.get("node", "")} | st.query_params.to_dict()
    if place and asked.items() <= shown.items():
        st.markdown(f"[:material/arrow_downward: {say(step.said)}](#{place})")
    else:
        link_to(name, say(step.said), "arrow_forward", **asked)
