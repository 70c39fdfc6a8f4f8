"""What a business user sees of any project: its live models, how much they are asked, what people say, how good they were found."""

from collections.abc import Mapping

import streamlit as st

import model_registry
import serving
from portal import words
from portal.session import project, who
from portal.ui import Cell, Column, address_of, card, go_to, guard, link, table, text
from portal.words import _

DAY_MINUTES, MOST_METRICS = 24 * 60, 3
TEST = "test_"


def made_by(here: str, one: serving.ServiceView) -> model_registry.TrackingRunView | None:
    """The tracked run that made the version which a service serves; None where it serves none, or nobody knows."""
    if not one.live_version:
        return None
    version = model_registry.get_model_version(who(), here, one.model, one.live_version)
    return model_registry.get_tracking_run(who(), here, version.run_id) if version.run_id else None


def quality(metrics: Mapping[str, float]) -> str:
    """A run's first figures in one line: those on its test data, else those that it has."""
    named = {key.removeprefix(TEST): value for key, value in metrics.items() if key.startswith(TEST)} or metrics
    shown = [f"{key.replace('_', ' ')} {value:.3g}" for key, value in sorted(named.items())[:MOST_METRICS]]
    return " · ".join(shown) or "–"


def not_answered(figures: serving.Figures) -> str:
    """How many requests were refused and how many failed, in one line."""
    return _("{refused} refused, {failed} failed").format(refused=f"{figures.refused:,}", failed=f"{figures.failed:,}")


@st.fragment(run_every="10s")
def models_in_use() -> None:
    """The live models of the project, a row each; a row leads to the model's service."""
    with guard():
        live = [one for one in serving.list_services(who(), project()) if one.live_version]
        demos = {demo.name: demo.service for demo in serving.list_demos(who(), project())}
        said = serving.feedback_by_demo(who(), project())
        rows = [_row(one, {key: said[key] for key in said if demos.get(key) == one.name}) for one in live]
        columns = [
            Column(_("Model")), Column(_("Version"), "short"), Column(_("Questions, 24 hours"), "number"),
            Column(_("Judged right by people")), Column(_("Quality when it was made"), "soft"),
        ]  # fmt: skip
        with card(_("Models in use"), _("Quality is what the run that made the version measured")):
            clicked = table("models-in-use", columns, rows, _("The project's live models"))
        if clicked:
            go_to("services", service=clicked.row)


def _row(one: serving.ServiceView, said: Mapping[str, tuple[int, int]]) -> list[Cell | str]:
    here = project()
    asked = sum(
        good + bad for _minute, good, bad in serving.figures_by_minute(who(), here, one.name, minutes=DAY_MINUTES)
    )
    right, wrong = sum(good for good, _bad in said.values()), sum(bad for _good, bad in said.values())
    judged = _("{right} of {n} answers").format(right=f"{right:,}", n=f"{right + wrong:,}") if right + wrong else "–"
    run = made_by(here, one)
    title = str((words.language() == "zh_CN" and one.metadata.get("title_zh")) or one.metadata.get("title") or one.name)
    return [
        link(title, one.name, address_of("services", service=one.name)), text(one.live_version), text(f"{asked:,}"), judged,
        text(quality(run.metrics) if run else "–"),
    ]  # fmt: skip
