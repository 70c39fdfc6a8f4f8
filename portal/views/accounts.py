"""Users and projects of the platform, for its administrators."""

import streamlit as st

import tenancy
from atrium.errors import AtriumError
from atrium.identity import Actor
from portal.ui import Cell, Column, ago, ask_first, buttons, card, guard, say_after, show_error, table, text
from portal.words import _


def users_and_projects(visitor: Actor) -> None:
    """New users and projects, and those there are."""
    with st.grid(2, min_column_width=300, gap=12):
        _new_user(visitor)
        _new_project(visitor)
    _projects(visitor)
    _users(visitor)
    _new_password(visitor)
    _parallelism(visitor)


def _new_user(visitor: Actor) -> None:
    made = int(st.session_state.get("users-made", 0))
    with card(_("New user")), st.form(f"user-{made}", border=False):  # a new form, and so an empty one, after each
        name = st.text_input(_("Name"), max_chars=60)
        password = st.text_input(_("Password, at least 10 characters"), type="password")
        administrator = st.toggle(_("Administrator of the platform"))
        if st.form_submit_button(_("Create"), type="primary"):
            try:
                tenancy.create_user(visitor, name.strip(), password, administrator)
            except AtriumError as error:
                show_error(error)
                return
            st.session_state["users-made"] = made + 1
            say_after(_("{name} may sign in now; make them a member of a project.").format(name=name.strip()))
            st.rerun()


def _new_project(visitor: Actor) -> None:
    made_before = int(st.session_state.get("projects-made", 0))
    with card(_("New project")), st.form(f"project-form-{made_before}", border=False):
        short = st.text_input(_("Name"), help=_("a-z, 0-9 and dashes"), max_chars=30)
        title = st.text_input(_("Title"), max_chars=120)
        if st.form_submit_button(_("Create"), type="primary"):
            try:
                made = tenancy.create_project(visitor, short.strip(), title.strip())
            except AtriumError as error:
                show_error(error)
                return
            st.session_state["projects-made"] = made_before + 1
            say_after(_("Project {name} is there; choose it in the side bar.").format(name=made.name))
            st.rerun()


def _projects(visitor: Actor) -> None:
    columns = [
        Column(_("Project")), Column(_("Title")), Column(_("Members"), "number"), Column(_("Made by"), "soft"), Column(_("Since"), "soft"),
    ]  # fmt: skip
    found, members = tenancy.list_projects(visitor).items, tenancy.members_of_all(visitor)
    rows: list[list[Cell | str]] = [
        [one.name, one.title, str(members.get(one.name, 0)), one.created_by, ago(one.created_at)] for one in found
    ]
    with card(_("Projects")):
        table("projects", columns, rows, _("The platform's projects"))
    if not found:
        return
    with st.expander(_("Give a project another title"), icon=":material/edit:"):
        titles = {one.name: one.title for one in found}
        name = st.selectbox(_("Project"), list(titles), key="titled-project")
        with st.form(f"title-{name}", border=False):
            title = st.text_input(_("Title"), titles.get(name, ""), max_chars=120)
            if st.form_submit_button(_("Change it"), type="primary") and name:
                with guard():
                    tenancy.set_title(visitor, name, title)
                    say_after(_("{name} is titled “{title}” now.").format(name=name, title=title.strip()))
                    st.rerun()


def _users(visitor: Actor) -> None:
    columns = [
        Column(_("User")), Column(_("Administrator"), "short"), Column(_("State"), "short"), Column(_("Since"), "soft"),
        Column("", "actions"),
    ]  # fmt: skip
    users = {one.name: one for one in tenancy.list_users(visitor)}
    rows: list[list[Cell | str]] = []
    for one in users.values():
        mark = Cell(
            {
                "kind": "state",
                "text": _("active") if one.active else _("suspended"),
                "tone": "good" if one.active else "idle",
            }
        )
        change = ("deactivate", _("Suspend")) if one.active else ("activate", _("Restore access"))
        own = one.name == visitor.name
        rows.append(
            [one.name, _("yes") if one.administrator else "", mark, ago(one.created_at), text("") if own else buttons(one.name, change)]
        )  # fmt: skip
    with card(_("Users")):
        clicked = table("users", columns, rows, _("The platform's users"))
    if clicked:
        let_in = clicked.action == "activate"
        question = _("{name} may sign in again.") if let_in else _("{name} is out at once: sessions and tokens end.")
        sure = _("Restore access") if let_in else _("Suspend")
        done = _("{name} may sign in again now.") if let_in else _("{name} is suspended now.")

        def change_it() -> None:
            tenancy.set_active(visitor, clicked.row, let_in)
            say_after(done.format(name=clicked.row))

        ask_first(question.format(name=clicked.row), sure, change_it)


def _new_password(visitor: Actor) -> None:
    with (
        st.expander(_("Give a user another password"), icon=":material/key:"),
        st.form("password", border=False, clear_on_submit=True),
    ):
        names = [one.name for one in tenancy.list_users(visitor) if one.name != visitor.name]
        name = st.selectbox(_("User"), names)
        password = st.text_input(_("Password, at least 10 characters"), type="password")
        if st.form_submit_button(_("Change it"), type="primary") and name:
            try:
                tenancy.set_password(visitor, name, password)
            except AtriumError as error:
                show_error(error)
                return
            say_after(_("{name} has another password; their other sessions have ended.").format(name=name))
            st.rerun()


def _parallelism(visitor: Actor) -> None:
    with st.expander(_("How many runs of a project go on at once"), icon=":material/speed:"):
        projects = {one.name: one for one in tenancy.list_projects(visitor)}
        name = st.selectbox(_("Project"), list(projects), key="limited-project")
        if not name:
            return
        before = projects[name].parallelism
        with st.form(f"parallelism-{name}", border=False):
            own = st.toggle(_("A limit of its own, instead of the platform's setting"), value=before is not None)
            limit = st.number_input(_("Runs at once; 0 is no limit"), 0, tenancy.MOST_PARALLEL, before or 0)
            if st.form_submit_button(_("Change it"), type="primary"):
                with guard():
                    tenancy.set_parallelism(visitor, name, int(limit) if own else None)
                    say_after(
                        _("The limit of {name} holds for runs that wait or come; those that go on, go on.").format(
                            name=name
                        )
                    )
                    st.rerun()
