"""Services: what is wanted and what is there, a form to try it, requests, snippets."""

import json
from typing import Any

import streamlit as st

import serving
from atrium.identity import Verb
from atrium.names import model_name
from atrium.settings import get_settings
from portal.session import may, project, who
from portal.ui import age, card, empty, guard, header, snippet, state, why_section
from portal.words import _


def page() -> None:
    """The services."""
    with header(_("Services"), _("Models that answer requests over KServe's v2 protocol (Triton)")):
        pass
    with guard():
        found = serving.list_services(who(), project())
        if not found:
            empty("rocket_launch", _("No services yet"), _("Put a model version into service on the page Models."))
        for one in found:
            _service(one.name)
            why_section(f"service/{one.name}")
            _try(one)
            _snippets(one)


@st.fragment(run_every="5s")
def _service(name: str) -> None:
    with guard(), card(name):
        one = serving.get_service(who(), project(), name)
        row = st.columns(4, gap="small")
        for column, (title, value) in zip(
            row,
            (
                (_("Wanted"), f"{one.model} · {one.wanted_version}"),
                (_("There is"), f"{state(one.state)} {('v' + one.live_version) if one.live_version else ''}"),
                (_("Changed"), f"{one.changed_by} · {age(one.changed_at)}"),
                (_("Checked"), age(one.checked_at)),
            ),
            strict=True,
        ):
            column.caption(title)
            column.markdown(value)
        if one.message:
            st.error(one.message, icon=":material/error:")
        figures = serving.service_figures(who(), project(), name)
        mean = f" · {figures.mean_milliseconds:.2f} ms" if figures.mean_milliseconds else ""
        st.caption(
            _("Last 24 hours: {good} answered, {bad} refused or failed").format(
                good=f"{figures.succeeded:,}", bad=figures.failed
            )
            + mean
        )
        minutes = serving.figures_by_minute(who(), project(), name)
        if minutes:
            table = {
                "minute": [one[0] for one in minutes],
                _("answered"): [one[1] for one in minutes],
                _("refused"): [one[2] for one in minutes],
            }
            st.bar_chart(
                table,
                x="minute",
                y=[_("answered"), _("refused")],
                x_label="",
                y_label=_("requests a minute"),
                height=180,
            )
        if may(Verb.DEPLOY) and st.button(_("Take out of service"), key=f"undeploy-{name}", icon=":material/block:"):
            serving.undeploy(who(), project(), name)
            st.rerun(scope="app")


def _field(name: str, check: dict[str, Any], example: Any) -> Any:
    title = str(check.get("title") or name)
    if check.get("categories"):
        options = [str(one) for one in check["categories"]]
        return st.selectbox(
            title, options, index=options.index(str(example)) if str(example) in options else 0, help=name
        )
    label = f"{title} ({check['unit']})" if check.get("unit") else title
    if isinstance(example, (int, float)):
        return st.number_input(label, value=float(example), help=name)
    return st.text_input(label, str(example), help=name)


def _try(one: serving.ServiceView) -> None:
    if not one.live_version or one.metadata.get("kind") == "image":
        return
    with (
        st.expander(_("Try {name}").format(name=one.name), icon=":material/play_arrow:"),
        st.form(f"try-{one.name}", border=False),
    ):
        checks = one.metadata.get("inputs") or {}
        example = serving.example_rows(one.example, 1)[0]
        columns = st.columns(3, gap="small")
        row = {}
        for number, (name, value) in enumerate(example.items()):
            with columns[number % 3]:
                row[name] = _field(name, checks.get(name) or {}, value)
        if st.form_submit_button(_("Ask"), type="primary"):
            with guard():
                answer = serving.try_service(who(), project(), one.name, [row])[0]
                st.json(answer)


def _snippets(one: serving.ServiceView) -> None:
    settings, name = get_settings(), model_name(one.project, one.name)
    address = settings.public_url.split("://")[1]
    columns = serving.columns_of(one.signature)
    first = serving.example_rows(one.example, 1)[0]
    inputs = ",\n    ".join(
        f'{{"name": "{c["name"]}", "shape": {[1, *c["shape"]]}, "datatype": "{c["datatype"]}", "data": {_json(first[c["name"]])}}}'
        for c in columns
    )
    snippet(
        "curl",
        f'curl -H "Authorization: Bearer $TOKEN" {one.address}/infer -d \'{{"inputs": [\n    {inputs}]}}\'',
        "bash",
    )
    for kind in ("http", "grpc"):
        snippet(
            f"tritonclient {kind}",
            f'import tritonclient.{kind} as triton\n\nclient = triton.InferenceServerClient("{address}")\nheaders = {{"authorization": f"Bearer {{TOKEN}}"}}\n'
            f'print(client.get_model_metadata("{name}", headers=dict(headers)))',
        )


def _json(value: Any) -> str:

    return json.dumps(value if isinstance(value, list) else [value])
