"""One model version: its card, its origin; aliases moved, described, put into service, deleted."""

from dataclasses import replace

import streamlit as st

import model_registry
import serving
from atrium.identity import Verb
from atrium.lineage import Node, NodeKind
from model_registry import ModelCard
from portal.session import may, project, who
from portal.ui import (
    Cell,
    Column,
    address_of,
    age,
    card,
    confirmed,
    facts,
    guard,
    header,
    link_to,
    plain,
    popover,
    say_after,
    state_word,
    table,
    when,
)
from portal.views import paging
from portal.views.origins import depend_words, path_card
from portal.views.snippets import put_text
from portal.words import _

DEPLOY_SECONDS = 30


def page(model: str, version: str) -> None:
    """The page of one version."""
    title = f"{model} · {_('Version')} {version}"
    found = paging.opened(
        lambda: model_registry.model_card(who(), project(), model, version), title, _("All versions"), "version"
    )
    if found is None:
        return
    with header(title, _("A model version of project {name}").format(name=project())):
        paging.back(_("All versions"), "version")
        if may(Verb.WRITE):
            _alias(found)
            _describe(found)
        if may(Verb.DEPLOY):
            _deploy(found)
        if may(Verb.WRITE):
            _delete(found)
    _facts(found)
    path_card(Node(NodeKind.MODEL_VERSION, model, version))
    _card(found)


@st.fragment(run_every="5s")
def _facts(found: ModelCard) -> None:
    """Asked anew each time: aliases move while the page is open, by this person and by others."""
    with guard():
        one = found.version
        _told(replace(found, version=model_registry.get_model_version(who(), project(), one.model, one.version)))


def _told(found: ModelCard) -> None:
    one = found.version
    serves = [
        s.name for s in serving.list_services(who(), project()) if (s.model, s.live_version) == (one.model, one.version)
    ]
    services = ", ".join(f"[{name}]({address_of('services', service=name)})" for name in serves)
    run = f"[{one.run_id[:8]}]({address_of('experiments', tracking=one.run_id)})" if one.run_id else "–"
    facts(
        {
            _("Aliases"): ", ".join(f"`{alias}`" for alias in one.aliases) or "–", _("In service as"): services or _("not in service"),
            _("Made"): f"{age(one.created_at)}", _("At"): when(one.created_at), _("Made by run"): run,
        }
    )  # fmt: skip
    if found.lacks:
        st.warning(
            _("It cannot be put into service: it has no {what}.").format(what=_(found.lacks)), icon=":material/warning:"
        )
        st.caption(_("Log it so, with all that serving needs; it becomes the model's next version:"))
        st.code(put_text(project(), one.model), language="python")


def _alias(found: ModelCard) -> None:
    one, aliases = found.version, found.model.aliases
    with popover(_("Alias"), "label", "alias-of"):
        with st.form("alias", border=False):
            alias = st.text_input(_("Alias"), "champion", max_chars=100).strip()
            leads = ", ".join(f"{name} → {version}" for name, version in aliases.items()) or _("none yet")
            st.caption(_("Now: {aliases}").format(aliases=leads))
            following = [
                f"{service.name} ({service.wanted_version})" for service in serving.list_services(who(), project())
                if service.model == one.model and not service.wanted_version.isdigit()
            ]  # fmt: skip
            if following:
                told = _("Services follow their alias at once, after a first good answer: {services}")
                st.caption(f":orange[:material/warning: {told.format(services=', '.join(following))}]")
            if st.form_submit_button(_("Move the alias here"), type="primary"):
                with guard():
                    expected = aliases.get(alias, "")
                    model_registry.set_alias(who(), project(), one.model, alias, one.version, expected)
                    say_after(_("{alias} leads to version {version} now.").format(alias=alias, version=one.version))
                    st.rerun()
        for alias in one.aliases:
            if st.button(_("Take {alias} away").format(alias=alias), key=f"take-{alias}"):
                with guard():
                    model_registry.delete_alias(who(), project(), one.model, alias)
                    st.rerun()


def _describe(found: ModelCard) -> None:
    one = found.version
    with popover(_("Describe"), "edit", "describe"):
        with st.form("describe-version", border=False):
            words = st.text_area(_("What is special about it? (Markdown)"), one.description, max_chars=5000)
            if st.form_submit_button(_("Save"), type="primary"):
                with guard():
                    model_registry.describe_model_version(who(), project(), one.model, one.version, words)
                    say_after(_("Saved."))
                    st.rerun()
        with st.form("tag-version", border=False):
            key, value = st.text_input(_("Tag"), max_chars=250), st.text_input(_("Value"), max_chars=5000)
            if st.form_submit_button(_("Set the tag")):
                with guard():
                    model_registry.tag_model_version(who(), project(), one.model, one.version, key.strip(), value)
                    say_after(_("The tag is set."))
                    st.rerun()


def _deploy(found: ModelCard) -> None:
    one = found.version
    with st.popover(_("Put into service"), icon=":material/rocket_launch:"), st.form("deploy", border=False):
        service = st.text_input(_("Service"), one.model, max_chars=30, help=_("a-z, 0-9 and dashes"))
        taken = [one.name for one in serving.list_services(who(), project())]
        if taken:
            told = _(
                "Services there are: {names}. A name of these gives that service this version; another name makes a new one."
            )
            st.caption(told.format(names=", ".join(taken)))
        alias = st.selectbox(_("It serves"), [one.version, *one.aliases], format_func=_served)
        if st.form_submit_button(_("Put into service"), type="primary"):
            with guard(), st.spinner(_("The platform asks it a first question")):
                made = serving.deploy(who(), project(), service.strip(), one.model, alias, DEPLOY_SECONDS)
                if made.message:
                    st.error(plain(made.message), icon=":material/error:")
                else:
                    st.success(f"{made.name}: {state_word(made.state)}", icon=":material/check_circle:")
                link_to("services", service=made.name)


def _served(word: str) -> str:
    return (
        _("always version {n}, also when aliases move").format(n=word)
        if word.isdigit()
        else _("the alias {name}, wherever it leads").format(name=word)
    )


def _delete(found: ModelCard) -> None:
    one = found.version
    depends = depend_words(model_registry.version_dependents(who(), project(), one.model, one.version))
    question = _("Delete version {version} of **{name}**? This cannot be undone.").format(
        version=one.version, name=one.model
    )
    if one.aliases:
        question += "\n\n" + _("Aliases lead to it ({names}); move them to another version first.").format(
            names=", ".join(one.aliases)
        )
    if confirmed(_("Delete"), f"{question}\n\n{depends}", "delete-version", sure=_("Delete for good")):
        with guard():
            model_registry.delete_model_version(who(), project(), one.model, one.version)
            say_after(_("Version {version} is deleted.").format(version=one.version))
            st.query_params.pop("version", None)
            st.rerun()


def _card(found: ModelCard) -> None:
    one = found.version
    with card(_("Model card")):
        st.markdown(one.description or found.model.description or f":gray[{_('No description yet.')}]")
        figures, inputs, outputs = st.tabs([_("Figures"), _("What it takes"), _("What it gives")])
        with figures:
            rows: list[list[Cell | str]] = [[name, f"{value:.6g}"] for name, value in found.metrics.items()]
            if rows:
                table(
                    "card-metrics",
                    [Column(_("Metric")), Column(_("Value"), "number")],
                    rows,
                    _("Figures of the run that made it"),
                )
            else:
                st.caption(_("Nothing was logged."))
        with inputs:
            heads = [Column(_("Input")), Column(_("Type"), "code"), Column(_("Allowed"))]
            rows = [
                [name, str(about.get("type", "")), model_registry.allowed(about)]
                for name, about in found.inputs.items()
            ]
            table("card-inputs", heads, rows, _("What the model takes"))
        with outputs:
            table("card-outputs", [Column(_("Output"))], [[name] for name in found.outputs], _("What the model gives"))
        st.download_button(_("Download as Markdown"), found.markdown, f"{one.model}-{one.version}.md", "text/markdown",
                           icon=":material/download:")  # fmt: skip
