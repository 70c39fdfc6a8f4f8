"""The portal: navigation, project, language; each page is a function of its own module."""

from types import ModuleType
from typing import Any

import streamlit as st

import tenancy
from atrium.errors import AtriumError
from atrium.identity import Actor
from atrium.web import unexpected
from portal import words
from portal.session import who
from portal.ui import show_error
from portal.views import (
    dashboard,
    datasets,
    demos,
    experiments,
    features,
    models,
    monitoring,
    overview,
    pipelines,
    services,
    settings,
)
from portal.words import _


def _page(module: ModuleType, title: str, icon: str, default: bool = False) -> Any:
    path = module.__name__.rsplit(".", 1)[1]
    return st.Page(module.page, title=title, icon=f":material/{icon}:", url_path=path, default=default)


def navigation() -> Any:
    """The pages in their groups."""
    groups = {
        "": [
            _page(overview, _("Overview"), "space_dashboard", default=True),
            _page(dashboard, _("Business dashboard"), "insights"),
        ],
        _("Data"): [
            _page(features, _("Features"), "stacks"),
            _page(datasets, _("Datasets"), "database"),
        ],
        _("Build"): [
            _page(pipelines, _("Pipelines"), "account_tree"),
            _page(experiments, _("Experiments"), "science"),
            _page(models, _("Models"), "deployed_code"),
        ],
        _("Ship"): [
            _page(services, _("Services"), "rocket_launch"),
            _page(demos, _("Demos"), "co_present"),
            _page(monitoring, _("Monitoring"), "monitoring"),
        ],
        _("Manage"): [_page(settings, _("Settings"), "settings")],
    }
    return st.navigation(groups)


def sidebar(visitor: Actor) -> None:
    """Project, language, the visitor's own menu."""
    names = [project.name for project in tenancy.list_projects(visitor)]
    with st.sidebar:
        if names:
            st.selectbox(_("Project"), names, key="project", bind="query-params")
        with st.popover(visitor.name, icon=":material/account_circle:", type="tertiary"):
            st.radio(
                    _("Language"), list(words.LANGUAGES), format_func=words.LANGUAGES.__getitem__, key="language_choice",
                    index=list(words.LANGUAGES).index(words.language()), on_change=_change_language,
                )  # fmt: skip
            st.link_button(_("Change password"), "/auth/password", icon=":material/key:")
            st.link_button(_("Sign out"), "/auth/logout", icon=":material/logout:")


def _change_language() -> None:
    st.query_params["lang"] = st.session_state["language_choice"]


def main() -> None:
    """Runs one page for one visitor."""
    st.set_page_config(page_title="Atrium", page_icon="static/icon.svg", layout="wide")
    words.language()
    st.logo("static/logo.svg", size="large")
    try:
        visitor = who()
        page = navigation()
        sidebar(visitor)
        page.run()
    except AtriumError as error:
        show_error(error)
    except Exception as error:  # noqa: BLE001  the page's outermost edge: logged under a reference
        told, reference = unexpected(error)
        show_error(told)
        st.caption(f"{_('Reference')} {reference}")


main()
