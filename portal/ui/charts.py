"""Charts of aggregated rows: no legend, no axis titles, the unit in the words above; drawn by Vega-Lite from a plain description."""

from collections.abc import Sequence
from datetime import datetime
from math import ceil
from typing import Any

import streamlit as st

GRID = {"grid": True, "tickCount": 4, "title": None, "domain": False, "ticks": False}
BARE = {"grid": False, "title": None, "domain": False, "ticks": False}
ROW_HEIGHT = 26
LEGEND_LETTERS = 26  # that stand in one row above a third of the page
LEGEND_ROW = 18  # pixels
CROWDED = 12  # bars beside each other, above which only some numbers have room
MOST_TICKS = 6
MOMENT = "%Y-%m-%d %H:%M"
INK = {"light": "#475467", "dark": "#98A2B3"}
ROOM = 1.12  # of the longest bar's length: its number stands beyond it


def _tooltip(named: dict[str, str]) -> list[dict[str, str]]:
    return [{"field": field, "title": title} for field, title in named.items()]


def bars(
    rows: Sequence[dict[str, Any]], name: str, value: str, titles: dict[str, str], alt: str, height: int = 240,
    lying: bool = False, key: str | None = None, numbered: bool = False,
) -> None:  # fmt: skip
    """A bar for each row, in the rows' order.

    The rows are aggregated, at most some dozens; `name` is the field of a bar's name and `value` that of its length;
    `titles` (title by field) is what the pointer shows. `lying` bars go from left to right, for long names; their chart
    is as high as the rows need. `numbered` bars have their value at their end.
    """
    names: dict[str, Any] = {
        "field": name,
        "type": "nominal",
        "sort": None,
        "axis": BARE | {"labelLimit": 180, "labelAngle": 0},
    }
    whole = all(isinstance(row[value], int) for row in rows)
    values: dict[str, Any] = {
        "field": value,
        "type": "quantitative",
        "axis": GRID | ({"tickMinStep": 1} if whole else {}),
    }
    shown = {"y": names, "x": values} if lying else {"x": names, "y": values}
    mark = {"type": "bar", "cornerRadiusEnd": 3, "height" if lying else "width": {"band": 0.72}}
    encoding = shown | {"tooltip": _tooltip(titles)}
    spec: dict[str, Any] = {"mark": mark, "encoding": encoding}
    if numbered:
        values["scale"] = {"domain": [0, ROOM * max(row[value] for row in rows) or 1]}
        ends = {"dx": 4, "align": "left"} if lying else {"dy": -4, "baseline": "bottom"}
        words = {
            "mark": {"type": "text", "fontSize": 10, "color": INK[st.context.theme.type or "light"]} | ends,
            "encoding": {
                "text": {
                    "field": value,
                    "type": "quantitative",
                    "format": ".0f" if len(rows) > CROWDED and not lying else ".1f",
                }
            },
        }
        spec = {"encoding": encoding, "layer": [{"mark": mark}, words]}
    tall = max(height, ROW_HEIGHT * len(rows)) if lying else height
    st.vega_lite_chart(list(rows), spec, height=tall, alt=alt, key=key)


def _ticks(moments: Sequence[str]) -> int:
    """How many marks an axis of time has: as there is room, and not more than minutes, which would be told twice."""
    first, last = datetime.fromisoformat(min(moments)), datetime.fromisoformat(max(moments))
    return max(1, min(MOST_TICKS, int((last - first).total_seconds() / 60)))


def lines(
    rows: Sequence[dict[str, Any]], at: str, value: str, kind: str, titles: dict[str, str], alt: str, height: int = 200,
    moments: bool = True, key: str | None = None,
) -> None:  # fmt: skip
    """A line for each value of the field `kind`, over moments (shown in UTC) or numbers; the legend stands above.

    The rows are aggregated, at most some thousands; their field `at` holds ISO moments, or numbers without `moments`;
    `titles` (title by field) is what the pointer shows.
    """
    across: dict[str, Any] = {"field": at, "type": "quantitative", "axis": BARE | {"tickCount": 5}}
    if moments:
        axis = BARE | {"format": "%H:%M", "tickCount": _ticks([str(row[at]) for row in rows]), "labelOverlap": True}
        across = {"field": at, "type": "temporal", "scale": {"type": "utc"}, "axis": axis}
        rows = [row | {"moment": f"{datetime.fromisoformat(row[at]):{MOMENT}}"} for row in rows]
        titles = {"moment" if field == at else field: title for field, title in titles.items()}
    names = {str(row[kind]) for row in rows}
    short = sum(map(len, names)) < LEGEND_LETTERS
    columns = 4 if short else 1 if len(names) <= 3 else 2
    legend = LEGEND_ROW * max(0, ceil(len(names) / columns) - 2)  # rows beyond two take nothing from the lines' room
    nothing = not any(row[value] for row in rows)  # else its axis would be told in millionths
    spec = {
        "mark": {"type": "line", "strokeWidth": 2, "point": {"size": 18, "filled": True}},
        "encoding": {
            "x": across,
            "y": {"field": value, "type": "quantitative", "axis": GRID}
            | ({"scale": {"domain": [0, 1]}} if nothing else {}),
            "color": {
                "field": kind,
                "type": "nominal",
                "sort": None,
                "legend": {
                    "orient": "top",
                    "title": None,
                    "offset": 8,
                    "padding": 0,
                    "rowPadding": 2,
                    "symbolSize": 60,
                    "columns": columns,
                    "labelLimit": 100 if columns == 2 else 240,
                },
            },
            "tooltip": _tooltip(titles),
        },
    }
    st.vega_lite_chart(list(rows), spec, height=height + legend, alt=alt, key=key)
