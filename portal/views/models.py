"""Registered models: what there is; each has a page with its versions, each version a card of its own."""

from collections.abc import Mapping
from datetime import datetime

import streamlit as st

import model_registry
import serving
from atrium.errors import NotFound
from atrium.identity import Verb
from atrium.settings import get_settings
from model_registry import ModelVersionView, ModelView
from portal.session import may, project, who
from portal.ui import (
    Cell,
    Column,
    address_of,
    ago,
    badges,
    card,
    confirmed,
    empty,
    guard,
    header,
    link,
    popover,
    say_after,
    status,
    table,
    text,
)
from portal.views import one_version, paging
from portal.views.models_in_use import quality
from portal.views.snippets import put_text, tools
from portal.words import _

KEY = "models"
MOST_TAGS = 2


def page() -> None:
    """The models, or the model or version that the address names."""
    model, version = paging.shown("model"), paging.shown("version")
    if model and version:
        one_version.page(model, version)
    elif model:
        _model(model)
    else:
        with header(_("Models"), _("Versions that may be served, and which of them is the champion (MLflow)")):
            pass
        with guard():
            _list()


def _list() -> None:
    asked, owner, _every = paging.asked_for(KEY)
    found = model_registry.list_models(who(), project(), paging.after(KEY), paging.PAGE_ROWS, asked, owner)
    if not (found.items or asked or owner):
        empty("deployed_code", _("No models yet"), _("A pipeline registers them, or mlflow.register_model."),
              "pipelines", _("Pipelines"))  # fmt: skip
        tools({"MLflow": (put_text(project(), "my-model"), "python")})
        return
    paging.narrowing(KEY, _("Made by"))
    if not found.items:
        st.caption(_("None matches."))
        return
    columns = [Column(_("Model")), Column(_("Newest version"), "short"), Column(_("Aliases")), Column(_("Changed"), "soft"),
               Column(_("Made by"), "soft", phone=False)]  # fmt: skip
    rows: list[list[Cell | str]] = [
        [
            link(one.name, one.name, address_of("models", model=one.name)), text(one.latest or "–"),
            badges(f"{alias} → {version}" for alias, version in one.aliases.items()), ago(one.updated_at), text(one.owner or "–"),
        ]
        for one in found.items
    ]  # fmt: skip
    with card():
        clicked = table(KEY, columns, rows, _("The project's models"))
        paging.turning(KEY, found.next_key)
    _snippets(found.items[0].name)
    if clicked:
        paging.show("model", clicked.row)


def _model(name: str) -> None:
    found = paging.opened(lambda: model_registry.get_model(who(), project(), name), name, _("All models"), "model")
    if found is None:
        return
    with header(name, _("A model of project {name}").format(name=project())):
        paging.back(_("All models"), "model")
        if may(Verb.WRITE):
            _describe(found)
            _delete(found)
    st.markdown(found.description or f":gray[{_('No description yet.')}]")
    with guard():
        _versions(name)
    _snippets(name)


def _describe(model: ModelView) -> None:
    with popover(_("Describe"), "edit", "describe"), st.form("describe-model", border=False):
        words = st.text_area(_("What is it for? (Markdown)"), model.description, max_chars=5000)
        if st.form_submit_button(_("Save"), type="primary"):
            with guard():
                model_registry.describe_model(who(), project(), model.name, words)
                say_after(_("Saved."))
                st.rerun()


def _delete(model: ModelView) -> None:
    question = _("Delete the model **{name}** with all its versions? This cannot be undone.").format(name=model.name)
    if model.aliases:
        question += "\n\n" + _("Aliases lead into it ({names}); take them away first.").format(
            names=", ".join(model.aliases)
        )
    if confirmed(_("Delete"), question, "delete-model", sure=_("Delete for good")):
        with guard():
            model_registry.delete_model(who(), project(), model.name)
            say_after(_("{name} is deleted.").format(name=model.name))
            st.query_params.pop("model", None)
            st.rerun()


def _figures(version: ModelVersionView, measured: Mapping[str, Mapping[str, float]]) -> str:
    """What the version's makers tagged it with, else what its run measured."""
    tagged = " · ".join(f"{key} {value}" for key, value in list(version.tags.items())[:MOST_TAGS])
    return tagged or quality(measured.get(version.run_id or "", {}))


@st.cache_data(max_entries=2000, show_spinner=False)
def _lacks(here: str, model: str, version: str, made: datetime) -> str:
    """What a version lacks to be served: what it was logged with does not change."""
    try:
        return model_registry.version_lacks(who(), here, model, version)
    except NotFound:
        return ""  # its files are gone, which its own page tells


def _state(version: ModelVersionView, services: list[serving.ServiceView]) -> Cell:
    """Whether a version serves, failed when it was to, or cannot; else its state in the registry."""
    serves = ", ".join(one.name for one in services if one.live_version == version.version)
    named = (version.version, *version.aliases)  # a service wants a number, or follows an alias
    failed = next(
        (one for one in services if one.state is serving.ServiceState.FAILED and one.wanted_version in named), None
    )
    if serves:
        return Cell({"kind": "state", "text": _("In service"), "tone": "good", "title": serves})
    if failed:
        return Cell({"kind": "state", "text": _("Failed its check"), "tone": "bad", "title": failed.message})
    if lacking := _lacks(project(), version.model, version.version, version.created_at):
        told = _("Cannot be served: no {what}").format(what=_(lacking))
        return Cell({"kind": "state", "text": told, "tone": "warn", "title": ""})
    return status(version.status)


def _versions(name: str) -> None:
    key = f"versions-{name}"
    found = model_registry.list_model_versions(who(), project(), name, paging.after(key), paging.PAGE_ROWS)
    if not found.items:
        empty(
            "deployed_code",
            _("No versions yet"),
            _("Log a model with registered_model_name, or register one of a run."),
        )
        return
    columns = [Column(_("Version")), Column(_("Aliases")), Column(_("Figures"), "soft"), Column(_("State")),
               Column(_("Made"), "soft"), Column(_("Made by"), "soft", phone=False)]  # fmt: skip
    measured = model_registry.tracking_run_metrics(who(), project(), [one.run_id for one in found.items if one.run_id])
    services = [one for one in serving.list_services(who(), project()) if one.model == name]
    rows: list[list[Cell | str]] = [
        [
            link(f"{_('Version')} {one.version}", one.version, address_of("models", model=name, version=one.version)),
            badges(one.aliases), text(_figures(one, measured)), _state(one, services), ago(one.created_at), text(one.owner or "–"),
        ]
        for one in found.items
    ]  # fmt: skip
    with card(_("Versions")):
        clicked = table(key, columns, rows, _("Versions of the model, newest first"))
        paging.turning(key, found.next_key)
    if clicked:
        paging.show("version", clicked.row)


def _snippets(name: str) -> None:
    url = get_settings().public_url
    client = (
        f'import os\n\nos.environ["MLFLOW_TRACKING_URI"] = "{url}/mlflow"\nos.environ["MLFLOW_TRACKING_TOKEN"] = os.environ["TOKEN"]\n'
        f'os.environ["MLFLOW_WORKSPACE"] = "{project()}"\n\nimport mlflow\n\nmodel = mlflow.onnx.load_model("models:/{name}@champion")\n'
        "print([one.name for one in model.graph.input], [one.name for one in model.graph.output])"
    )
    curl = f'curl -H "Authorization: Bearer $TOKEN" {url}/api/v1/projects/{project()}/models/{name}/versions/champion/card.md'
    tools({"MLflow": (client, "python"), "curl": (curl, "bash")})
