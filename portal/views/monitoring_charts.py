"""The charts of the Monitoring page: the last hour or day, as the worker drew them last."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import streamlit as st

import monitoring
from monitoring import ChartLine, Charts
from portal.session import project, who
from portal.ui import age, card, empty, guard, lines, state_word
from portal.words import _

MIB, GIB = 2.0**20, 2.0**30
MOST_LINES = 5
HEIGHT = 240
NARROWEST = 260


@st.fragment(run_every="15s")
def charts() -> None:
    """Services first, then the machine."""
    with guard():
        spans = {"hour": _("Last hour"), "day": _("Last day")}
        row = st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute")
        with row:
            span = st.segmented_control(
                _("Time"), list(spans), format_func=spans.__getitem__, default="hour", required=True, key="span",
                label_visibility="collapsed", width="content",
            )  # fmt: skip
        found = monitoring.charts(who(), project(), str(span))
        if found is None:
            empty("monitoring", _("No charts yet"), _("The first is drawn within a minute after the start."))
            return
        asked = "Prometheus" if found.answerer == "prometheus" else _("the built-in sampler")
        row.caption(_("Measured by {who}, drawn {age}").format(who=asked, age=age(found.at)), width="content")
        if found.note:
            st.warning(found.note, icon=":material/info:")
        _all(found, str(span))


def _all(found: Charts, span: str) -> None:
    drawn, quiet = found.lines, _("No requests to this project's services in this time")
    latency = [ChartLine({"service": f"{_service(line)} {name}"}, line.values) for name in ("p50", "p95")
               for line in drawn[name]]  # fmt: skip
    if not any(value for line in drawn["requests"] for _at, value in line.values):
        with card(_("Services")):
            st.caption(quiet)
    else:
        with st.grid(3, min_column_width=NARROWEST, gap=12):
            _chart("requests", span, _("Requests to services"), _("per second"), drawn["requests"], _service, 1, quiet)
            _chart(
                "errors",
                span,
                _("Errors of services"),
                _("per second"),
                drawn["errors"],
                _service,
                1,
                _("No errors in this time"),
            )
            _chart("latency", span, _("Latency of services"), "ms", latency, _service, 1000, quiet)
    with st.grid(3, min_column_width=NARROWEST, gap=12):
        _chart("door", span, _("Requests to the front door"), _("per second"), drawn["door"], _class)
        _chart("steps", span, _("Steps of runs"), "", drawn["steps"], _phase)
        _chart("disk", span, _("Free on the disk"), "GiB", drawn["disk"], lambda _line: _("free"), 1 / GIB)
    with st.grid(2, min_column_width=NARROWEST, gap=12):
        _chart("memory", span, _("Memory"), "MiB", drawn["memory"], _component, 1 / MIB)
        _chart("cpu", span, _("CPU"), _("cores"), drawn["cpu"], _component)


def _service(line: ChartLine) -> str:
    return line.labels.get("service", "")


def _component(line: ChartLine) -> str:
    return line.labels.get("component", "")


def _class(line: ChartLine) -> str:
    return line.labels.get("code_class", "")


def _phase(line: ChartLine) -> str:
    return state_word(line.labels.get("phase", ""))


def _kept(found: Sequence[tuple[str, ChartLine]]) -> list[tuple[str, list[tuple[float, float]]]]:
    """The lines with the largest values, by name; where there are many, the rest are summed; lines of zeros only if all are."""
    told = [pair for pair in found if any(value for _at, value in pair[1].values)] or list(found[:1])
    ordered = sorted(told, key=lambda pair: -max(value for _at, value in pair[1].values))
    shown = sorted((title, line.values) for title, line in ordered[:MOST_LINES])
    rest: dict[float, float] = {}
    for _title, line in ordered[MOST_LINES:]:
        for at, value in line.values:
            rest[at] = rest.get(at, 0.0) + value
    return [*shown, (_("others"), sorted(rest.items()))] if rest else shown


def _chart(
    key: str, span: str, title: str, unit: str, found: Sequence[ChartLine], name: Callable[[ChartLine], str],
    times: float = 1.0, nothing: str = "",
) -> None:  # fmt: skip
    """One titled chart of lines, each named by `name`, its values times `times`; `nothing` where there are none."""
    shown = _kept([(name(line), line) for line in found if line.values])
    with card():
        st.markdown(f"**{title}**" + (f" :gray[{unit}]" if unit else ""))
        if not shown or (nothing and not any(value for _title, values in shown for _at, value in values)):
            with st.container(height=HEIGHT, border=False, vertical_alignment="center", horizontal_alignment="center"):
                st.caption(nothing or _("Nothing measured yet"), width="content")
            return
        rows = [
            {"at": datetime.fromtimestamp(at, UTC).isoformat(), "value": float(f"{value * times:.4g}"), "line": label}
            for label, values in shown
            for at, value in values
        ]
        told = {"at": _("At"), "line": _("Name"), "value": f"{title}, {unit}" if unit else title}
        lines(rows, "at", "value", "line", told, f"{title}, {unit}", HEIGHT, key=f"chart-{key}-{span}")
