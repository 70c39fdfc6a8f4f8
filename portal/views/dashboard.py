"""A project in a business user's words: its models' use and quality; of flights their delays by airport, airline, hour and month."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import streamlit as st

import feature_store
import model_registry
import serving
from atrium.clock import now
from portal.session import project, who
from portal.ui import Column, bars, card, empty, guard, header, lines, link_to, numbers, table, text
from portal.views.first_steps import note_dashboard_seen
from portal.views.models_in_use import made_by, models_in_use, not_answered
from portal.words import _

NEEDED = ("flights", "airlines", "airports")
CUBE = """
SELECT f.origin, a.name AS airline, f.month, f.hour, count(*) AS flights, sum((f.dep_time IS NULL)::int) AS cancelled,
    sum((f.arr_delay IS NOT NULL)::int) AS arrived, sum((f.arr_delay > 30)::int) AS late, sum(f.arr_delay) AS delay
FROM flights f JOIN airlines a USING (carrier) GROUP BY ALL
"""
AIRPORTS = "SELECT faa, name FROM airports WHERE faa IN (SELECT DISTINCT origin FROM flights)"
MOST_CELLS, FEWEST_FLIGHTS, FEWEST_FORECASTS = 10_000, 100, 50
MODEL, BASELINE, HOURS = "boosting", "baseline", 24
TALL = 390  # pixels of the charts whose bars lie, side by side: a month's has no hole below it


@dataclass(frozen=True)
class Cut:
    """Flights that share an airport, airline, month and hour: how many, cancelled, arrived, late, and minutes of delay."""

    origin: str
    airline: str
    month: int
    hour: int
    flights: int
    cancelled: int
    arrived: int
    late: int
    delay: float


@dataclass
class Sum:
    """Sums over some cuts."""

    flights: int = 0
    cancelled: int = 0
    arrived: int = 0
    late: int = 0
    delay: float = 0.0

    def add(self, cut: Cut) -> None:
        """Takes a cut in."""
        self.flights += cut.flights
        self.cancelled += cut.cancelled
        self.arrived += cut.arrived
        self.late += cut.late
        self.delay += cut.delay

    @property
    def late_percent(self) -> float:
        """Share of arrived flights that were over 30 minutes late, in percent."""
        return 100 * self.late / self.arrived if self.arrived else 0.0

    @property
    def mean_minutes(self) -> float:
        """Mean arrival delay, in minutes; early arrivals count as negative."""
        return self.delay / self.arrived if self.arrived else 0.0


@st.cache_data(ttl=3600, max_entries=20, show_spinner=False)
def _cube(here: str, version: int) -> list[Cut]:
    rows = feature_store.query(who(), here, CUBE, limit=MOST_CELLS).rows
    return [
        Cut(str(origin), str(airline), int(month), int(hour), flights, int(gone), int(arrived), int(late or 0), float(delay or 0))
        for origin, airline, month, hour, flights, gone, arrived, late, delay in rows
    ]  # fmt: skip


@st.cache_data(ttl=3600, max_entries=20, show_spinner=False)
def _airports(here: str, version: int) -> dict[str, str]:
    return {str(row[0]): str(row[1]) for row in feature_store.query(who(), here, AIRPORTS).rows}


@st.cache_data(ttl=3600, max_entries=50, show_spinner=False)
def _calibration(here: str, run: str) -> list[dict[str, float]]:
    """A run's calibration by tenth of forecasts, as its pipeline logged it; empty where it logged none."""
    paths = {one.path for one in model_registry.list_artifacts(who(), here, run, "plots")}
    if "plots/calibration.json" not in paths:
        return []
    found = json.loads(model_registry.read_artifact(who(), here, run, "plots/calibration.json"))
    return [dict(zip(found["columns"], row, strict=True)) for row in found["data"]]


Judged = model_registry.TrackingRunSummary | model_registry.TrackingRunView


def page() -> None:
    """The dashboard."""
    here = project()
    versions: dict[str, int] = {}
    with guard():
        versions |= {one.name: one.version for one in feature_store.list_datasets(who(), here)}
    there = all(name in versions for name in NEEDED)
    lead = (
        _("Flights from New York in 2013: how late they arrive, and how well the model foresees it")
        if there
        else _("How much the project's models are asked, what people say of their answers, and how good they are")
    )
    live = False
    with header(_("Business dashboard"), lead), guard():
        if live := any(one.live_version for one in serving.list_services(who(), here)):
            link_to("demos", _("Ask the model"), "co_present")
    with guard():
        note_dashboard_seen()
        if there:
            _flights(here, versions)
        elif live:
            _today(here)
            models_in_use()
        else:
            told = _(
                "Once a model of this project is in service, its use, its judged answers and its quality stand here."
            )
            empty("insights", _("No model is in service yet"), told, "services", _("Open the services"))


def _flights(here: str, versions: dict[str, int]) -> None:
    _today(here)
    with st.spinner(_("Counting flights")):
        cube, airports = _cube(here, versions["flights"]), _airports(here, versions["airports"])
    _delays(cube, airports)
    _quality(here)


@st.fragment(run_every="10s")
def _today(here: str) -> None:
    with guard():
        visitor = who()
        today = serving.requests_today(visitor, here)
        right, wrong = serving.feedback_summary(visitor, here)
        live = [one for one in serving.list_services(visitor, here) if one.live_version]
        mean = f"{today.mean_milliseconds:.1f} ms" if today.mean_milliseconds else "–"
        numbers(
            (
                _("Questions to the model today"), f"{today.succeeded:,}",
                _("{told}; days in UTC").format(told=not_answered(today)),
            ),
            (_("Mean answer time today"), mean, _("inside the model server")),
            (
                _("Judged right by people"), f"{right / (right + wrong):.0%}" if right + wrong else "–",
                _("judged answers: {n}").format(n=f"{right + wrong:,}"),
            ),
            (_("Live models"), str(len(live)), ", ".join(f"{one.name} v{one.live_version}" for one in live) or "–"),
        )  # fmt: skip
        _by_hour(here, live)


def _by_hour(here: str, live: list[serving.ServiceView]) -> None:
    start = now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    counted = {start + timedelta(hours=passed): 0 for passed in range(HOURS)}
    for one in live:
        for minute, good, bad in serving.figures_by_minute(who(), here, one.name, minutes=HOURS * 60):
            hour = minute.replace(minute=0, second=0, microsecond=0)
            if hour in counted:
                counted[hour] += good + bad
    if not any(counted.values()):
        return
    with card(_("Questions to the model, last 24 hours"), _("Requests an hour, hours in UTC")):
        rows = [{"hour": f"{hour:%H:%M}", "requests": count} for hour, count in counted.items()]
        titles = {"hour": _("Hour"), "requests": _("Requests")}
        bars(rows, "hour", "requests", titles, _("Requests by hour"), height=140)


def _filtered(cube: list[Cut], airports: dict[str, str]) -> list[Cut]:
    """The cuts that the visitor's filters leave; the address keeps the filters."""
    airlines = sorted({cut.airline for cut in cube})
    months = sorted({cut.month for cut in cube})
    with st.grid(3, min_column_width=220):
        origins = st.multiselect(
            _("Airport of departure"), sorted(airports), format_func=lambda key: f"{key} · {airports.get(key, key)}",
            placeholder=_("All"), key="origin", bind="query-params",
        )  # fmt: skip
        carriers = st.multiselect(_("Airline"), airlines, placeholder=_("All"), key="airline", bind="query-params")
        first, last = st.select_slider(
            _("Months of 2013"), months, (months[0], months[-1]), key="months", bind="query-params"
        )
    return [
        cut for cut in cube
        if (not origins or cut.origin in origins) and (not carriers or cut.airline in carriers) and first <= cut.month <= last
    ]  # fmt: skip


def _month(number: int) -> str:
    """A month's short name."""
    names = (
        _("Jan"), _("Feb"), _("Mar"), _("Apr"), _("May"), _("Jun"), _("Jul"), _("Aug"), _("Sep"), _("Oct"), _("Nov"), _("Dec"),
    )  # fmt: skip
    return names[number - 1]


def _sums(cuts: Sequence[Cut], by: str) -> dict[Any, Sum]:
    found: dict[Any, Sum] = {}
    for cut in cuts:
        found.setdefault(getattr(cut, by), Sum()).add(cut)
    return found


@st.fragment
def _delays(cube: list[Cut], airports: dict[str, str]) -> None:
    st.subheader(_("Delays"), anchor=False)
    cuts = _filtered(cube, airports)
    whole = Sum()
    for cut in cuts:
        whole.add(cut)
    if not whole.arrived:
        st.info(_("No flight fits these filters; take one of them back."))
        return
    numbers(
        (_("Flights"), f"{whole.flights:,}", _("in this choice")),
        (_("More than 30 min late"), f"{whole.late_percent:.1f} %", _("of {n} that arrived").format(n=f"{whole.arrived:,}")),
        (_("Mean arrival delay"), _("{n} min").format(n=f"{whole.mean_minutes:.1f}"), _("early arrivals count as negative")),
        (_("Cancelled"), f"{100 * whole.cancelled / whole.flights:.1f} %", _("{n} flights").format(n=f"{whole.cancelled:,}")),
    )  # fmt: skip
    with st.grid(2, min_column_width=340, gap=12):
        _chart(_("By airport of departure"), {airports.get(key, key): one for key, one in _sorted(cuts, "origin")})
        _chart(_("By scheduled hour of departure"), {f"{key:02d}": one for key, one in _sorted(cuts, "hour")})
        _chart(_("By month"), {_month(key): one for key, one in _sorted(cuts, "month")}, lying=True)
        worst = sorted(_sums(cuts, "airline").items(), key=lambda pair: -pair[1].late_percent)
        few = ", ".join(key for key, one in worst if one.arrived < FEWEST_FLIGHTS)
        note = _("Not shown, as under {n} of their flights arrived: {names}").format(n=FEWEST_FLIGHTS, names=few)
        enough = {key: one for key, one in worst if one.arrived >= FEWEST_FLIGHTS}
        _chart(_("By airline"), enough, lying=True, note=note if few else "")


def _sorted(cuts: Sequence[Cut], by: str) -> list[tuple[Any, Sum]]:
    return sorted(_sums(cuts, by).items())


def _chart(title: str, sums: dict[str, Sum], lying: bool = False, note: str = "") -> None:
    with card(title, _("Share of flights more than 30 minutes late, in percent")):
        rows = [
            {
                "key": key, "late": round(one.late_percent, 1), "mean": round(one.mean_minutes, 1), "flights": one.arrived
            }
            for key, one in sums.items() if one.arrived
        ]  # fmt: skip
        titles = {"key": title, "late": _("Late, %"), "mean": _("Mean delay, min"), "flights": _("Flights")}
        bars(rows, "key", "late", titles, title, height=TALL if lying else 220, lying=lying, numbered=True)
        if note:
            st.caption(note)


def _quality(here: str) -> None:
    runs = model_registry.list_tracking_runs(who(), here, limit=50).items
    newest: dict[str, Judged] = {}
    for run in runs:
        if "test_roc_auc" in run.metrics:
            newest.setdefault(run.name, run)
    if used := _in_use(here):
        newest[MODEL] = used
    if not newest:
        return
    st.subheader(_("How well the model foresees delays"), anchor=False)
    names = {MODEL: _("Model in use"), BASELINE: _("Simple baseline")}
    with st.grid(2, min_column_width=340, gap=12):
        with card(_("Quality"), _("On November and December, which neither had seen")):
            _scores(newest, names)
        _calibrated(here, newest, names)


def _in_use(here: str) -> Judged | None:
    """The tracked run that made the version in service; None where none of them was judged."""
    for one in serving.list_services(who(), here):
        run = made_by(here, one)
        if run and "test_roc_auc" in run.metrics:
            return run
    return None


def _formed(form: str, value: float | None) -> str:
    return "–" if value is None else form.format(100 * value if "%" in form else value)


def _scores(newest: dict[str, Judged], names: dict[str, str]) -> None:
    shown = [key for key in (MODEL, BASELINE) if key in newest]
    meanings = {
        "test_roc_auc": ("ROC AUC", _("higher is better; 0.5 is chance, 1 is perfect"), "{:.3f}"),
        "test_log_loss": (_("Log loss"), _("lower is better"), "{:.3f}"),
        "test_brier": (_("Brier score"), _("lower is better"), "{:.3f}"),
        "test_calibration_error": (_("Calibration error"), _("lower is better; gap of forecast and truth"), "{:.1f} %"),
    }
    rows = []
    for metric, (title, meaning, form) in meanings.items():
        values = [newest[key].metrics.get(metric) for key in shown]
        rows.append([text(title), *(text(_formed(form, one)) for one in values), text(meaning)])
    columns = [
        Column(_("Measure")),
        *(Column(names.get(key, key), "number") for key in shown),
        Column(_("Meaning"), "soft"),
    ]
    table("quality", columns, rows, _("The model's quality beside the baseline's"))


def _calibrated(here: str, newest: dict[str, Judged], names: dict[str, str]) -> None:
    rows = [
        {"forecast": round(100 * one["forecast"], 1), "observed": round(100 * one["observed"], 1), "flights": one["rows"],
         "kind": names.get(key, key)}
        for key in (MODEL, BASELINE) if key in newest
        for one in _calibration(here, newest[key].id) if one["rows"] >= FEWEST_FORECASTS
    ]  # fmt: skip
    if not rows:
        return
    rows += [{"forecast": at, "observed": at, "flights": 0, "kind": _("Perfect")} for at in (0, 100)]
    lead = _("When it says 40 %, how many in 100 are late? Across: forecast, up: observed, both in percent")
    with card(_("Calibration"), lead):
        titles = {
            "kind": _("Model"),
            "forecast": _("Forecast, %"),
            "observed": _("Observed, %"),
            "flights": _("Flights"),
        }
        lines(rows, "forecast", "observed", "kind", titles, _("Calibration curves"), height=340, moments=False)
