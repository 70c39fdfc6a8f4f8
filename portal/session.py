"""Who looks at a page, and at which project."""

import streamlit as st

import tenancy
from atrium.errors import NotFound
from atrium.identity import IDENTITY_HEADER, Actor, Verb, read_identity
from portal.words import _


class NoProject(NotFound):
    """The visitor is a member of no project yet."""


def who() -> Actor:
    """The visitor with their rights as they are now. Raises `NotSignedIn` when the session has ended."""
    headers = st.context.headers
    return tenancy.refresh(read_identity(headers.get(IDENTITY_HEADER), expired_too=True))


def project() -> str:
    """The chosen project. Raises `NoProject` where there is none to choose, since pages show only within one."""
    chosen = st.session_state.get("project")
    if not chosen:
        raise NoProject(
            _("A page without a project"),
            _("you are a member of no project yet"),
            _("ask the administrator to add you"),
        )
    return str(chosen)


def may(verb: Verb) -> bool:
    """Whether the visitor may do `verb` in the chosen project."""
    return who().may(verb, project())
