"""Registered models: versions, what they take and give, where they came from; moving aliases, putting into service."""

import streamlit as st

import model_registry
import serving
from atrium.identity import Verb
from portal.session import may, project, who
from portal.ui import age, card, empty, guard, header, snippet
from portal.words import _


def page() -> None:
    """The models."""
    with header(_("Models"), _("Versions that may be served, and which of them is the champion (MLflow)")):
        pass
    with guard():
        models = model_registry.list_models(who(), project())
        if not models:
            empty("deployed_code", _("No models yet"), _("A pipeline registers them, or mlflow.register_model."))
            return
        name = st.selectbox(_("Model"), [one.name for one in models], key="model", bind="query-params")
        versions = model_registry.list_model_versions(who(), project(), name)
        for version in versions[:10]:
            _version(version)
        snippet("MLflow", f'import mlflow\n\nmodel = mlflow.onnx.load_model("models:/{name}@champion")')


def _version(version: model_registry.ModelVersionView) -> None:
    serves = [
        one
        for one in serving.list_services(who(), project())
        if one.model == version.model and one.live_version == version.version
    ]
    with card():
        row = st.columns([3, 3, 2, 2], vertical_alignment="center", gap="small")
        aliases = "".join(f" :violet-badge[{alias}]" for alias in version.aliases)
        row[0].markdown(f"**{_('Version')} {version.version}**{aliases}")
        row[1].caption(
            " · ".join([*(f"{key} {value}" for key, value in version.tags.items()), age(version.created_at)])
        )
        row[2].caption(", ".join(f"{_('serves')} {one.name}" for one in serves) or _("not in service"))
        with row[3]:
            if may(Verb.WRITE):
                _change(version)
        with st.expander(_("What it takes and gives")), guard():
            described = model_registry.describe_version(who(), project(), version.model, version.version)
            inputs = ((described.get("metadata") or {}).get("atrium") or {}).get("inputs") or {}
            st.table({_("Input"): list(inputs), _("Allowed"): [_allowed(check) for check in inputs.values()]})
            st.caption(f"{_('Made by run')} {version.run_id}")


def _allowed(check: dict[str, object]) -> str:
    if check.get("categories"):
        return ", ".join(str(one) for one in check["categories"])  # type: ignore[attr-defined]
    return f"{check.get('minimum', '–')} … {check.get('maximum', '–')} {check.get('unit', '')}"


def _change(version: model_registry.ModelVersionView) -> None:
    with st.popover(_("Change"), icon=":material/tune:"):
        alias = st.text_input(_("Alias"), "champion", key=f"alias-{version.version}")
        if st.button(_("Move the alias here"), key=f"move-{version.version}", type="primary"):
            with guard():
                model_registry.set_alias(who(), project(), version.model, alias, version.version)
                st.rerun()
        if may(Verb.DEPLOY):
            service = st.text_input(_("Service"), version.model, key=f"service-{version.version}")
            if st.button(_("Put into service"), key=f"deploy-{version.version}"):
                with guard():
                    serving.deploy(who(), project(), service, version.model, version.version)
                    st.success(_("Wanted; see the page Services for its state."))
