"""The flights in a business user's words: delays by airport, airline and hour; the model's quality; today's use."""

from typing import Any

import streamlit as st

import feature_store
import model_registry
import serving
from portal.session import project, who
from portal.ui import card, empty, guard, header, number
from portal.words import _

NEEDED = "flights"
BY = {
    "origin": "SELECT origin AS key, avg(arr_delay) AS delay, avg((arr_delay > 30)::int) * 100 AS late, count(*) AS flights FROM flights "
    "WHERE arr_delay IS NOT NULL GROUP BY 1 ORDER BY 1",
    "carrier": "SELECT a.name AS key, avg(f.arr_delay) AS delay, avg((f.arr_delay > 30)::int) * 100 AS late, count(*) AS flights "
    "FROM flights f JOIN airlines a USING (carrier) WHERE f.arr_delay IS NOT NULL GROUP BY 1 HAVING count(*) > 500 ORDER BY late DESC",
    "hour": "SELECT hour AS key, avg(arr_delay) AS delay, avg((arr_delay > 30)::int) * 100 AS late, count(*) AS flights FROM flights "
    "WHERE arr_delay IS NOT NULL AND hour >= 5 GROUP BY 1 ORDER BY 1",
}


@st.cache_data(ttl=60, max_entries=50, show_spinner=False)
def _asked(project_name: str, what: str, version: int) -> list[tuple[Any, ...]]:
    return feature_store.query(who(), project_name, BY[what]).rows


def page() -> None:
    """The dashboard."""
    with header(
        _("Business dashboard"), _("Arrival delays of flights from New York, and how well the model foresees them")
    ):
        pass
    here = project()
    with guard():
        versions = {one.name: one.version for one in feature_store.list_datasets(who(), here)}
        if NEEDED not in versions or "airlines" not in versions:
            empty(
                "insights", _("No flights in this project"), _("Choose the project flights, or run its pipeline first.")
            )
            return
        _numbers(here)
        _delays(here, versions[NEEDED])
        _quality(here)


def _numbers(here: str) -> None:
    visitor = who()
    today = serving.requests_today(visitor, here)
    right, wrong = serving.feedback_summary(visitor, here)
    judged = right + wrong
    live = [one for one in serving.list_services(visitor, here) if one.state == "live"]
    contents = (
        (_("Questions to the model today"), f"{today.succeeded:,}", _("{n} refused or failed").format(n=today.failed)),
        (
            _("Mean answer time"),
            f"{today.mean_milliseconds:.1f} ms" if today.mean_milliseconds else "–",
            _("inside the model server"),
        ),
        (
            _("Judged right by people"),
            f"{right / judged:.0%}" if judged else "–",
            _("of {n} judged answers").format(n=judged),
        ),
        (_("Live models"), str(len(live)), ", ".join(f"{one.name} v{one.live_version}" for one in live) or "–"),
    )
    for column, content in zip(st.columns(4, gap="small"), contents, strict=True):
        with column:
            number(*content)


def _delays(here: str, version: int) -> None:
    titles = {"origin": _("Airport of departure"), "carrier": _("Airline"), "hour": _("Scheduled hour")}
    columns = st.columns(2, gap="small")
    for column, what in zip((columns[0], columns[1], st.container()), ("origin", "hour", "carrier"), strict=True):
        with column:
            rows = _asked(here, what, version)
            total = sum(row[3] for row in rows)
            with card(
                titles[what],
                _("Share of flights that arrive more than 30 minutes late, in percent; {n} flights").format(
                    n=f"{total:,}"
                ),
            ):
                table = {"key": [str(row[0]) for row in rows], "late": [round(row[2], 1) for row in rows]}
                st.bar_chart(
                    table,
                    x="key",
                    y="late",
                    x_label="",
                    y_label="",
                    height=240,
                    horizontal=what == "carrier",
                    sort=False,
                )


def _quality(here: str) -> None:
    runs = model_registry.list_tracking_runs(who(), here, limit=10).items
    judged = [run for run in runs if "test_roc_auc" in run.metrics]
    if not judged:
        return
    with card(
        _("How well the model foresees delays"),
        _("On November and December, which it never saw. ROC AUC: 50 % is chance, 100 % is perfect."),
    ):
        for run in judged[:2]:
            metrics = run.metrics
            st.markdown(
                f"**{run.params.get('model', run.name)}** · ROC AUC {metrics['test_roc_auc']:.1%} · log loss {metrics['test_log_loss']:.3f} · "
                f"{_('calibration error')} {metrics['test_calibration_error']:.1%}"
            )
