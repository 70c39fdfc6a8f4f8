"""What a project gives to its steps: secrets, of which the platform shows no value again, and config maps, which everybody there may read."""

import streamlit as st

import tenancy
import workflows
from atrium.errors import AtriumError
from atrium.identity import Actor, Verb
from portal.session import may, project
from portal.ui import Cell, Column, ago, ask_first, buttons, card, empty, say_after, show_error, snippet, table, text
from portal.words import _

PARTED = "/"  # neither a config map's name nor a key holds it
LONGEST_SHOWN = 80


def secrets(visitor: Actor) -> None:
    """Names of the secrets; those who manage the project set and delete them."""
    found = tenancy.list_secrets(visitor, project())
    manages = may(Verb.MANAGE)
    with card(
        _("Secrets"),
        _(
            "Steps get them as environment variables. The platform shows no value again; a step that prints one writes it into its log."
        ),
    ):
        columns = [
            Column(_("Name"), "code"),
            Column(_("Changed by"), "soft"),
            Column(_("When"), "soft"),
            Column("", "actions"),
        ]
        rows: list[list[Cell | str]] = [
            [one.name, one.changed_by, ago(one.changed_at), buttons(one.name, ("delete", _("Delete"))) if manages else text("")]
            for one in found
        ]  # fmt: skip
        if found:
            clicked = table("secrets", columns, rows, _("The project's secrets"))
            if clicked and manages:
                question = _("Steps that need {name} will fail; its value cannot be brought back.").format(
                    name=clicked.row
                )
                ask_first(question, _("Delete"), lambda: tenancy.delete_secret(visitor, project(), clicked.row))
        else:
            empty("lock", _("No secrets yet"), _("Passwords and keys belong here, never in a manifest."))
        if manages:
            _secret_form(visitor)
        else:
            st.caption(_("An admin of the project sets and deletes them."))
    first = found.items[0].name if found.items else "API_KEY"
    snippet(_("In a step"), FOR_A_STEP.format(name=first), "yaml")


FOR_A_STEP = """env:
- name: API_KEY
  valueFrom:
    secretKeyRef: {{name: project, key: {name}}}"""
OF_A_MAP = """env:
- name: LIMIT
  valueFrom:
    configMapKeyRef: {{name: {name}, key: {key}}}"""


def _secret_form(visitor: Actor) -> None:
    with st.form("secret", border=False, clear_on_submit=True):
        with st.grid(2, min_column_width=180):
            name = st.text_input(_("Name"), placeholder="API_KEY")
            value = st.text_input(_("Value"), type="password")
        if st.form_submit_button(_("Store"), type="primary"):
            try:
                tenancy.set_secret(visitor, project(), name.strip(), value)
            except AtriumError as error:
                show_error(error)
                return
            say_after(_("{name} was stored.").format(name=name.strip()))
            st.rerun()


def config_maps(visitor: Actor) -> None:
    """Every key of every config map; those who may change the project set and delete them."""
    found = workflows.list_config_maps(visitor, project())
    writes = may(Verb.WRITE)
    with card(
        _("Config maps"),
        _("Values that steps and parameters read, and the limits of semaphores; every member sees them."),
    ):
        columns = [Column(_("Config map"), "code"), Column(_("Key"), "code"), Column(_("Value")), Column("", "actions")]
        rows: list[list[Cell | str]] = [
            [
                text(one.name), text(key), text(value[:LONGEST_SHOWN] + "…" if len(value) > LONGEST_SHOWN else value, value),
                buttons(f"{one.name}{PARTED}{key}", ("delete", _("Delete"))) if writes else text(""),
            ]
            for one in found
            for key, value in one.data.items()
        ]  # fmt: skip
        if rows:
            clicked = table("config-maps", columns, rows, _("The project's config maps, a row for each key"))
            if clicked and writes:
                name, _slash, key = clicked.row.partition(PARTED)
                question = _("Steps that need {key} of {name} will fail.").format(key=key, name=name)
                ask_first(question, _("Delete"), lambda: workflows.delete_config_value(visitor, project(), name, key))
        else:
            empty(
                "tune",
                _("No config maps yet"),
                _("Keep here what several pipelines share and what changes without a new revision."),
            )
        if writes:
            _value_form(visitor)
    if found and found[0].data:
        snippet(_("In a step"), OF_A_MAP.format(name=found[0].name, key=next(iter(found[0].data))), "yaml")


def _value_form(visitor: Actor) -> None:
    with st.form("config-map", border=False, clear_on_submit=False):
        with st.grid(2, min_column_width=180):
            name = st.text_input(_("Config map"), placeholder="limits", max_chars=253).strip()
            key = st.text_input(_("Key"), placeholder="rows", max_chars=253).strip()
        value = st.text_area(_("Value"), height=80)
        if st.form_submit_button(_("Store"), type="primary"):
            try:
                workflows.set_config_value(visitor, project(), name, key, value)
            except AtriumError as error:
                show_error(error)
                return
            say_after(_("{key} of {name} was stored.").format(key=key, name=name))
            st.rerun()
