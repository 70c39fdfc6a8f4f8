"""Headers, cards, facts, empty places, snippets."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import streamlit as st

from portal.ui.links import link_to


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
        with st.container(gap=None):
            if title:
                st.markdown(f"**{title}**")
            if lead:
                st.caption(lead)
        yield


def facts(pairs: Mapping[str, str]) -> None:
    """Names with their values in a row that wraps; a value is Markdown."""
    with st.grid(max(1, len(pairs)), min_column_width=140, gap=12) as grid:
        for name, value in pairs.items():
            with grid.cell(), st.container(gap=None):
                st.caption(name)
                st.markdown(value or "–")


def empty(icon: str, title: str, text: str, page: str = "", label: str = "") -> None:
    """What stands where there is nothing yet: the next step in words, and a link to the page where it is done."""
    with st.container(border=True, horizontal_alignment="center", vertical_alignment="center", gap="small"):
        st.space("small")
        st.markdown(f"## :gray[:material/{icon}:]", width="content", anchors=False)
        st.markdown(f"**{title}**", width="content")
        st.caption(text, width="content", text_alignment="center")
        if page:
            link_to(page, label)
        st.space("small")


def snippet(title: str, text: str, language: str = "python") -> None:
    """Something to copy, folded away."""
    with st.expander(title, icon=":material/code:"):
        st.code(text, language=language)
