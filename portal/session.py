"""Who looks at a page, and at which project."""

import streamlit as st

import tenancy
from atrium.errors import NotSignedIn
from atrium.identity import IDENTITY_HEADER, Actor, Verb, read_identity


def who() -> Actor:
    """The visitor with their rights as they are now. Raises `NotSignedIn` when the session has ended."""
    headers = st.context.headers
    return tenancy.refresh(read_identity(headers.get(IDENTITY_HEADER), expired_too=True))


def project() -> str:
    """The chosen project. Raises `NotSignedIn` where nothing is chosen, since pages show only within one."""
    chosen = st.session_state.get("project")
    if not chosen:
        raise NotSignedIn("a page without a project", "you are a member of no project yet", "ask an admin to add you")
    return str(chosen)


def may(verb: Verb) -> bool:
    """Whether the visitor may do `verb` in the chosen project."""
    return who().may(verb, project())
