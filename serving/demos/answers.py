"""A model's outputs in words that a person without training in statistics understands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from serving.demos.words import Tongue, how_likely, say
from serving.rows import input_title

BINARY = 2


@dataclass(frozen=True)
class Answer:
    """`html` for the page, `text` for the record, `classes` with their probabilities where there are several."""

    html: str
    text: str
    classes: Mapping[str, float]


def _probabilities(outputs: Mapping[str, object]) -> tuple[str, list[float]] | None:
    for name, value in outputs.items():
        if isinstance(value, list) and len(value) >= BINARY and all(isinstance(one, float | int) for one in value):
            return name, [float(one) for one in value]
    return None


def _names(about: Mapping[str, object], count: int) -> list[str]:
    given = about.get("classes")
    if isinstance(given, Sequence) and not isinstance(given, str) and len(given) == count:
        return [str(one) for one in given]
    return [str(number) for number in range(count)]


def _card(heading: str, big: str, small: str, share: float | None) -> str:
    bar, shown = "", f'<div class="atrium-big">{escape(big)}</div>' if big else ""
    if share is not None:
        bar = f'<div class="atrium-bar"><div style="width:{share * 100:.1f}%"></div></div>'
    return (
        f'<div class="atrium-answer" role="status"><div class="atrium-heading">{escape(heading)}</div>'
        f'{shown}{bar}<div class="atrium-small">{escape(small)}</div></div>'
    )


def _binary(language: Tongue, title: str, names: list[str], share: float, version: str) -> Answer:
    percent = round(share * 100)
    big = f"{percent} % · {how_likely(language, share)}"
    small = f"{say(language, 'of_100', count=percent)} {say(language, 'version', version=version)}"
    classes = dict(zip(names, (1 - share, share), strict=True))
    return Answer(_card(title, big, small, share), f"{title}: {percent} %", classes)


def _several(language: Tongue, names: list[str], shares: list[float], version: str) -> Answer:
    best = max(range(len(shares)), key=shares.__getitem__)
    percent = round(shares[best] * 100)
    stop = "。" if language == "zh" else ". "
    small = f"{percent} % · {how_likely(language, shares[best])}{stop}{say(language, 'version', version=version)}"
    return Answer(
        _card("", names[best], small, None), f"{names[best]} ({percent} %)", dict(zip(names, shares, strict=True))
    )


def in_words(
    language: Tongue, outputs: Mapping[str, object], about: Mapping[str, Mapping[str, object]], version: str
) -> Answer:
    """The answer: of two classes the probability of the second, of several the likeliest, else the number itself."""
    found = _probabilities(outputs)
    if found:
        name, shares = found
        said = about.get(name) or {}
        names = _names(said, len(shares))
        if len(shares) == BINARY:
            title = str((said.get("title_zh") if language == "zh" else "") or said.get("title") or names[1])
            return _binary(language, title, names, shares[1], version)
        return _several(language, names, shares, version)
    name, value = next(iter(outputs.items()))
    said = about.get(name) or {}
    unit = (said.get("unit_zh") if language == "zh" else "") or said.get("unit")
    unit = f" {unit}" if unit else ""
    shown = f"{value:,.2f}{unit}" if isinstance(value, float) else f"{value}{unit}"
    title = input_title(
        name, {key: value for key, value in said.items() if not key.startswith("unit")}, language == "zh"
    )
    return Answer(_card(title, shown, say(language, "version", version=version), None), f"{title}: {shown}", {})


def waiting(language: Tongue) -> str:
    """What stands in the answer's place before the first question."""
    return _card(say(language, "yet"), "", say(language, "yet_more"), None)


def _stop(part: str) -> str:
    return "。" if any("\u4e00" <= letter <= "\u9fff" for letter in part) else "."


def refused(asked: str, allowed: str, step: str) -> str:
    """A refusal for the page: what was asked, what is allowed, the next step."""
    more = " ".join(f"{part[:1].upper()}{part[1:].rstrip('.。')}{_stop(part)}" for part in (allowed, step) if part)
    return (
        f'<div class="atrium-answer atrium-refused" role="alert"><div class="atrium-heading">{escape(asked)}</div>'
        f'<div class="atrium-small">{escape(more)}</div></div>'
    )
