"""Errors on pages: the three parts of every message, never a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from atrium.errors import AtriumError, NotSignedIn, Unavailable
from atrium.rpc import BackEndUnavailable
from portal.words import _, message


def show_error(error: AtriumError) -> None:
    """Shows what was asked, what is allowed, and the next step."""
    if isinstance(error, BackEndUnavailable):
        asked = _("Component {name} does not answer").format(name=error.component)
        rest = _("What needs it is left out here; the rest works on, and this part comes back with it.")
        step = _("an administrator runs {command}, which tells why").format(command="`.venv/bin/atrium doctor`")
        st.error(f"**{asked}**  \n{rest}  \n{_('Next step')}: {step}", icon=":material/cloud_off:")
        return
    icon = ":material/cloud_off:" if isinstance(error, Unavailable) else ":material/error:"
    step = f"[{_('Sign in again')}](/auth/login)" if isinstance(error, NotSignedIn) else message(error.next_step)
    said = f"**{message(error.asked)}**  \n{message(error.allowed)}.  \n{_('Next step')}: {step}"
    st.error(said, icon=icon)


@contextmanager
def guard() -> Iterator[None]:
    """Shows an error of the platform in the place of the block that it ended."""
    try:
        yield
    except AtriumError as error:
        show_error(error)
