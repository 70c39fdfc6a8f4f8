"""Workflow templates, as Hera and `argo template create` make them: a list of those that can be run, and a form for each."""

import streamlit as st
import yaml

import workflows
from atrium.identity import Verb
from portal.session import may, project, who
from portal.ui import Cell, Column, address_of, buttons, card, guard, header, link, table, text
from portal.views import one_pipeline, paging
from portal.words import _


def templates_card() -> None:
    """The project's templates that begin somewhere, with what they take; nothing where there are none."""
    with guard():
        found = {
            name: one
            for name, one in workflows.list_templates(who(), project()).items()
            if one["spec"].get("entrypoint")
        }
        if not found:
            return
        columns = [Column(_("Template")), Column(_("Parameters"), "soft"), Column("", "actions")]
        rows: list[list[Cell | str]] = [
            [
                link(name, name, address_of("pipelines", template=name)),
                ", ".join(parameter.name for parameter in workflows.form_of(one)) or "–",
                buttons(name, ("run", _("Run"))) if may(Verb.WRITE) else text(""),
            ]
            for name, one in found.items()
        ]  # fmt: skip
        with card(
            _("Workflow templates"),
            _("Made with Hera or the argo command line, beside the pipelines that are kept here"),
        ):
            clicked = table("templates", columns, rows, _("The project's workflow templates"))
        if clicked:
            paging.show("template", clicked.row)


def page(name: str) -> None:
    """The page of the template `name`: a form to run it, and its manifest."""
    manifest = paging.opened(
        lambda: workflows.get_template(who(), project(), name), name, _("All pipelines"), "template"
    )
    if manifest is None:
        return
    with header(name, _("A workflow template of project {name}").format(name=project())):
        paging.back(_("All pipelines"), "template")
    form = workflows.form_of(manifest)
    if may(Verb.WRITE):
        one_pipeline.run_form(name, form, lambda given, _where: _run(name, form, given), lambda: "")
    st.code(yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True), language="yaml", line_numbers=True)


def _run(name: str, form: list[workflows.ParameterView], given: dict[str, str]) -> str:
    """What was left as it is the template itself fills in, also from a config map."""
    changed = {one.name: given[one.name] for one in form if given[one.name] != one.value}
    return workflows.run_template(who(), project(), name, changed)
