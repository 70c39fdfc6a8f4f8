"""What pages are made of."""

from portal.ui.cards import age, card, empty, header, number, snippet, state
from portal.ui.errors import guard, show_error
from portal.ui.graph import draw_graph

__all__ = ["age", "card", "draw_graph", "empty", "guard", "header", "number", "show_error", "snippet", "state"]
