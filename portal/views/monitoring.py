"""The platform's own processes and the services' figures, as they are now."""

import streamlit as st

import monitoring
import serving
from portal.session import project, who
from portal.ui import age, card, guard, header, number, state
from portal.words import _


def page() -> None:
    """The monitoring page."""
    with header(_("Monitoring"), _("What runs, how much it holds, how it answers")):
        pass
    _body()


@st.fragment(run_every="5s")
def _body() -> None:
    with guard():
        parts = monitoring.component_states()
        memory = sum(one.memory_mib for one in parts)
        columns = st.columns(3, gap="small")
        today = serving.requests_today(who(), project())
        with columns[0]:
            number(_("Processes up"), f"{sum(one.state == 'up' for one in parts)} / {len(parts)}")
        with columns[1]:
            number(_("Memory"), f"{memory / 1024:.2f} GiB", _("resident, all processes"))
        with columns[2]:
            number(_("Requests today"), f"{today.succeeded:,}", _("{n} refused or failed").format(n=today.failed))
        with card(_("Processes")):
            for one in parts:
                row = st.columns([2, 2, 2, 4], gap="small")
                row[0].markdown(f"**{one.name}**")
                row[1].markdown(state(one.state))
                row[2].caption(f"{one.memory_mib} MiB · {age(one.since)}")
                row[3].caption(one.detail)
