"""What people do: changes that are asked about first, and words that outlast the page's next run."""

from collections.abc import Callable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from atrium.errors import AtriumError
from portal.ui.errors import show_error
from portal.words import _

SAID, SAID_BEFORE = "said", "said-before"


def popover(label: str, icon: str, key: str) -> DeltaGenerator:
    """A button that opens a small form. It is closed when something was said about what was done: another key is another popover."""
    return st.popover(label, icon=f":material/{icon}:", key=f"{key}-{st.session_state.get(SAID_BEFORE, 0)}")


def confirmed(label: str, question: str, key: str, icon: str = "delete", sure: str = "") -> bool:
    """A button that asks first; true once when the visitor is sure.

    `question` tells what will happen, what stays, and whether it can be undone; `sure` are the words of the second button
    where they differ from the first one's. Once it was clicked the question is closed.
    """
    asked = int(st.session_state.get(f"{key}-asked", 0))
    with st.popover(label, icon=f":material/{icon}:", key=f"{key}-ask-{asked}"):
        st.markdown(question)
        done = st.button(sure or label, key=key, type="primary", icon=f":material/{icon}:")
    st.session_state[f"{key}-asked"] = asked + done
    return done


def ask_first(question: str, sure: str, change: Callable[[], None]) -> None:
    """Opens a dialog that asks before `change` is made; the button's words are `sure`; the page runs again afterwards."""

    def body() -> None:
        st.markdown(question)
        if st.button(sure, type="primary", key="asked-first"):
            try:
                change()
            except AtriumError as error:
                show_error(error)
                return
            st.rerun()

    st.dialog(_("Are you sure?"))(body)()


def say_after(text: str) -> None:
    """Shows a short sentence after the page has run again, and closes the form that it is about."""
    st.session_state[SAID] = text
    st.session_state[SAID_BEFORE] = st.session_state.get(SAID_BEFORE, 0) + 1


def say_now() -> None:
    """Shows what was to be said after the last change; pages' frame calls it once a run."""
    if text := st.session_state.pop(SAID, None):
        st.toast(text, icon=":material/check_circle:")
