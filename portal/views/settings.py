"""Tokens, members, users, secrets, projects, the audit."""

import streamlit as st

import tenancy
from atrium.identity import Actor, Role, Verb
from atrium.settings import get_settings
from portal.session import may, project, who
from portal.ui import age, card, guard, header
from portal.words import _


def page() -> None:
    """The settings that the visitor may see."""
    with header(_("Settings"), _("Signed in as {name}").format(name=who().name)):
        pass
    visitor = who()
    parts = {_("Tokens"): _tokens, _("Members"): _members}
    if may(Verb.MANAGE):
        parts |= {_("Secrets"): _secrets, _("Audit"): _audit}
    if visitor.administrator:
        parts |= {_("Users and projects"): _users}
    for tab, draw in zip(st.tabs(list(parts)), parts.values(), strict=True):
        with tab, guard():
            draw(visitor)


def _tokens(visitor: Actor) -> None:
    with card(
        _("New token"), _("One kind for every interface: MLflow, Argo, Triton, Feast, REST. Its text is shown once.")
    ):
        with st.form("token", border=False):
            name = st.text_input(_("Name"), placeholder="laptop")
            projects = st.multiselect(_("Projects"), visitor.projects, default=[project()])
            days = st.number_input(_("Days"), 1, 366, 90)
            asked = st.form_submit_button(_("Create"), type="primary", icon=":material/key:")
        if asked:
            with guard():
                text = tenancy.create_token(visitor, name, projects, days)[1]
                st.success(_("Copy it now; it is not shown again."))
                st.code(text, language=None)
                _show_uses(text)
    with card(_("Your tokens")):
        for token in tenancy.list_tokens(visitor):
            row = st.columns([3, 3, 3, 2], vertical_alignment="center", gap="small")
            row[0].markdown(f"**{token.name}**")
            row[1].caption(", ".join(token.projects) or _("the platform"))
            row[2].caption(
                _("revoked") if token.revoked_at else _("until {day}").format(day=f"{token.expires_at:%Y-%m-%d}")
            )
            if not token.revoked_at and row[3].button(_("Revoke"), key=f"revoke-{token.id}", help=token.name):
                tenancy.revoke_token(visitor, token.id)
                st.rerun()


def _show_uses(text: str) -> None:
    url = get_settings().public_url
    st.code(
        f"export TOKEN={text}\nexport MLFLOW_TRACKING_URI={url}/mlflow MLFLOW_TRACKING_TOKEN=$TOKEN\n"
        f"export ARGO_SERVER={url.split('://')[1]} ARGO_BASE_HREF=/argo ARGO_HTTP1=true ARGO_SECURE=false "
        f'ARGO_TOKEN="Bearer $TOKEN" ARGO_NAMESPACE={project()}\ncurl -H "Authorization: Bearer $TOKEN" {url}/api/v1/me',
        language="bash",
    )


def _members(visitor: Actor) -> None:
    with card(_("Members of {name}").format(name=project())):
        for member in tenancy.list_members(visitor, project()):
            row = st.columns([3, 3, 2], vertical_alignment="center", gap="small")
            row[0].markdown(f"**{member.user}**")
            row[1].caption(_(member.role))
            if may(Verb.MANAGE) and row[2].button(_("Remove"), key=f"remove-{member.user}", help=member.user):
                tenancy.remove_member(visitor, project(), member.user)
                st.rerun()
    if may(Verb.MANAGE):
        with card(_("Add a member")), st.form("member", border=False):
            user = st.selectbox(_("User"), [one.name for one in tenancy.list_users(visitor)])
            role = st.selectbox(_("Role"), [one.value for one in Role], format_func=_)
            if st.form_submit_button(_("Add"), type="primary"):
                with guard():
                    tenancy.add_member(visitor, project(), user, Role(role))
                    st.rerun()


def _secrets(visitor: Actor) -> None:
    with card(_("Secrets"), _("Steps get them as environment variables; nobody sees a value again.")):
        for secret in tenancy.list_secrets(visitor, project()):
            row = st.columns([3, 3, 2], vertical_alignment="center", gap="small")
            row[0].markdown(f"**{secret.name}**")
            row[1].caption(f"{secret.changed_by} · {age(secret.changed_at)}")
            if row[2].button(_("Delete"), key=f"secret-{secret.name}", help=secret.name):
                tenancy.delete_secret(visitor, project(), secret.name)
                st.rerun()
        with st.form("secret", border=False):
            name = st.text_input(_("Name"))
            value = st.text_input(_("Value"), type="password")
            if st.form_submit_button(_("Store"), type="primary"):
                with guard():
                    tenancy.set_secret(visitor, project(), name, value)
                    st.rerun()


def _audit(visitor: Actor) -> None:
    found = tenancy.list_audit(visitor, project(), st.session_state.get("audit-after"), 30)
    st.table(
        {
            _("When"): [age(one.at) for one in found.items], _("Who"): [one.actor for one in found.items], _("By"): [one.via for one in found.items],
            _("What"): [one.action for one in found.items], _("Object"): [f"{one.object} {one.detail}".strip() for one in found.items],
        }
    )  # fmt: skip
    if found.next_key and st.button(_("Older"), key="audit-older"):
        st.session_state["audit-after"] = found.next_key
        st.rerun()


def _users(visitor: Actor) -> None:
    left, right = st.columns(2, gap="small")
    with left, card(_("New user")), st.form("user", border=False):
        name = st.text_input(_("Name"))
        password = st.text_input(_("Password, at least 10 characters"), type="password")
        administrator = st.toggle(_("Administrator"))
        if st.form_submit_button(_("Create"), type="primary"):
            with guard():
                tenancy.create_user(visitor, name, password, administrator)
                st.rerun()
    with right, card(_("New project")), st.form("project-form", border=False):
        short = st.text_input(_("Name"), help=_("a-z, 0-9 and dashes"))
        title = st.text_input(_("Title"))
        if st.form_submit_button(_("Create"), type="primary"):
            with guard():
                tenancy.create_project(visitor, short, title)
                st.rerun()
    with card(_("Users")):
        users = tenancy.list_users(visitor)
        st.table(
            {
                _("Name"): [one.name for one in users],
                _("Administrator"): ["✓" if one.administrator else "" for one in users],
                _("Since"): [age(one.created_at) for one in users],
            }
        )
