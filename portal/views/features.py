"""Feature views, entities, freshness; bringing values online, looking them up now, and as they were known at moments of the past."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import streamlit as st

import feature_store
from atrium.identity import Verb
from atrium.lineage import Node, NodeKind
from portal.session import may, project, who
from portal.ui import Column, card, dated, empty, facts, guard, header, popover, say_after, table, when
from portal.views import paging
from portal.views.origins import path_card
from portal.views.snippets import lookup_texts, tools
from portal.words import _, message

MOMENT = "event_timestamp"
DAYS_BACK = 3.0


def page() -> None:
    """The features."""
    with header(_("Features"), _("What models learn from and are asked with, as known at each moment (Feast)")):
        pass
    with guard():
        _body()


def _body() -> None:
    try:
        found = feature_store.registry(who(), project())
    except feature_store.FeaturesMissing as error:
        step = message(error.next_step)
        empty("stacks", _("No features yet"), step[:1].upper() + step[1:], "pipelines", _("Pipelines"))
        return
    views, services = st.tabs([_("Feature views"), _("Look up")], key="features-tab", on_change="rerun")
    if views.open:
        with views:
            _views(found["feature_views"])
    if services.open:
        with services:
            for service in found["feature_services"]:
                _service(service, found)
            if not found["feature_services"]:
                st.caption(_("Define a feature service to look values up."))


def _views(views: list[dict[str, Any]]) -> None:
    if only := paging.shown("view"):
        paging.back(_("All feature views"), "view")
        shown = [view for view in views if view["name"] == only]
    else:
        asked = paging.searched("features").lower()
        shown = [view for view in views if asked in view["name"].lower()]
    if not shown:
        st.caption(_("None matches."))
    for view in shown:
        with card(view["name"], view["description"]):
            until = view["materialized_until"]
            facts(
                {
                    _("Entities"): ", ".join(f"`{one}`" for one in view["join_keys"]),
                    _("Features"): ", ".join(f"`{one['name']}`" for one in view["features"]),
                    _("Online up to"): dated(until) if until else _("never"),
                    _("Valid for"): f"{view['ttl_seconds'] / 3600:g} h" if view["ttl_seconds"] else "–",
                }
            )  # fmt: skip
            if may(Verb.WRITE):
                _materialize(view)
            path_card(Node(NodeKind.FEATURE_VIEW, view["name"]))


def _materialize(view: Mapping[str, Any]) -> None:
    until = view["materialized_until"]
    with (
        popover(_("Bring values online"), "bolt", f"bring-{view['name']}"),
        st.form(f"online-{view['name']}", border=False),
    ):
        default = datetime.fromisoformat(until) if until else datetime.now(UTC)
        day = st.date_input(_("Up to the end of this day (UTC)"), default.date())
        days = st.number_input(_("From how many days before"), 1.0, 3650.0, DAYS_BACK, 1.0)
        if st.form_submit_button(_("Bring online"), type="primary"):
            with guard(), st.spinner(_("Working")):
                end = datetime.combine(day, datetime.max.time(), UTC).replace(microsecond=0)
                feature_store.materialize(who(), project(), [view["name"]], end, days)
                say_after(_("The newest values of {name} are online.").format(name=view["name"]))
                st.rerun()


def _service(service: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    name, moment = str(service["name"]), _last_moment(service, {view["name"]: view for view in found["feature_views"]})
    entities = {one["join_key"]: one for one in found["entities"]}
    known = _known(project(), name, f"{moment:%Y-%m-%dT%H:%M:%S}")
    with card(name, service.get("description") or ", ".join(service["views"])):
        newest, past = st.tabs([_("Newest values"), _("At moments of the past")], key=f"of-{name}", on_change="rerun")
        if newest.open:
            with newest:
                _newest(name, known, entities)
        if past.open:
            with past:
                _past(name, known, moment)
    examples = {key: values[0] if values else "" for key, values in known.items()}
    tools(lookup_texts(project(), name, examples, moment))


@st.cache_data(ttl=300, max_entries=50, show_spinner=False)
def _known(here: str, service: str, online_until: str) -> dict[str, list[Any]]:
    """The entities to choose from, by join key; read anew when newer values came online."""
    return feature_store.entity_values(who(), here, service)


def _value(found: object) -> str:
    if found is None:
        return "–"
    if isinstance(found, float):
        whole = found.is_integer() and abs(found) < 1e15
        return f"{found:.0f}" if whole else str(round(found, 4)) if abs(found) >= 1 else f"{found:.4g}"
    return str(found)


def _asked_for(key: str, values: list[Any], entity: Mapping[str, Any], service: str) -> object:
    """A join key's value: chosen from those that there are, or typed."""
    about = entity.get("description") or ""
    label = f"{about} · `{key}`" if about else f"`{key}`"
    name = f"key-{service}-{key}"
    if not values:
        return _typed(st.text_input(label, key=name).strip(), entity)
    told = _("Choose one, or type another")
    return _typed(st.selectbox(label, values, key=name, accept_new_options=True, help=told, format_func=str), entity)


def _typed(value: object, entity: Mapping[str, Any]) -> object:
    """A typed key as its entity's kind of value; what is no number stays as it is, and the store says so."""
    whole = "INT" in str(entity.get("type")) and isinstance(value, str) and value.lstrip("-").isdigit()
    return int(str(value)) if whole else value


def _newest(service: str, known: Mapping[str, list[Any]], entities: Mapping[str, Mapping[str, Any]]) -> None:
    with st.form(f"look-up-{service}", border=False):
        with st.grid(max(1, len(known)), min_column_width=240, gap=12) as grid:
            given = {}
            for key, values in known.items():
                with grid.cell():
                    given[key] = _asked_for(key, values, entities.get(key, {}), service)
        asked = st.form_submit_button(_("Look up"), icon=":material/search:")
    if not asked:
        return
    with guard():
        answer = feature_store.read_online(who(), project(), service, {key: [value] for key, value in given.items()})
        found = {name: one[0] for name, one in answer.items() if name not in known}
        if all(one.value is None for one in found.values()):
            st.warning(_("Unknown key: no value is online for it. Check its spelling, or bring values online."))
            return
        columns = [Column(_("Feature"), "code"), Column(_("Newest value"), "number"), Column(_("Event time"), "soft")]
        rows = [[name, _value(one.value), when(one.at) if one.at else _("not online")] for name, one in found.items()]
        table(f"newest-{service}", columns, rows, _("The newest values of the feature service"))


def _last_moment(service: Mapping[str, Any], views: Mapping[str, Mapping[str, Any]]) -> datetime:
    """Up to when the service's views are online; now where none is."""
    known = [views[name]["materialized_until"] for name in service["views"] if name in views]
    ends = [datetime.fromisoformat(one) for one in known if one]
    return max(ends, default=datetime.now(UTC)).astimezone(UTC)


def _past(service: str, known: Mapping[str, list[Any]], moment: datetime) -> None:
    st.caption(
        _(
            "A row for each question: who or what, and when. The answer holds what was known at that moment, nothing later."
        )
    )
    first = {key: str(values[0]) if values else "" for key, values in known.items()}
    start = [first | {MOMENT: f"{moment:%Y-%m-%dT%H:00:00Z}"}]
    with st.form(f"past-{service}", border=False):
        rows = st.data_editor(start, num_rows="dynamic", key=f"rows-{service}", hide_index=True)
        asked = st.form_submit_button(_("Look up"), icon=":material/history:")
    if asked:
        with guard(), st.spinner(_("Working")):
            answer = feature_store.point_in_time_sample(who(), project(), service, list(rows))
            shown = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
            st.dataframe(shown, hide_index=True)
