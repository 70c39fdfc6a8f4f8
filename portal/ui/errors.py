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
        rest = _("What needs it is left out here; the rest works on, and this part comes back with it")
        step = _("an administrator runs {command}, which tells why").format(command="`.venv/bin/atrium doctor`")
        _say(asked, rest, step, ":material/cloud_off:")
        return
    icon = ":material/cloud_off:" if isinstance(error, Unavailable) else ":material/error:"
    step = f"[{_('Sign in again')}](/auth/login)" if isinstance(error, NotSignedIn) else message(error.next_step)
    _say(message(error.asked), message(error.allowed), step, icon)


def plain(text: str) -> str:
    """Text that markdown shows as it is."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]()#+!|<>$~:" else letter for letter in text)


def _say(asked: str, allowed: str, step: str, icon: str) -> None:
    head, _newline, rest = asked.strip().partition("\n")
    head, allowed = plain(head[:1].upper() + head[1:]), plain(allowed)
    text = _("**{asked}**  \n{allowed}.  \nNext step: {step}").format(asked=head, allowed=allowed, step=step)
    st.error(text, icon=icon)
    if rest:
        st.code(rest, language=None, wrap_lines=True)


@contextmanager
def guard() -> Iterator[None]:
    """Shows an error of the platform in the place of the block that it ended."""
    try:
        yield
    except AtriumError as error:
        show_error(error)
