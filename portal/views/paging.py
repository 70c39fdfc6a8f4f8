"""Long lists on pages: a field that finds by a part of the name, and the way from page to page by key."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import streamlit as st

from atrium.errors import AtriumError
from portal.session import project
from portal.ui import header, show_error
from portal.words import _

PAGE_ROWS, FIELD_PIXELS = 25, 200
T = TypeVar("T")


def _key(name: str) -> str:
    return f"after-{project()}-{name}"


def _forget(name: str) -> None:
    st.session_state.pop(_key(name), None)


def searched(name: str, label: str = "", part: str = "") -> str:
    """A field that takes a part of a name, or of another `part` of what is listed; the list begins again when it changes."""
    return st.text_input(
        label or _("Name contains"), key=_field("search", name, part), icon=":material/search:", width=FIELD_PIXELS,
        on_change=_forget, args=(name,),
    ).strip()  # fmt: skip


def _field(kind: str, name: str, part: str = "") -> str:
    return "-".join(one for one in (kind, project(), name, part) if one)


def _chosen_state(name: str, states: Mapping[str, str]) -> None:
    """A choice of one state, or of all (an empty text)."""
    titles = {"": _("All"), **states}
    st.selectbox(
        _("State"), list(titles), format_func=titles.__getitem__, key=_field("state", name), width=FIELD_PIXELS,
        on_change=_forget, args=(name,),
    )  # fmt: skip


def asked_for(name: str) -> tuple[str, str, str]:
    """What a list's filters hold (a part of the name, who, a state; an empty text stands for all), before they are drawn."""
    fields = (_field("search", name), _field("search", name, "owner"), _field("state", name))
    part, by, state = (str(st.session_state.get(one) or "").strip() for one in fields)
    return part, by, state


def narrowing(name: str, owner: str, states: Mapping[str, str] | None = None) -> None:
    """A list's filters: a part of the name, and behind a button who (`owner` is the field's label) and one of `states`, words by value."""
    _part, by, state = asked_for(name)
    used = bool(by) + bool(state)
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        searched(name)
        label = _("Filters ({n})").format(n=used) if used else _("Filters")
        with st.popover(label, icon=":material/filter_list:", key=_field("filters", name)):
            searched(name, owner, "owner")
            if states:
                _chosen_state(name, states)


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
