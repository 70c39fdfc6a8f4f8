"""When a pipeline runs by itself: its schedule, what became of each slot, and the form that changes it; the project's schedules as a list."""

import re
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

import streamlit as st

import workflows
from atrium.errors import AtriumError
from atrium.identity import Verb
from portal.session import may, project, who
from portal.ui import (
    Cell,
    Column,
    address_of,
    age,
    ask_first,
    buttons,
    card,
    coming,
    confirmed,
    empty,
    facts,
    guard,
    link,
    plain,
    say_after,
    show_error,
    state_word,
    status,
    table,
    text,
    when,
)
from portal.views import paging, parameters
from portal.words import _, message
from portal.words.engine import of_engine

SLOTS_A_PAGE = 15
LATEST_MINUTES = 7 * 24 * 60
USUAL = (
    "@daily", "30 2 * * *", "0 8 * * *", "30 2 * * 1-5", "0 8 * * 1", "@weekly", "@monthly", "@hourly", "*/15 * * * *", "*/5 * * * *",
    "* * * * *",
)  # fmt: skip
SHORT: Final = {"@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0"}
CLOCK: Final = re.compile(r"([0-5]?\d) ([01]?\d|2[0-3]) \* \* (\*|1-5|[0-6])")
EVERY: Final = re.compile(r"@every ([1-9]\d*)m|\*(?:/([1-9]\d*))? \* \* \* \*")


def in_words(crontab: str) -> str:
    """The usual times in words with cron's after them; others as cron has them."""
    fixed = {
        "@hourly": _("every hour"), "0 * * * *": _("every hour"), "@every 1h": _("every hour"),
        "@monthly": _("every month on its first day at 00:00"),
    }  # fmt: skip
    told = fixed.get(crontab, "") or _minutes(crontab)
    if found := CLOCK.fullmatch(SHORT.get(crontab, crontab)):
        at, day = f"{int(found[2]):02}:{int(found[1]):02}", found[3]
        days = [_("Sunday"), _("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday")]
        if day == "*":
            told = _("every day at {time}").format(time=at)
        elif day == "1-5":
            told = _("Monday to Friday at {time}").format(time=at)
        else:
            told = _("every week on {day} at {time}").format(day=days[int(day)], time=at)
    return f"{told} · {crontab}" if told else crontab


def _minutes(crontab: str) -> str:
    """Of times some minutes apart how many; nothing of others, of `*/7` too, which begins anew with each hour."""
    found = EVERY.fullmatch(crontab)
    if found is None:
        return ""
    minutes = int(found[1] or found[2] or 1)
    if minutes == 1:
        return _("every minute")
    return _("every {n} minutes").format(n=minutes) if found[1] or 60 % minutes == 0 else ""


def on_clocks(moment: datetime | None, timezone: str) -> list[str]:
    """A slot's moment on the clocks of its schedule's zone, and in UTC where that differs."""
    if moment is None or timezone == "UTC":
        return [when(moment)]
    return [f"{moment.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M:%S} {timezone}", when(moment)]


def overlaps() -> dict[str, str]:
    """What happens while an earlier run goes on, in words, by Argo's word for it."""
    return {
        workflows.Overlap.FORBID: _("skip the slot"), workflows.Overlap.ALLOW: _("start beside it"),
        workflows.Overlap.REPLACE: _("end it and start anew"),
    }  # fmt: skip


def shown(pipeline: workflows.PipelineView) -> None:
    """The schedule of one pipeline, whole."""
    found: workflows.ScheduleView | None = None
    with guard():
        mine = [one for one in workflows.list_schedules(who(), project()) if one.pipeline == pipeline.name]
        found = mine[0] if mine else None
        if found:
            _now(found)
        elif not may(Verb.WRITE):
            empty("event_repeat", _("It has no schedule"), _("Whoever may run it can have it run by itself."))
    if may(Verb.WRITE):
        _form(pipeline, found)
    _slots(pipeline.name, found.timezone if found else "UTC")


def _now(found: workflows.ScheduleView) -> None:
    times = [f":small[{plain(one)}]" for one in on_clocks(found.next_at, found.timezone)]
    soon = "  \n".join([coming(found.next_at), *times]) if found.next_at else "–"
    state = status("suspended" if found.suspended else "on").said
    with card():
        facts(
            {
                _("State"): state["text"], _("Next slot"): soon,
                _("Times"): plain(in_words(found.crontab)), _("Time zone"): found.timezone, _("While a run goes on"): overlaps()[found.overlap],
                _("Caught up for"): _("{n} min").format(n=found.catch_up_minutes), _("In the name of"): found.owner,
            }
        )  # fmt: skip
        if found.parameters:
            st.caption(", ".join(f"`{name}={value}`" for name, value in found.parameters.items()))
        if may(Verb.WRITE):
            _switches(found)


def _switches(found: workflows.ScheduleView) -> None:
    with st.container(horizontal=True, gap="small"):
        words, icon = (_("Resume"), "play_arrow") if found.suspended else (_("Pause"), "pause")
        if st.button(words, icon=f":material/{icon}:", key="schedule-switch"):
            workflows.suspend_schedule(who(), project(), found.pipeline, not found.suspended)
            say_after(_switched(found.pipeline, not found.suspended))
            st.rerun()
        question = _("The pipeline no longer runs by itself. Its slots and runs stay.")
        if confirmed(_("Delete"), question, "schedule-delete"):
            workflows.delete_schedule(who(), project(), found.pipeline)
            say_after(_("The schedule of {name} was deleted.").format(name=found.pipeline))
            st.rerun()


def _switched(pipeline: str, paused: bool) -> str:
    if paused:
        return _("The schedule of {name} is paused: no slot comes until it is resumed.").format(name=pipeline)
    return _("The schedule of {name} goes on with its next slot.").format(name=pipeline)


def _form(pipeline: workflows.PipelineView, found: workflows.ScheduleView | None) -> None:
    if found is None:
        with card(_("Have it run by itself"), _("Always its newest revision, in your name and with your rights.")):
            _fields(pipeline, None)
        return
    with st.expander(_("Change the schedule"), icon=":material/edit:"):
        _fields(pipeline, found)


def _fields(pipeline: workflows.PipelineView, found: workflows.ScheduleView | None) -> None:
    zones = sorted(available_timezones())
    zone = found.timezone if found else (st.context.timezone or "UTC")
    times = list(dict.fromkeys([*([found.crontab] if found else []), *USUAL]))
    with st.form(f"schedule-{pipeline.name}", border=False):
        with st.grid(2, min_column_width=300):
            crontab = st.selectbox(
                _("Times"), times, format_func=in_words, accept_new_options=True, filter_mode="prefix",
                help=_("Minute, hour, day, month and weekday as cron has them, or @daily and the like; type your own."),
            )  # fmt: skip
            timezone = st.selectbox(_("Time zone"), zones, zones.index(zone) if zone in zones else zones.index("UTC"))
            words = overlaps()
            overlap = st.selectbox(
                _("While an earlier run goes on"), list(words), list(words).index(found.overlap) if found else 0, format_func=words.__getitem__
            )  # fmt: skip
            minutes = st.number_input(
                _("Catch up for (minutes)"), 0, LATEST_MINUTES, found.catch_up_minutes if found else 60,
                help=_("How late a slot may still start, for example when the machine was off."),
            )  # fmt: skip
        given = parameters.fields(pipeline.form, found.parameters if found else {})
        if st.form_submit_button(_("Save"), type="primary", icon=":material/event_repeat:"):
            try:
                kept = workflows.set_schedule(
                    who(), project(), pipeline.name, str(crontab or ""), timezone, given, overlap, int(minutes)
                )
            except AtriumError as error:
                show_error(error)
                return
            first = on_clocks(kept.next_at, kept.timezone)[0]
            say_after(_("It runs next {age}: {time}.").format(age=coming(kept.next_at), time=first))
            st.rerun()


@st.fragment(run_every="5s")
def _slots(pipeline: str, timezone: str) -> None:
    with guard():
        name = f"slots-{pipeline}"
        found = workflows.list_slots(who(), project(), pipeline, paging.after(name), SLOTS_A_PAGE)
        if not found.items:
            st.caption(_("No slot has come yet; each will stand here with what became of it and why."))
            return
        columns = [
            Column(_("State"), "short"), Column(_("Slot"), "soft"), Column(_("Run")), Column(_("Revision"), "soft", phone=False),
            Column(_("Why"), "soft"),
        ]  # fmt: skip
        rows: list[list[Cell | str]] = [
            [
                status(one.run_state or one.state), text(age(one.moment), " · ".join(on_clocks(one.moment, timezone))),
                link(one.run, one.run, address_of("pipelines", run=one.run)) if one.state == workflows.SlotState.STARTED else text("–"),
                text(one.revision or "–"), text(_why(one)),
            ]
            for one in found.items
        ]  # fmt: skip
        with card(_("Slots")):
            clicked = table("slots", columns, rows, _("Slots of the schedule, newest first"))
            paging.turning(name, found.next_key)
    if clicked:
        for one in ("pipeline", "form", "tab"):
            st.query_params.pop(one, None)
        st.query_params["run"] = clicked.row
        st.rerun(scope="app")


@st.fragment(run_every="5s")
def schedules_card() -> None:
    """The project's schedules with the next slot and what became of the last; nothing where there are none."""
    with guard():
        found = workflows.list_schedules(who(), project())
        if not found:
            return
        last = workflows.last_slots(who(), project())
        columns = [
            Column(_("Pipeline")), Column(_("Times"), "code"), Column(_("Time zone"), "soft", phone=False), Column(_("Next slot"), "soft"),
            Column(_("Last slot"), "short"), Column("", "actions"),
        ]  # fmt: skip
        rows: list[list[Cell | str]] = []
        for one in found:
            slot = last.get(one.pipeline)
            switch = ("resume", _("Resume")) if one.suspended else ("pause", _("Pause"))
            rows.append(
                [
                    link(one.pipeline, one.pipeline, address_of("pipelines", pipeline=one.pipeline, tab="schedule")), text(one.crontab, in_words(one.crontab)),
                    text(one.timezone), next_cell(one),
                    status(slot.run_state or slot.state, _why(slot) or when(slot.moment)) if slot else text("–"),
                    buttons(one.pipeline, switch, ("delete", _("Delete"))) if may(Verb.WRITE) else text(""),
                ]
            )  # fmt: skip
        with card(_("Schedules")):
            clicked = table("schedules", columns, rows, _("The project's schedules with their next and last slots"))
        if clicked:
            _act(clicked.row, clicked.action)


def _why(slot: workflows.SlotView) -> str:
    """Why a slot got no run, or what the workflow server says of how its run ended."""
    return message(slot.reason) or of_engine(slot.run_message)


def next_cell(one: workflows.ScheduleView | None) -> Cell:
    """In how long the next slot comes, or that the schedule is paused; a dash where there is no schedule."""
    if one is None:
        return text("–")
    return (
        text(state_word("suspended"))
        if one.suspended
        else text(coming(one.next_at), " · ".join(on_clocks(one.next_at, one.timezone)))
    )


def _act(pipeline: str, action: str) -> None:
    if action in ("pause", "resume"):
        workflows.suspend_schedule(who(), project(), pipeline, action == "pause")
        say_after(_switched(pipeline, action == "pause"))
        st.rerun(scope="app")
    if action == "delete":
        question = _("{name} no longer runs by itself. Its slots and runs stay.").format(name=pipeline)
        ask_first(question, _("Delete"), lambda: workflows.delete_schedule(who(), project(), pipeline))
        return
    st.query_params.update({"pipeline": pipeline, "tab": "schedule"})
    st.rerun(scope="app")
