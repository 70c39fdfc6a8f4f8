"""A path of things by kind: what leads to a thing, and what it leads to."""

from collections.abc import Sequence
from dataclasses import dataclass

from portal.ui.frontend import mounted
from portal.ui.panels import Clicked
from portal.words import _

MOST_SHOWN = 4


@dataclass(frozen=True)
class Thing:
    """One thing of a path: its id within it, its words, more of them under the pointer, its page's address where it has one."""

    id: str
    text: str
    title: str = ""
    href: str = ""
    current: bool = False


def path(key: str, levels: Sequence[tuple[str, Sequence[Thing]]], alt: str) -> Clicked | None:
    """Draws things by kind (a title with its things), left to right; returns the one that was just clicked, else None.

    A kind shows 4 things, and a button for the others. `key` names the path within its page, `alt` tells what it is.
    """
    shown = [
        {"title": title, "more": _("and {n} more").format(n=len(things) - MOST_SHOWN), "things": [vars(one) for one in things]}
        for title, things in levels
    ]  # fmt: skip
    data = {"levels": shown, "most": MOST_SHOWN, "alt": alt}
    clicked = mounted("path")(key=key, data=data, on_clicked_change=lambda: None).get("clicked")
    return Clicked(str(clicked["row"]), str(clicked["action"])) if clicked else None
