"""What pages are made of."""

from portal.ui.actions import ask_first, confirmed, popover, say_after, say_now
from portal.ui.cards import card, empty, facts, header, snippet
from portal.ui.charts import bars, lines
from portal.ui.code import code_editor
from portal.ui.errors import guard, plain, show_error
from portal.ui.graph import draw_graph
from portal.ui.links import address_of, go_to, link_to
from portal.ui.panels import (
    Cell,
    Clicked,
    Column,
    Panel,
    ago,
    badges,
    buttons,
    link,
    numbers,
    numbers_panel,
    panels,
    part,
    status,
    table,
    table_panel,
    text,
)
from portal.ui.path import Thing, path
from portal.ui.states import state, state_word, tone
from portal.ui.times import age, coming, dated, lasted, span, when
from portal.ui.why import draw_reasons, say, why_section

__all__ = [
    "Cell", "Clicked", "Column", "Panel", "Thing", "address_of", "age", "ago", "ask_first", "badges", "bars", "buttons", "card",
    "code_editor", "coming", "confirmed", "dated", "draw_graph", "draw_reasons", "empty", "facts", "go_to", "guard", "header", "lasted",
    "lines", "link", "link_to", "numbers", "numbers_panel", "panels", "part", "path", "plain", "popover", "say", "say_after", "say_now", "show_error",
    "snippet", "span", "state", "state_word", "status", "table", "table_panel", "text", "tone", "when", "why_section",
]  # fmt: skip
