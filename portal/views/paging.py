"""Long lists on pages: a field that finds by a part of the name, and the way from page to page by key."""

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from atrium.errors import AtriumError
from portal.session import project
from portal.ui import header, show_error
from portal.words import _

PAGE_ROWS = 25
T = TypeVar("T")


def _key(name: str) -> str:
    return f"after-{project()}-{name}"


def _forget(name: str) -> None:
    st.session_state.pop(_key(name), None)


def searched(name: str, label: str = "") -> str:
    """A field that takes a part of a name; the list begins again when it changes."""
    return st.text_input(
        label or _("Name contains"), key=f"search-{project()}-{name}", icon=":material/search:", width=240, on_change=_forget,
        args=(name,),
    ).strip()  # fmt: skip


def chosen_state(name: str, states: dict[str, str], label: str) -> str:
    """A choice of one state, or of all (an empty text); `states` are words by value."""
    titles = {"": _("All"), **states}
    found = st.selectbox(
        label, list(titles), format_func=titles.__getitem__, key=f"state-{project()}-{name}", width=180, on_change=_forget,
        args=(name,),
    )  # fmt: skip
    return str(found or "")


def after(name: str) -> str | None:
    """The key of the page that is shown; None for the first."""
    found = st.session_state.get(_key(name))
    return str(found) if found else None


def turning(name: str, next_key: str | None) -> None:
    """Buttons to the next page and back to the first, where there are such."""
    if not next_key and not after(name):
        return
    with st.container(horizontal=True, gap="small"):
        if after(name) and st.button(_("First page"), key=f"first-{name}", icon=":material/first_page:"):
            _forget(name)
            st.rerun()
        if next_key and st.button(_("Next page"), key=f"next-{name}", icon=":material/chevron_right:"):
            st.session_state[_key(name)] = next_key
            st.rerun()


def shown(parameter: str) -> str:
    """What the address asks the page to show, or an empty text."""
    return str(st.query_params.get(parameter, ""))


def show(parameter: str, value: str) -> None:
    """Opens one object's page by its address."""
    st.query_params[parameter] = value
    st.rerun()


def back(label: str, *parameters: str) -> None:
    """A button that leads from one object's page to the list."""
    if st.button(label, icon=":material/arrow_back:"):
        for one in parameters:
            st.query_params.pop(one, None)
        st.rerun()


def opened(ask: Callable[[], T], title: str, label: str, *parameters: str) -> T | None:
    """What `ask` gives; where it is refused, the page's title, the way back and the error are shown, and it is None."""
    try:
        return ask()
    except AtriumError as error:
        with header(title):
            back(label, *parameters)
        show_error(error)
        return None
