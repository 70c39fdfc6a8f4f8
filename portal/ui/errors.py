"""Errors on pages: the three parts of every message, never a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from atrium.errors import AtriumError, NotSignedIn, Unavailable
from portal.words import _


def show_error(error: AtriumError) -> None:
    """Shows what was asked, what is allowed, and the next step."""
    icon = ":material/cloud_off:" if isinstance(error, Unavailable) else ":material/error:"
    step = f"[{_('Sign in again')}](/auth/login)" if isinstance(error, NotSignedIn) else error.next_step
    st.error(f"**{error.asked}**  \n{error.allowed}.  \n{_('Next step')}: {step}", icon=icon)


@contextmanager
def guard() -> Iterator[None]:
    """Shows an error of the platform in the place of the block that it ended."""
    try:
        yield
    except AtriumError as error:
        show_error(error)
