"""Feature views, entities, freshness; bringing values online, looking them up now, and as they were known at moments of the past."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import streamlit as st

import feature_store
from atrium.identity import Verb
from atrium.lineage import Node, NodeKind
from atrium.settings import get_settings
from portal.session import may, project, who
from portal.ui import Column, age, card, empty, facts, guard, header, say_after, table, when
from portal.views import paging
from portal.views.origins import path_card
from portal.views.snippets import tools
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
                    _("Online up to"): f"{when(until)} ({age(until)})" if until else _("never"),
                    _("Valid for"): f"{view['ttl_seconds'] / 3600:g} h" if view["ttl_seconds"] else "–",
                }
            )  # fmt: skip
            if may(Verb.WRITE):
                _materialize(view)
            path_card(Node(NodeKind.FEATURE_VIEW, view["name"]))


def _materialize(view: Mapping[str, Any]) -> None:
    until = view["materialized_until"]
    with st.popover(_("Bring values online"), icon=":material/bolt:"), st.form(f"online-{view['name']}", border=False):
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
    views = {view["name"]: view for view in found["feature_views"]}
    keys = sorted({key for name in service["views"] if name in views for key in views[name]["join_keys"]})
    with card(service["name"], service.get("description") or ", ".join(service["views"])):
        newest, past = st.tabs(
            [_("Newest values"), _("At moments of the past")], key=f"of-{service['name']}", on_change="rerun"
        )
        if newest.open:
            with newest:
                _newest(str(service["name"]), keys)
        if past.open:
            with past:
                _past(str(service["name"]), keys, _last_moment(service, views))
    _snippets(str(service["name"]), keys)


def _value(found: object) -> str:
    if found is None:
        return "–"
    if isinstance(found, float):
        return str(round(found, 4)) if abs(found) >= 1 else f"{found:.4g}"
    return str(found)


def _newest(service: str, keys: list[str]) -> None:
    with st.form(f"look-up-{service}", border=False):
        with st.container(horizontal=True, gap="small"):
            given = {key: st.text_input(key) for key in keys}
        asked = st.form_submit_button(_("Look up"), icon=":material/search:")
    if asked:
        with guard():
            values = feature_store.read_online(
                who(), project(), service, {key: [value] for key, value in given.items()}
            )
            if all(found[0] is None for name, found in values.items() if name not in keys):
                st.warning(_("Unknown key: no value is online for it. Check its spelling, or bring values online."))
                return
            rows = [[name, _value(found[0])] for name, found in values.items()]
            table(f"newest-{service}", [Column(_("Feature"), "code"), Column(_("Newest value"), "number")], rows,
                  _("The newest values of the feature service"))  # fmt: skip


def _last_moment(service: Mapping[str, Any], views: Mapping[str, Mapping[str, Any]]) -> datetime:
    """Up to when the service's views are online; now where none is."""
    known = [views[name]["materialized_until"] for name in service["views"] if name in views]
    ends = [datetime.fromisoformat(one) for one in known if one]
    return max(ends, default=datetime.now(UTC)).astimezone(UTC)


def _past(service: str, keys: list[str], moment: datetime) -> None:
    st.caption(
        _(
            "A row for each question: who or what, and when. The answer holds what was known at that moment, nothing later."
        )
    )
    start = [dict.fromkeys(keys, "") | {MOMENT: f"{moment:%Y-%m-%dT%H:00:00Z}"}]
    with st.form(f"past-{service}", border=False):
        rows = st.data_editor(start, num_rows="dynamic", key=f"rows-{service}", hide_index=True)
        asked = st.form_submit_button(_("Look up"), icon=":material/history:")
    if asked:
        with guard(), st.spinner(_("Working")):
            answer = feature_store.point_in_time_sample(who(), project(), service, list(rows))
            shown = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
            st.dataframe(shown, hide_index=True)


def _snippets(service: str, keys: list[str]) -> None:
    url, here = get_settings().public_url, project()
    body = ", ".join(f'"{key}": ["…"]' for key in keys)
    moment = ", ".join([*(f'"{key}": "…"' for key in keys), f'"{MOMENT}": "2013-06-01T12:00:00Z"'])
    head = 'curl -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json"'
    newest = f'{head} {url}/feast/{here}/get-online-features \\\n  -d \'{{"feature_service": "{service}", "entities": {{{body}}}}}\''
    past = f"{head} {url}/api/v1/projects/{here}/features/services/{service}/point-in-time \\\n  -d '{{\"rows\": [{{{moment}}}]}}'"
    tools({_("Newest values"): (newest, "bash"), _("At moments of the past"): (past, "bash")})
