"""What runs, what is wrong and what it did lately: alerts, charts, components."""

import streamlit as st

import monitoring
import serving
from atrium.identity import Verb
from monitoring import AlertState, AlertView, ComponentView
from portal.session import may, project, who
from portal.ui import (
    Cell,
    Column,
    age,
    ago,
    card,
    draw_reasons,
    empty,
    guard,
    header,
    numbers,
    say,
    status,
    table,
    text,
    when,
    why_section,
)
from portal.views.models_in_use import not_answered
from portal.views.monitoring_charts import charts
from portal.views.snippets import metric_texts, tools
from portal.words import _
from portal.words.engine import of_engine

SILENT_SECONDS = 60.0
TEXT_WIDTH = 620  # where there is less room, the buttons stand below
HOURS = {1: "1 h", 4: "4 h", 24: "24 h", 168: "7 d"}
ICONS = {"critical": ":red[:material/error:]", "warning": ":orange[:material/warning:]"}


def page() -> None:
    """The monitoring page."""
    with header(_("Monitoring"), _("What runs, what is wrong, what it did lately")):
        pass
    _state()
    charts()
    _components()
    if who().administrator:
        tools(metric_texts())


@st.fragment(run_every="5s")
def _state() -> None:
    with guard():
        visitor = who()
        silent = monitoring.worker_silent_seconds(visitor)
        if silent > SILENT_SECONDS:
            told = _("The worker, which watches everything, has been silent for {n} s: what stands here is that old.")
            st.error(
                f"{told.format(n=f'{silent:.0f}')}  \n`.venv/bin/atrium restart worker`", icon=":material/cloud_off:"
            )
        alerts = monitoring.list_alerts(visitor, project())
        _numbers(monitoring.list_components(visitor), alerts)
        _alerts(alerts)


def _numbers(parts: list[ComponentView], alerts: list[AlertView]) -> None:
    firing = [one for one in alerts if one.state is AlertState.FIRING and not one.silence]
    pending = sum(one.state is AlertState.PENDING for one in alerts)
    today = serving.requests_today(who(), project())
    up = f"{sum(one.state == 'up' for one in parts)} / {len(parts)}" if parts else "–"
    numbers(
        (
            _("Components up"),
            up,
            _("asked {age}").format(age=age(max(one.checked_at for one in parts))) if parts else "",
        ),
        (_("Alerts"), str(len(firing)), _("{n} pending").format(n=pending)),
        (_("Memory"), f"{sum(one.memory_mib for one in parts) / 1024:.2f} GiB", _("resident, all processes")),
        (_("Requests today"), f"{today.succeeded:,}", not_answered(today)),
    )


def _alerts(alerts: list[AlertView]) -> None:
    over = [one for one in alerts if one.state is AlertState.RESOLVED]
    with card(_("Alerts")):
        if len(over) == len(alerts):
            st.markdown(f":green[:material/check_circle:] {_('Nothing is wrong that the platform watches for.')}")
        for one in alerts:
            if one.state is not AlertState.RESOLVED:
                _alert(one)
        if over:
            with st.expander(_("Resolved in the last day ({n})").format(n=len(over)), icon=":material/history:"):
                for one in over:
                    st.caption(f"{say(one.summary)} · {_('resolved {age}').format(age=age(one.resolved_at))}")


def _alert(one: AlertView) -> None:
    row = st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", gap="small")
    with row.container(gap=None, width=TEXT_WIDTH):
        icon = ":gray[:material/notifications_paused:]" if one.silence else ICONS[one.severity]
        since = _("since {moment}").format(moment=when(one.firing_since or one.pending_since))
        waiting = f" · {_('pending')}" if one.state is AlertState.PENDING else ""
        st.markdown(f"{icon} {say(one.summary)}")
        st.caption(f"{one.rule} · {one.project or _('the platform')} · {since}{waiting}")
        if one.silence:
            told = _("Silenced by {name} until {moment}: {reason}")
            st.caption(
                told.format(
                    name=one.silence.by, moment=when(one.silence.ends_at), reason=one.silence.reason.replace("$", "\\$")
                )
            )
        elif str(one.next_step):
            st.caption(f":material/arrow_forward: {say(one.next_step)}")
    with row.container(horizontal=True, gap="small", width="content"):
        if st.button(_("Why?"), key=f"why-{one.id}", help=one.object, type="tertiary", icon=":material/help:"):
            st.dialog(str(say(one.summary)), width="large")(_why)(one)
        if may(Verb.WRITE) if one.project else who().administrator:
            _silencing(one)


def _why(one: AlertView) -> None:
    with guard():
        draw_reasons(monitoring.why(who(), project(), f"alert/{one.id}"))  # headed by the same sentence as the dialog


def _silencing(one: AlertView) -> None:
    if one.silence:
        if st.button(_("Tell again"), key=f"unsilence-{one.id}", help=one.object, type="tertiary"):
            with guard():
                monitoring.end_silence(who(), one.id)
                st.rerun(scope="fragment")
        return
    with (
        st.popover(_("Silence"), type="tertiary", icon=":material/notifications_off:", key=f"silence-{one.id}"),
        st.form(f"silence-form-{one.id}", border=False),
    ):
        reason = st.text_input(_("Reason"), max_chars=300, placeholder=_("planned work on the disk"))
        hours = st.segmented_control(
            _("For"), list(HOURS), format_func=HOURS.__getitem__, default=4, required=True, key=f"hours-{one.id}"
        )
        if st.form_submit_button(_("Silence"), type="primary"):
            with guard():
                monitoring.silence(who(), one.id, reason, float(hours or 1))
                st.rerun(scope="fragment")


@st.fragment(run_every="10s")
def _components() -> None:
    with guard():
        parts = monitoring.list_components(who())
        if not parts:
            empty("dns", _("No component was asked yet"), _("The worker asks them a few seconds after it started."))
            return
        found = monitoring.charts(who(), project(), "hour")
        cpu = {line.labels.get("component", ""): line.values[-1][1] for line in (found.lines["cpu"] if found else [])}
        with card(_("Components"), _("Asked every few seconds, each in the way that its users do.")):
            columns = [
                Column(_("Name"), "short"), Column(_("State")), Column(_("Runs since"), "short"), Column(_("Died and restarted"), "number"),
                Column(_("Memory"), "number"), Column(_("CPU"), "number"), Column(_("Version"), "soft", phone=False),
                Column(_("How it was checked"), "soft", phone=False),
            ]  # fmt: skip
            table("components", columns, [_row(one, cpu) for one in parts], _("The platform's components"))
        for one in parts:
            if one.state != "up" or one.restarted_at:
                why_section(f"component/{one.name}")


def _row(one: ComponentView, cpu: dict[str, float]) -> list[Cell | str]:
    return [
        text(one.name, one.what), status(one.state, one.checked), ago(one.since), str(one.restarts or "–"),
        f"{one.memory_mib} MiB", f"{cpu[one.name] * 100:.0f} %" if one.name in cpu else "–", one.version, of_engine(one.checked),
    ]  # fmt: skip
