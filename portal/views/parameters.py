"""Fields that fit a pipeline's parameters: a choice, a switch, a number or a text; their values as Argo takes them."""

import re
from collections.abc import Mapping, Sequence

import streamlit as st

import workflows

WHOLE = re.compile(r"-?(0|[1-9]\d{0,14})")
BROKEN = re.compile(r"-?(0|[1-9]\d{0,14})\.\d{1,12}")


def fields(form: Sequence[workflows.ParameterView], given: Mapping[str, str]) -> dict[str, str]:
    """A field for each parameter, beginning with the value in `given` or else the default; gives what stands in them."""
    with st.grid(3, min_column_width=220) as grid:
        found = {}
        for one in form:
            with grid.cell():
                found[one.name] = _field(one, given.get(one.name, one.value))
    return found


def _field(one: workflows.ParameterView, value: str) -> str:
    help_text = one.description or None
    if one.choices:
        first = one.choices.index(value) if value in one.choices else 0
        return str(st.selectbox(one.name, one.choices, first, help=help_text))
    if value in ("true", "false"):
        return str(st.toggle(one.name, value == "true", help=help_text)).lower()
    if WHOLE.fullmatch(value):
        return str(int(st.number_input(one.name, value=int(value), step=1, help=help_text)))
    if BROKEN.fullmatch(value):
        digits = len(value.partition(".")[2])
        given = st.number_input(one.name, value=float(value), format=f"%.{digits}f", step=10.0**-digits, help=help_text)
        return f"{given:.{digits}f}"
    return st.text_input(one.name, value, help=help_text)
