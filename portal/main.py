"""The portal: navigation, project, language, theme; each page is a function of its own module."""

from pathlib import Path
from typing import Any

import streamlit as st

import tenancy
from atrium.errors import AtriumError
from atrium.identity import Actor
from atrium.looks import THEME_COOKIE
from atrium.web import unexpected
from portal import words
from portal.addresses import LONGEST, MISSING
from portal.session import NoProject, who
from portal.ui import card, empty, header, link_to, plain, say_now, show_error
from portal.ui.frontend import mounted
from portal.ui.links import page_of, titles
from portal.views.first_steps import SEEN
from portal.words import _
from portal.words.widgets import own_words

STYLE = Path(__file__).parent / "ui" / "style.css"
# in addresses: the thing that is open
OPENED = ("run", "pipeline", "tracking", "experiment", "model", "dataset", "service")
THEMES = ("System", "Light", "Dark")


def navigation() -> Any:
    """The pages in their groups."""
    groups = {
        "": ("overview", "dashboard"),
        _("Data"): ("features", "datasets"),
        _("Build"): ("pipelines", "experiments", "models"),
        _("Ship"): ("services", "demos", "monitoring"),
        _("Manage"): ("settings",),
    }
    return st.navigation({group: [page_of(name) for name in names] for group, names in groups.items()})


def sidebar(visitor: Actor) -> None:
    """Project, and the visitor's own menu."""
    names = [project.name for project in tenancy.list_projects(visitor)]
    if names:
        _know_project(names)
    with st.sidebar:
        _visitor(names)
        with st.popover(visitor.name, icon=":material/account_circle:", type="tertiary"):
            _own_menu()


def _know_project(names: list[str]) -> None:
    """The project of the address, else that of before, else the first; it always stands in the address, which must be shareable."""
    asked = st.query_params.get("project")
    if asked and asked not in names:
        st.toast(
            _("Project {name} is not yours to see, or is not there.").format(name=asked),
            icon=":material/block:",
            duration="long",
        )
    known = [one for one in (asked, st.session_state.get("project")) if one in names]
    st.session_state["project"] = chosen = (known or names)[0]
    if asked != chosen:
        st.query_params["project"] = chosen


def _choose_project() -> None:
    """What was open belongs to the project before: only the page stays."""
    st.query_params.from_dict({"project": st.session_state["visitor"]["project"]})


def _own_menu() -> None:
    st.segmented_control(
        _("Language"), list(words.LANGUAGES), format_func=words.LANGUAGES.__getitem__, key="language_choice",
        default=words.language(), required=True, on_change=_change_language,
    )  # fmt: skip
    themes = {"System": _("As the system"), "Light": _("Light"), "Dark": _("Dark")}
    st.segmented_control(
        _("Theme"), THEMES, format_func=themes.__getitem__, key="theme_choice", default=_theme() or "System", required=True
    )  # fmt: skip
    st.link_button(_("Change password"), "/auth/password", icon=":material/key:", type="tertiary")
    st.link_button(_("Sign out"), "/auth/logout", icon=":material/logout:", type="tertiary")


def _change_language() -> None:
    st.query_params["lang"] = st.session_state["language_choice"]


def _theme() -> str:
    """The theme that the visitor chose, now or before; empty where they never did."""
    kept = st.context.cookies.get(THEME_COOKIE, "")
    return str(st.session_state.get("theme_choice") or (kept if kept in THEMES else ""))


def _visitor(names: list[str]) -> None:
    """The choice of a project; has the browser keep language and theme, know the page's language, and not lose the focus with a page that goes."""
    chosen = _theme()
    kept = st.context.cookies.get(THEME_COOKIE, "")
    paths = ["/app/", *(f"/app/{name}" for name in titles())]
    mounted("visitor")(
        key="visitor",
        data={
            "label": _("Project"), "projects": names, "project": st.session_state.get("project"),
            "lang": words.language().replace("_", "-"), "language": st.session_state.get("language_choice", ""),
            "theme": chosen if chosen != "System" or kept else "", "paths": paths, "seen": bool(st.session_state.get(SEEN)),
            "address": [st.context.url, st.query_params.to_dict()], "own": own_words(),
        },
        on_project_change=_choose_project,
    )  # fmt: skip


def _welcome() -> None:
    """What a visitor without a project sees."""
    visitor = who()
    with header(_("Welcome, {name}").format(name=visitor.name)):
        pass
    if visitor.administrator:
        told = _("Projects keep data, pipelines, models and people apart; make the first one under Users and projects.")
        empty("create_new_folder", _("There is no project yet"), told, "settings", _("Open the settings"))
    else:
        told = _("Ask an administrator or a project's admin to add you; your name is {name}.").format(name=visitor.name)
        empty("group_add", _("You are a member of no project yet"), told)


def _missing(asked: str) -> None:
    """What stands at an address that no page has."""
    with header(_("There is no page at this address"), plain(f"/app/{asked[:LONGEST]}")):
        pass
    with card():
        st.markdown(_("The address may be mistyped or out of date. The pages there are stand in the menu."))
        link_to("overview")


def _tab_title(page: str) -> str:
    """What the browser's tab and history say: the thing that is open, else the page; then the product."""
    opened = next((st.query_params[one] for one in OPENED if st.query_params.get(one)), page)
    return f"{opened[:LONGEST]} · Atrium"


def main() -> None:
    """Runs one page for one visitor."""
    st.set_page_config(page_title="Atrium", page_icon="static/icon.svg", layout="wide")
    words.language()
    st.logo("static/logo.svg", size="large")
    st.html(STYLE)
    try:
        visitor = who()
        page = navigation()
        sidebar(visitor)
        st.set_page_config(page_title=_tab_title(page.title))
        say_now()
        if asked := st.query_params.get(MISSING):
            _missing(asked)
        else:
            page.run()
    except NoProject:
        _welcome()
    except AtriumError as error:
        show_error(error)
    except Exception as error:  # noqa: BLE001  the page's outermost edge: logged under a reference
        told, reference = unexpected(error)
        show_error(told)
        st.caption(f"{_('Reference')} {reference}")


main()
