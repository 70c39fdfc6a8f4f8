"""The pages' words: gettext catalogues, English in the code, Chinese beside it."""

import gettext
from functools import lru_cache
from pathlib import Path

import streamlit as st

from atrium.looks import LANGUAGE_COOKIE
from atrium.words import translated

FOLDER = Path(__file__).parent
LANGUAGES = {"en": "English", "zh_CN": "中文"}
KEY = "language"


@lru_cache
def _catalogue(language: str) -> gettext.NullTranslations:
    if language == "en":
        return gettext.NullTranslations()
    with (FOLDER / f"{language}.mo").open("rb") as file:
        return gettext.GNUTranslations(file)


def language() -> str:
    """The visitor's language: `?lang=` first, then the session's, then what they chose before, then the browser's."""
    asked = st.query_params.get("lang") or st.session_state.get(KEY) or st.context.cookies.get(LANGUAGE_COOKIE)
    browser = "zh_CN" if (st.context.locale or "").lower().startswith("zh") else "en"
    chosen = asked if asked in LANGUAGES else browser
    st.session_state[KEY] = chosen
    return str(chosen)


def _(text: str) -> str:
    """`text` in the visitor's language."""
    return _catalogue(st.session_state.get(KEY, "en")).gettext(text)


def message(text: str) -> str:
    """A part of an error, or one that was kept, in the visitor's language."""
    return translated(text, st.session_state.get(KEY, "en"))


def compile_words() -> None:
    """Makes the `.mo` files of the `.po` files, where those are newer."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    for source in FOLDER.glob("*.po"):
        target = source.with_suffix(".mo")
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            with source.open("rb") as file:
                catalogue = read_po(file, locale=source.stem)
            with target.open("wb") as out:
                write_mo(out, catalogue)
