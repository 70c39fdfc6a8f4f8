"""Headers, cards, numbers, states, snippets."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import streamlit as st

from atrium.clock import now
from portal.words import _

STATES = {
    "Succeeded": ("green", "check_circle"), "Running": ("blue", "progress_activity"), "Failed": ("red", "error"),
    "Error": ("red", "error"), "Pending": ("gray", "schedule"), "Skipped": ("gray", "redo"), "Omitted": ("gray", "remove"),
    "live": ("green", "check_circle"), "waiting": ("gray", "schedule"), "loading": ("blue", "progress_activity"),
    "failed": ("red", "error"), "FINISHED": ("green", "check_circle"), "RUNNING": ("blue", "progress_activity"),
    "FAILED": ("red", "error"), "up": ("green", "check_circle"), "down": ("red", "error"), "silent": ("red", "error"),
}  # fmt: skip
MINUTE, HOUR, DAY = 60, 3600, 86400


@contextmanager
def header(title: str, lead: str = "") -> Iterator[None]:
    """A page's title with its actions at the right, which go into the block."""
    row = st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", gap="medium")
    with row.container(gap=None):
        st.title(title, anchor=False)
        if lead:
            st.caption(lead)
    with row.container(horizontal=True, horizontal_alignment="right", gap="small", width="content"):
        yield


@contextmanager
def card(title: str = "", lead: str = "") -> Iterator[None]:
    """A bordered card."""
    with st.container(border=True, gap="small"):
        if title:
            st.markdown(f"**{title}**")
        if lead:
            st.caption(lead)
        yield


def number(label: str, value: str, beside: str = "") -> None:
    """One big number with what it is compared with."""
    with st.container(border=True, gap=None, height=112):
        st.caption(label)
        st.markdown(f"### {value}")
        if beside:
            st.caption(beside)


def empty(icon: str, title: str, text: str) -> None:
    """What stands where there is nothing yet, with the next step in words."""
    with st.container(border=True, horizontal_alignment="center", vertical_alignment="center", height=200, gap="small"):
        st.markdown(f":gray[:material/{icon}:]", width="content")
        st.markdown(f"**{title}**", width="content")
        st.caption(text, width="content")


def state(word: str) -> str:
    """A state as icon, colour and word."""
    colour, icon = STATES.get(word, ("gray", "help"))
    return f":{colour}[:material/{icon}: {_(word)}]"


def age(moment: datetime | str | None) -> str:
    """How long ago, in a few letters; an en dash for never."""
    if not moment:
        return "–"
    found = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    seconds = max(0, int((now() - found).total_seconds()))
    if seconds < MINUTE:
        return _("{n} s ago").format(n=seconds)
    if seconds < HOUR:
        return _("{n} min ago").format(n=seconds // MINUTE)
    return _("{n} h ago").format(n=seconds // HOUR) if seconds < 2 * DAY else _("{n} days ago").format(n=seconds // DAY)


def snippet(title: str, text: str, language: str = "python") -> None:
    """Something to copy, folded away."""
    with st.expander(title, icon=":material/code:"):
        st.code(text, language=language)
