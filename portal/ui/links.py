"""Links from page to page that keep the project, so that an address can be shared."""

from importlib import import_module
from typing import Any

import streamlit as st

from portal.words import _

ICONS = {
    "overview": "space_dashboard", "dashboard": "insights", "features": "stacks", "datasets": "database",
    "pipelines": "account_tree", "experiments": "science", "models": "deployed_code", "services": "rocket_launch",
    "demos": "co_present", "monitoring": "monitoring", "settings": "settings",
}  # fmt: skip


def titles() -> dict[str, str]:
    """Each page's title by its address, in the visitor's language."""
    return {
        "overview": _("Overview"), "dashboard": _("Business dashboard"), "features": _("Features"),
        "datasets": _("Datasets"), "pipelines": _("Pipelines"), "experiments": _("Experiments"), "models": _("Models"),
        "services": _("Services"), "demos": _("Demos"), "monitoring": _("Monitoring"), "settings": _("Settings"),
    }  # fmt: skip


def page_of(name: str) -> Any:
    """A page of the portal by its address's last part."""
    run = import_module(f"portal.views.{name}").page
    return st.Page(
        run, title=titles()[name], icon=f":material/{ICONS[name]}:", url_path=name, default=name == "overview"
    )


def _query(asked: dict[str, str]) -> dict[str, str]:
    project = st.session_state.get("project")
    return ({"project": str(project)} if project else {}) | asked


def address_of(name: str, **asked: str) -> str:
    """The address of a page within the portal, with the present project and what is `asked` of the page."""
    from urllib.parse import urlencode

    return f"/app/{'' if name == 'overview' else name}?{urlencode(_query(asked))}"


def link_to(name: str, label: str = "", icon: str = "", **asked: str) -> None:
    """A link to a page; `asked` goes into its address."""
    st.page_link(
        page_of(name),
        label=label or titles()[name],
        icon=f":material/{icon or ICONS[name]}:",
        query_params=_query(asked),
    )


def go_to(name: str, **asked: str) -> None:
    """Leads to another page now."""
    st.switch_page(page_of(name), query_params=_query(asked))
