"""Tables with states, links, numbers and buttons in their cells; on a narrow screen each row becomes a small card."""

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
    """What a person clicked: the row's id, and `open` for its link or the action of a button."""

    row: str
    action: str


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


def table(
    key: str, columns: Sequence[Column], rows: Sequence[Sequence[Cell | str]], alt: str, chosen: int | None = None
) -> Clicked | None:
    """Draws a table; returns what was just clicked in it, else None.

    `key` names the table within its page; a cell that is a plain string is a text; `alt` tells what the table holds, for
    those who do not see it; the row of number `chosen` stands out.
    """
    shown = [
        {"cells": [(one if isinstance(one, Cell) else text(one)).said for one in row], "chosen": number == chosen}
        for number, row in enumerate(rows)
    ]
    heads = [{"title": one.title, "look": one.look, "phone": one.phone} for one in columns]
    found = mounted("table")(
        key=key, data={"columns": heads, "rows": shown, "alt": alt}, on_clicked_change=lambda: None
    )
    clicked = found.get("clicked")
    return Clicked(str(clicked["row"]), str(clicked["action"])) if clicked else None
