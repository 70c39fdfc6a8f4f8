"""The theme's pairs of colours can be told apart: WCAG 2.2 AA, 4.5 for words and 3 for shapes, in light and in dark."""

import re
import tomllib

import pytest
from support import CHECKOUT

from serving.demos import theme as demos
from tenancy.gate.pages import STYLE

CONFIG = tomllib.loads((CHECKOUT / "portal" / ".streamlit" / "config.toml").read_text())["theme"]
SHEET = (CHECKOUT / "portal" / "ui" / "style.css").read_text()
WORDS, SHAPES, FADED = 4.5, 3.0, 0.6
COLOURED = ("red", "orange", "yellow", "blue", "green", "violet", "gray")
Colour = tuple[float, float, float]


def colour(text: str) -> Colour:
    digits = text.lstrip("#")
    digits = "".join(letter * 2 for letter in digits) if len(digits) == 3 else digits
    red, green, blue = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return red, green, blue


def over(front: Colour, back: Colour, share: float) -> Colour:
    red, green, blue = (share * one + (1 - share) * other for one, other in zip(front, back, strict=True))
    return red, green, blue


def luminance(found: Colour) -> float:
    red, green, blue = (one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4 for one in found)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Colour, other: Colour) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_black_on_white_is_twenty_one() -> None:
    assert contrast(colour("#000"), colour("#ffffff")) == pytest.approx(21)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_words_of_the_portal_can_be_read(mode: str) -> None:
    theme = CONFIG[mode]
    backs = [theme["backgroundColor"], theme["secondaryBackgroundColor"], theme["sidebar"]["backgroundColor"]]
    words = ["textColor", "linkColor", "primaryColor", *(f"{one}TextColor" for one in COLOURED)]
    found = {(name, back): contrast(colour(theme[name]), colour(back)) for name in words for back in backs}
    for back in backs:
        faded = over(colour(theme["textColor"]), colour(back), FADED)
        found["faded", back] = contrast(faded, colour(back))
    found["code", ""] = contrast(colour(theme["codeTextColor"]), colour(theme["codeBackgroundColor"]))
    assert {pair: round(value, 2) for pair, value in found.items() if value < WORDS} == {}


@pytest.mark.parametrize(("mode", "place"), [("light", 0), ("dark", 1)])
def test_words_on_the_chief_button_can_be_read(mode: str, place: int) -> None:
    words = re.search(r"light-dark\((#\w+), (#\w+)\)", SHEET)
    assert words
    assert contrast(colour(words.groups()[place]), colour(CONFIG[mode]["primaryColor"])) >= WORDS


def _ruled(selector: str, place: int) -> dict[str, Colour]:
    """The colours that the sheet's rule whose selector holds `selector` sets, by property."""
    rule = re.search(rf"{re.escape(selector)}[^{{}}]*\{{([^}}]*)\}}", SHEET)
    assert rule, selector
    pairs = re.findall(r"([\w-]+): light-dark\((#\w+), (#\w+)\)", rule[1])
    return {name: colour(both[place]) for name, *both in pairs}


@pytest.mark.parametrize("place", [0, 1])
def test_words_on_a_chief_button_that_is_pointed_at_can_be_read(place: int) -> None:
    found = _ruled("):is(:hover, :active, :focus-visible)", place)
    assert contrast(found["color"], found["background-color"]) >= WORDS


@pytest.mark.parametrize(("mode", "place"), [("light", 0), ("dark", 1)])
def test_words_of_an_opened_menu_can_be_read(mode: str, place: int) -> None:
    theme = CONFIG[mode]
    backs = [theme["backgroundColor"], theme["secondaryBackgroundColor"], theme["sidebar"]["backgroundColor"]]
    words = _ruled('[aria-expanded="true"])', place)["color"]
    assert [back for back in backs if contrast(words, colour(back)) < WORDS] == []


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_shapes_of_charts_stand_out(mode: str) -> None:
    back = colour(CONFIG[mode]["backgroundColor"])
    weak = [one for one in CONFIG[mode]["chartCategoricalColors"] if contrast(colour(one), back) < SHAPES]
    assert weak == []


@pytest.mark.parametrize("place", [0, 1])
def test_words_and_edges_of_the_gates_pages_can_be_seen(place: int) -> None:
    pairs = {name: found for name, *found in re.findall(r"--(\w+):light-dark\((#\w+),(#\w+)\)", STYLE)}
    found = {name: colour(both[place]) for name, both in pairs.items()}
    for words in ("ink", "soft", "bad", "good"):
        assert contrast(found[words], found["card"]) >= WORDS, words
    assert contrast(found["on"], found["fill"]) >= WORDS
    assert contrast(found["edge"], found["bg"]) >= SHAPES


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_words_of_the_demos_can_be_read(mode: str) -> None:
    found = {name: colour(value) for name, value in demos.COLOURS[mode].items()}
    for words in ("text", "soft", "warn"):
        assert contrast(found[words], found["block"]) >= WORDS, words
    for fill in ("fill", "hover"):
        assert contrast(found["on"], found[fill]) >= WORDS, fill
    assert contrast(found["fill"], found["back"]) >= SHAPES
