"""The portal's own pieces of browser code: small modules beside this file, mounted by name."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

FOLDER = Path(__file__).parent / "browser"


@lru_cache
def mounted(name: str) -> Callable[..., Any]:
    """The component of `browser/<name>.js` with its style sheet, made once a process; call it to place it on a page."""
    style = FOLDER / f"{name}.css"
    made: Callable[..., Any] = st.components.v2.component(
        f"atrium_{name}",
        js=(FOLDER / f"{name}.js").read_text("utf-8"),
        css=style.read_text("utf-8") if style.exists() else None,
    )
    return made
