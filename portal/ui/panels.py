"""Panels: big numbers in a row, and tables with states, links, numbers and buttons in their cells; as one piece of the page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from portal.ui.frontend import mounted
from portal.ui.states import state_word, tone
from portal.ui.times import Moment, age, when

Look = Literal["", "number", "soft", "short", "code", "actions"]


@dataclass(frozen=True)
class Column:
    """A column: its title, how its cells look, and whether narrow screens show it."""

    title: str = ""
    look: Look = ""
    phone: bool = True


@dataclass(frozen=True)
class Cell:
    """A cell, as the browser's part takes it."""

    said: dict[str, Any]


@dataclass(frozen=True)
class Clicked:
    """What a person clicked: the row's id, `open` for its link or the action of a button, and the table's name among panels."""

    row: str
    action: str
    table: str = ""


def text(value: object, title: str = "") -> Cell:
    """Plain text, with more of it under the pointer."""
    return Cell({"text": str(value), "title": title})


def ago(moment: Moment) -> Cell:
    """How long ago, with the moment itself under the pointer."""
    return text(age(moment), when(moment) if moment else "")


def status(word: str, title: str = "") -> Cell:
    """A state of the one vocabulary."""
    return Cell({"kind": "state", "text": state_word(word), "tone": tone(word), "title": title})


def link(words: str, row: str, href: str) -> Cell:
    """A link that opens within the page by a plain click and elsewhere as the browser is told."""
    return Cell({"kind": "link", "text": words, "id": row, "href": href})


def part(done: float, whole: float, words: str = "") -> Cell:
    """A part of a whole as a small bar and in numbers."""
    return Cell({"kind": "part", "share": done / whole if whole else 0.0, "text": words or f"{done:g}/{whole:g}"})


def badges(words: Iterable[str]) -> Cell:
    """Words in small frames, such as aliases."""
    return Cell({"kind": "badges", "words": list(words)})


def buttons(row: str, *actions: tuple[str, str]) -> Cell:
    """Buttons, each an action's name and its words."""
    made = [{"action": name, "text": words, "id": row, "label": f"{words}: {row}"} for name, words in actions]
    return Cell({"kind": "buttons", "buttons": made})


@dataclass(frozen=True)
class Panel:
    """A part of `panels`, as the browser's part takes it."""

    said: dict[str, Any]


def numbers_panel(*contents: tuple[str, str, str]) -> Panel:
    """Big numbers, as many beside each other as there is room: label, value with its unit, what it is compared with."""
    shown = [{"label": label, "value": value, "beside": beside} for label, value, beside in contents]
    return Panel({"kind": "numbers", "numbers": shown})


def table_panel(
    name: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell | str]],
    alt: str,
    title: str = "",
    lead: str = "",
    chosen: int | None = None,
) -> Panel:
    """A table, framed where it has a title.

    `name` tells it apart within its panels; a cell that is a plain string is a text; `alt` tells what the table holds, for
    those who do not see it; the row of number `chosen` stands out.
    """
    shown = [
        {"cells": [(one if isinstance(one, Cell) else text(one)).said for one in row], "chosen": number == chosen}
        for number, row in enumerate(rows)
    ]
    heads = [{"title": one.title, "look": one.look, "phone": one.phone} for one in columns]
    told = {"name": name, "alt": alt, "title": title, "lead": lead}
    return Panel({"kind": "table", "columns": heads, "rows": shown, **told})


def panels(key: str, *shown: Panel) -> Clicked | None:
    """Draws panels one below the other; returns what was just clicked in them, else None.

    One piece of browser code draws them all, which costs a page far less than a piece for each. `key` names them within their page.
    """
    if not shown:
        return None
    data = {"panels": [one.said for one in shown]}
    clicked = mounted("panels")(key=key, data=data, on_clicked_change=lambda: None).get("clicked")
    return Clicked(str(clicked["row"]), str(clicked["action"]), str(clicked["table"])) if clicked else None


def table(
    key: str, columns: Sequence[Column], rows: Sequence[Sequence[Cell | str]], alt: str, chosen: int | None = None
) -> Clicked | None:
    """Draws one table without a frame; returns what was just clicked in it, else None. The rest as `table_panel` has it."""
    return panels(key, table_panel(key, columns, rows, alt, chosen=chosen))


def numbers(*contents: tuple[str, str, str]) -> None:
    """Draws one row of big numbers, as `numbers_panel` has them. The first label names the row within its page."""
    panels(f"numbers-{contents[0][0]}", numbers_panel(*contents))
