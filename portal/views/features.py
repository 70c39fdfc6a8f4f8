"""Feature views, entities, freshness; bringing values online, and looking them up."""

from datetime import UTC, datetime

import streamlit as st

import feature_store
from atrium.identity import Verb
from atrium.settings import get_settings
from portal.session import may, project, who
from portal.ui import card, empty, guard, header, snippet
from portal.words import _


def page() -> None:
    """The features."""
    with header(_("Features"), _("What models learn from and are asked with, as known at each moment (Feast)")):
        pass
    with guard():
        _body()


def _body() -> None:
    visitor, here = who(), project()
    try:
        found = feature_store.registry(visitor, here)
    except feature_store.FeaturesMissing as error:
        empty("stacks", _("No features yet"), error.next_step)
        return
    for view in found["feature_views"]:
        with card(view["name"], view["description"]):
            columns = st.columns(4, gap="small")
            columns[0].caption(_("Entities"))
            columns[0].markdown(", ".join(view["join_keys"]))
            columns[1].caption(_("Features"))
            columns[1].markdown(", ".join(f"`{one['name']}`" for one in view["features"]))
            columns[2].caption(_("Online up to"))
            columns[2].markdown((view["materialized_until"] or "–")[:16].replace("T", " "))
            columns[3].caption(_("Valid for"))
            columns[3].markdown(f"{view['ttl_seconds'] / 3600:g} h" if view["ttl_seconds"] else "–")
            if may(Verb.WRITE):
                _materialize(view)
    for service in found["feature_services"]:
        _look_up(service, found)


def _materialize(view: dict[str, str]) -> None:
    until = view["materialized_until"]
    with st.popover(_("Bring values online"), icon=":material/bolt:"):
        default = datetime.fromisoformat(until) if until else datetime.now(UTC)
        day = st.date_input(_("Up to"), default.date(), key=f"until-{view['name']}")
        if st.button(_("Bring online"), key=f"go-{view['name']}", type="primary"):
            with guard(), st.spinner(_("Working")):
                end = datetime.combine(day, datetime.max.time(), UTC).replace(microsecond=0)
                feature_store.materialize(who(), project(), [view["name"]], end)
                st.success(_("The newest values are online."))


def _look_up(service: dict[str, list[str]], found: object) -> None:
    views = {view["name"]: view for view in found["feature_views"]}  # type: ignore[index]
    keys = sorted({key for name in service["views"] for key in views[name]["join_keys"]})
    with card(_("Look up: {name}").format(name=service["name"])), st.form(f"look-up-{service['name']}", border=False):
        columns = st.columns(max(2, len(keys)), gap="small")
        given = {key: columns[number].text_input(key) for number, key in enumerate(keys)}
        if st.form_submit_button(_("Look up"), icon=":material/search:"):
            with guard():
                values = feature_store.read_online(
                    who(), project(), str(service["name"]), {key: [value] for key, value in given.items()}
                )
                st.table(
                    {
                        _("Feature"): list(values),
                        _("Newest value"): [str(one[0]) if one[0] is not None else "–" for one in values.values()],
                    }
                )
    body = ", ".join(f'"{key}": ["…"]' for key in keys)
    url = f"{get_settings().public_url}/feast/{project()}/get-online-features"
    snippet(
        "curl",
        f'curl -H "Authorization: Bearer $TOKEN" {url} \\\n  -d \'{{"feature_service": "{service["name"]}", "entities": {{{body}}}}}\'',
        "bash",
    )
