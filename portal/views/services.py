"""Services: what is wanted and what is there, a form to try it, requests, another version, snippets."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import streamlit as st

import model_registry
import serving
from atrium.clock import now
from atrium.errors import AtriumError
from atrium.identity import Verb
from atrium.lineage import Node, NodeKind
from portal import words
from portal.session import may, project, who
from portal.ui import (
    Column,
    age,
    bars,
    card,
    confirmed,
    empty,
    facts,
    guard,
    header,
    link_to,
    numbers,
    plain,
    popover,
    say_after,
    show_error,
    state,
    table,
    text,
    why_section,
)
from portal.views.origins import path_card
from portal.views.snippets import service_texts, tools
from portal.words import _
from portal.words.engine import of_service

SLOT_MINUTES, SLOTS = 5, 24
PAIR = 2


def page() -> None:
    """The services."""
    with header(_("Services"), _("Models that answer requests over KServe's v2 protocol (Triton)")):
        if may(Verb.DEPLOY):
            link_to("models", _("Put a model into service"), "deployed_code")
    with guard():
        found = {one.name: one for one in serving.list_services(who(), project())}
        if not found:
            told = _(
                "A registered model becomes a service with an address of its own; put one into service on its page."
            )
            empty("rocket_launch", _("No services yet"), told, "models", _("Open the models"))
            return
        name = next(iter(found))
        asked = str(st.query_params.get("service", ""))
        if asked and asked not in found:
            st.warning(
                _("There is no service {name} in this project.").format(name=plain(asked[:60])),
                icon=":material/search_off:",
            )
        if len(found) > 1:
            name = st.selectbox(_("Service"), list(found), key="service", bind="query-params")
        one = found[name]
        st.subheader(name, anchor=False)
        _observed(name)
        why_section(f"service/{name}")
        path_card(Node(NodeKind.SERVICE, name))
        _try(one)
        _requests(name)
        tools(service_texts(one))
        if may(Verb.DEPLOY):
            _change(one)


@st.fragment(run_every="3s")
def _observed(name: str) -> None:
    with guard(), card():
        one = serving.get_service(who(), project(), name)
        live = _("version {n}").format(n=one.live_version) if one.live_version else ""
        facts(
            {
                _("There is"): f"{state(one.state)} {live}",
                _("Wanted"): f"{one.model} · {_wanted(one.wanted_version)}",
                _("Changed"): f"{one.changed_by} · {age(one.changed_at)}", _("Checked"): age(one.checked_at),
            }
        )  # fmt: skip
        st.caption(_("Address"))
        st.code(one.address, language=None)
        if one.message:
            st.error(plain(of_service(one.message)), icon=":material/error:")


def _wanted(version: str) -> str:
    return _("version {n}").format(n=version) if version.isdigit() else _("alias {name}").format(name=version)


@st.fragment(run_every="10s")
def _requests(name: str) -> None:
    with guard(), card(_("Requests")):
        figures = serving.service_figures(who(), project(), name)
        asked = figures.succeeded + figures.refused + figures.failed
        mean = f"{figures.mean_milliseconds:.2f} ms" if figures.mean_milliseconds else "–"
        numbers(
            (_("Answered (24 h)"), f"{figures.succeeded:,}", _("{n} rows").format(n=f"{figures.rows:,}")),
            (_("Refused"), f"{figures.refused:,}", _("for what the request said")),
            (
                _("Failed"), f"{figures.failed:,}",
                _("{share} of all").format(share=f"{figures.failed / asked:.1%}") if asked else "",
            ),
            (_("Mean answer time"), mean, _("inside the model server")),
        )  # fmt: skip
        rows = _slots(name)
        if any(row["requests"] for row in rows):
            st.caption(_("Requests in each 5 minutes of the last 2 hours (UTC)"))
            titles = {"at": _("From"), "requests": _("Requests"), "bad": _("Refused or failed")}
            bars(rows, "at", "requests", titles, _("Requests by time"), height=150)


def _slots(name: str) -> list[dict[str, Any]]:
    start = now().replace(second=0, microsecond=0)
    start -= timedelta(minutes=start.minute % SLOT_MINUTES + SLOT_MINUTES * (SLOTS - 1))
    found = [[0, 0] for _slot in range(SLOTS)]
    for minute, good, bad in serving.figures_by_minute(who(), project(), name, minutes=SLOT_MINUTES * SLOTS):
        slot = int((minute - start) / timedelta(minutes=SLOT_MINUTES))
        if 0 <= slot < SLOTS:
            found[slot][0] += good + bad
            found[slot][1] += bad
    step = timedelta(minutes=SLOT_MINUTES)
    return [
        {"at": f"{start + step * slot:%H:%M}", "requests": all_, "bad": bad} for slot, (all_, bad) in enumerate(found)
    ]


def _field(name: str, about: Mapping[str, Any], example: Any) -> Any:
    chinese = words.language() == "zh_CN"
    label, names = serving.input_title(name, about, chinese), serving.input_names(about, chinese)
    first = about.get("first", example)
    numeric = isinstance(example, (int, float)) and not isinstance(example, bool)
    if names:
        options = [float(one) for one in names] if numeric else list(names)
        called = dict(zip(options, names.values(), strict=True))
        return st.selectbox(
            label, options, options.index(first) if first in options else 0, format_func=called.__getitem__, help=name
        )
    if numeric:
        bounds = f" {about['minimum']:g} – {about['maximum']:g}" if "minimum" in about and "maximum" in about else ""
        return st.number_input(label, value=round(float(example), 4), help=f"{name}{bounds}")
    return st.text_input(label, str(example), help=name)


def _try(one: serving.ServiceView) -> None:
    if not one.live_version:
        return
    if one.metadata.get("kind") == "image":
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(_("It takes images: draw one in its demo."), width="content")
            link_to("demos", _("Open the demos"))
        return
    kept = f"answer-{project()}-{one.name}"
    with st.expander(_("Try {name}").format(name=one.name), icon=":material/play_arrow:"):
        with st.form(f"try-{one.name}", border=False):
            about = one.metadata.get("inputs") or {}
            row = {}
            with st.grid(4, min_column_width=190) as grid:
                for name, value in serving.example_rows(one.example, 1)[0].items():
                    with grid.cell():
                        row[name] = _field(name, about.get(name) or {}, value)
            asked = st.form_submit_button(_("Ask"), type="primary")
        if asked:
            st.session_state.pop(kept, None)
            with guard():
                rows = answer_rows(one, serving.try_service(who(), project(), one.name, [row])[0])
                st.session_state[kept] = (one.live_version, rows)
        if kept in st.session_state:  # whatever the service does next, what it said stays until the next question
            _answer(*st.session_state[kept])


def answer_rows(one: serving.ServiceView, answer: Mapping[str, Any]) -> list[list[str]]:
    """Output, class and value for each row: a titled probability of two classes is that of the second, as in demos.

    An output that its makers say nothing of and that is a class's number is shown as that class.
    """
    about = one.metadata.get("outputs") or {}
    classes: list[str] = next((list(map(str, said["classes"])) for said in about.values() if said.get("classes")), [])
    rows = []
    for name, value in answer.items():
        said = about.get(name) or {}
        title = serving.input_title(name, said, words.language() == "zh_CN")
        if isinstance(value, list):
            named = list(zip(said.get("classes") or range(len(value)), value, strict=False))
            shown = named[1:] if said.get("title") and len(value) == PAIR else named
            rows += [[title, str(label), f"{share:.1%}" if 0 <= share <= 1 else f"{share:g}"] for label, share in shown]
        elif name not in about and isinstance(value, int) and 0 <= value < len(classes):
            rows.append([title, classes[value], ""])
        else:
            rows.append([title, "", f"{value:g}" if isinstance(value, float) else str(value)])
    return rows


def _answer(version: str, rows: list[list[str]]) -> None:
    st.caption(_("Version {n} answered").format(n=version))
    columns = [Column(_("Output")), Column(_("Class")), Column(_("Value"), "number")]
    table("answer", columns, [[text(one) for one in row] for row in rows], _("The model's answer"))


def _change(one: serving.ServiceView) -> None:
    with st.container(horizontal=True, gap="small"):
        with popover(_("Serve another version"), "swap_horiz", "serve"):
            _other_version(one)
        question = _(
            "Requests to it will be refused from then on, and its demos will wait. The model stays registered."
        )
        if confirmed(_("Take out of service"), question, f"undeploy-{one.name}", "block"):
            with guard():
                serving.undeploy(who(), project(), one.name)
                say_after(_("{name} is out of service.").format(name=one.name))
                st.rerun()


def _other_version(one: serving.ServiceView) -> None:
    versions = model_registry.list_model_versions(who(), project(), one.model)
    aliases = sorted({alias for version in versions for alias in version.aliases})
    options = [*aliases, *(version.version for version in versions)]
    chosen = st.selectbox(_("Version or alias"), options, format_func=_wanted, key=f"version-{one.name}")
    st.caption(_("The present version answers until the other one has given a good answer."))
    if chosen in aliases:
        st.caption(_("It follows {alias} from then on, wherever that leads.").format(alias=f"`{chosen}`"))
    elif chosen:
        st.caption(
            _("It stays at version {version}, whatever becomes of the aliases: this is how to roll back.").format(
                version=chosen
            )
        )
    if st.button(_("Serve it"), type="primary", key=f"serve-{one.name}") and chosen:
        try:
            serving.deploy(who(), project(), one.name, one.model, chosen)
        except AtriumError as error:
            show_error(error)
            return
        say_after(
            _("{name} is to serve {version}; its state tells when it does.").format(
                name=one.name, version=_wanted(chosen)
            )
        )
        st.rerun()
