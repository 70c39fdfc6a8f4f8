"""Oneself, tokens, members, secrets, config maps, the audit, users and projects, images."""

import streamlit as st

import tenancy
from atrium.identity import Actor, Role, Verb
from atrium.settings import get_settings
from portal.session import may, project, who
from portal.ui import (
    Cell,
    Column,
    ago,
    ask_first,
    buttons,
    card,
    confirmed,
    facts,
    guard,
    header,
    say_after,
    table,
    text,
    when,
)
from portal.views import project_values
from portal.views.accounts import users_and_projects
from portal.views.clusters import clusters
from portal.views.images import images
from portal.words import _

AUDIT_LINES = 30
OPEN = "settings-tab"


def page() -> None:
    """The settings that the visitor may see."""
    visitor = who()
    with header(_("Settings"), _("Signed in as {name}").format(name=visitor.name)):
        st.link_button(_("Change password"), "/auth/password", icon=":material/key:")
    parts = {_("Tokens"): _tokens, _("You"): _you}
    if st.session_state.get("project"):
        parts = {_("Tokens"): _tokens, _("Members"): _members}
        if may(Verb.WRITE):
            parts |= {_("Secrets"): project_values.secrets}
        parts |= {_("Config maps"): project_values.config_maps}
        if may(Verb.MANAGE):
            parts |= {_("Audit"): _audit}
        parts |= {_("You"): _you}
    if visitor.administrator:
        parts |= {_("Users and projects"): users_and_projects, _("Images"): images, _("Clusters"): clusters}
    addresses = {draw.__name__.strip("_"): title for title, draw in parts.items()}
    if OPEN not in st.session_state:  # a `default` that followed the address would close the tab that was just opened
        st.session_state[OPEN] = addresses.get(st.query_params.get("tab", ""), next(iter(parts)))
    tabs = st.tabs(list(parts), key=OPEN, on_change="rerun")
    for tab, draw in zip(tabs, parts.values(), strict=True):
        if tab.open:
            st.query_params["tab"] = draw.__name__.strip("_")
            with tab, guard():
                draw(visitor)


def _allowed() -> dict[str, str]:
    """What each role allows, in words."""
    return {
        "viewer": _("look at everything, ask models, open demos"),
        "engineer": _("what a viewer may, change data, run pipelines, put models into service"),
        "admin": _("what an engineer may, members, secrets, public demos and the audit"),
    }


def _you(visitor: Actor) -> None:
    with card():
        facts({_("Name"): visitor.name, _("Administrator"): _("yes") if visitor.administrator else _("no")})
        columns = [Column(_("Project")), Column(_("Role")), Column(_("What it allows"), "soft")]
        allowed = _allowed()
        rows: list[list[Cell | str]] = [
            [text(one.name, one.title), _(one.role), allowed[one.role]] for one in tenancy.list_projects(visitor)
        ]
        table("roles", columns, rows, _("Your roles"))
    st.caption(_("Language and theme are in the menu under your name, in the side bar."))


def _tokens(visitor: Actor) -> None:
    with card(
        _("New token"), _("One kind for every interface: MLflow, Argo, Triton, Feast, REST. Its text is shown once.")
    ):
        with st.form("token", border=False):
            with st.grid(3, min_column_width=180):
                name = st.text_input(_("Name"), placeholder="laptop", max_chars=60)
                here = st.session_state.get("project")
                projects = st.multiselect(
                    _("Projects"), visitor.projects, default=[here] if here else [], placeholder=_("Choose projects")
                )
                days = st.number_input(_("Days until it ends"), 1, 366, 90)
            asked = st.form_submit_button(_("Create"), type="primary", icon=":material/key:")
        if asked:
            with guard():
                made = tenancy.create_token(visitor, name.strip(), projects, days)[1]
                st.success(_("Copy it now; it is not shown again."))
                st.code(made, language=None, wrap_lines=True)
                st.caption(_("In a shell, for all of them at once:"))
                st.code(_uses(made, projects[0] if projects else ""), language="bash")
    _own_tokens(visitor)


def _uses(made: str, here: str) -> str:
    url = get_settings().public_url
    scheme, _slashes, address = url.partition("://")
    return (
        f"export TOKEN={made}\nexport MLFLOW_TRACKING_URI={url}/mlflow MLFLOW_TRACKING_TOKEN=$TOKEN\n"
        f"export ARGO_SERVER={address} ARGO_BASE_HREF=/argo ARGO_HTTP1=true ARGO_SECURE={str(scheme == 'https').lower()} "
        f'ARGO_TOKEN="Bearer $TOKEN" ARGO_NAMESPACE={here}\ncurl -H "Authorization: Bearer $TOKEN" {url}/api/v1/me'
    )


def _own_tokens(visitor: Actor) -> None:
    tokens = tenancy.list_tokens(visitor)
    if not tokens:
        st.caption(_("You have no tokens yet."))
        return
    columns = [
        Column(_("Token")), Column(_("Projects"), "soft"), Column(_("Created"), "soft", phone=False), Column(_("Ends"), "soft"),
        Column(_("State"), "short"),
    ]  # fmt: skip
    valid = {token.id: token.name for token in tokens if not token.revoked_at}
    with card(_("Your tokens")):
        revoked = len(tokens) - len(valid)
        every = revoked and st.toggle(_("Show revoked ones too ({n})").format(n=revoked), key="tokens-revoked")
        shown = [_token_row(token) for token in tokens if every or token.id in valid]
        if shown:
            table("tokens", columns, shown, _("Your tokens"))
        if valid:
            _revoke(visitor, valid)


def _token_row(token: tenancy.TokenView) -> list[Cell | str]:
    ended = bool(token.revoked_at)
    mark = Cell({"kind": "state", "text": _("revoked") if ended else _("valid"), "tone": "idle" if ended else "good"})
    projects = ", ".join(token.projects) or _("the platform")
    ends = text(f"{token.expires_at:%Y-%m-%d}", when(token.expires_at))
    return [token.name, projects, ago(token.created_at), ends, mark]


def _revoke(visitor: Actor, valid: dict[str, str]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        chosen = st.selectbox(
            _("Token"), list(valid), None, format_func=valid.__getitem__, width=260, placeholder=_("Choose a token")
        )
        question = _("Whatever uses {name} is refused within 2 seconds. This cannot be undone.")
        if chosen and confirmed(_("Revoke"), question.format(name=f"**{valid[chosen]}**"), "revoke", "block"):
            tenancy.revoke_token(visitor, chosen)
            say_after(_("{name} was revoked.").format(name=valid[chosen]))
            st.rerun()


def _members(visitor: Actor) -> None:
    members = tenancy.list_members(visitor, project())
    manages = may(Verb.MANAGE)
    columns = [Column(_("User")), Column(_("Role"), "short")] + ([Column("", "actions")] if manages else [])
    rows: list[list[Cell | str]] = [
        [one.user, _(one.role)] + ([buttons(one.user, ("remove", _("Remove")))] if manages else []) for one in members
    ]
    with card(_("Members of {name}").format(name=project())):
        clicked = table("members", columns, rows, _("The project's members"))
        if not members:
            st.caption(_("None yet: administrators of the platform may do everything in every project."))
    if clicked and manages:
        question = _("{name} loses every right in this project, tokens too, within 2 seconds.").format(name=clicked.row)

        def remove() -> None:
            tenancy.remove_member(visitor, project(), clicked.row)
            say_after(_("{name} is no member any more.").format(name=clicked.row))

        ask_first(question, _("Remove"), remove)
    if manages:
        with card(_("Add a member, or give another role")), st.form("member", border=False):
            with st.grid(2, min_column_width=180):
                user = st.selectbox(
                    _("User"), [one.name for one in tenancy.list_users(visitor) if one.active], None,
                    placeholder=_("Choose a user"),
                )  # fmt: skip
                allowed = _allowed()
                role = st.selectbox(
                    _("Role"), [one.value for one in Role], format_func=lambda word: f"{_(word)}: {allowed[word]}"
                )
            asked = st.form_submit_button(_("Add"), type="primary")
            if asked and not user:
                st.warning(_("Choose a user."))
            elif asked and user:
                tenancy.add_member(visitor, project(), user, Role(role))
                say_after(_("{name} is a member now.").format(name=user))
                st.rerun()


def _audit(visitor: Actor) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        holding = st.text_input(
            _("Holds"), placeholder=_("a name, an action"), icon=":material/search:", max_chars=80, key="audit-holds"
        )
        whole = visitor.administrator and st.toggle(_("The whole platform"), key="audit-whole")
    key = f"audit-after-{'' if whole else project()}-{holding}"
    after = st.session_state.get(key)
    found = tenancy.list_audit(visitor, None if whole else project(), after, AUDIT_LINES, holding.strip())
    columns = [
        Column(_("When"), "soft"), Column(_("Who")), Column(_("Through"), "soft", phone=False), Column(_("What"), "code"),
        Column(_("Object")), *([Column(_("Project"), "soft")] if whole else []),
    ]  # fmt: skip
    rows: list[list[Cell | str]] = [
        [
            ago(one.at), one.actor, _(one.via), one.action, f"{one.object} {one.detail}".strip(),
            *([one.project or "–"] if whole else []),
        ]
        for one in found.items
    ]  # fmt: skip
    told = (
        _("Every change in the platform: who, by what, and when")
        if whole
        else _("Every change in this project: who, by what, and when")
    )
    with card(_("Audit"), told):
        table("audit", columns, rows, _("Changes, newest first"))
        with st.container(horizontal=True, gap="small"):
            if st.button(_("Newest"), key="audit-newest", disabled=not after):
                st.session_state.pop(key, None)
                st.rerun()
            if st.button(_("Older"), key="audit-older", disabled=not found.next_key):
                st.session_state[key] = found.next_key
                st.rerun()
