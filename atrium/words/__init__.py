"""What errors say, in the reader's language.

Errors are raised in English, with their values in them. Whoever shows one looks its text up among the catalogue's templates, in which
`{1}`, `{2}` stand for values, so that the same way serves pages, REST and texts that were kept in a table. A test holds every text
that the code raises together with the catalogue.
"""

import re
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent
LANGUAGES = ("zh_CN",)
ENGLISH = "en"
LONGEST = 2000  # characters that are looked up; a longer text is mostly somebody else's output
VALUE = re.compile(r"\{(\d+)\}")
WHOLE = "{asked}：{allowed}。下一步：{next_step}。"
NEXT = ". Next: "


def pattern(template: str) -> re.Pattern[str]:
    """What texts of a template look like; each group is a value."""
    return re.compile(VALUE.sub("(.+?)", re.sub(r"\\([{}])", r"\1", re.escape(template))), re.DOTALL)


@lru_cache
def catalogue(language: str) -> dict[str, str]:
    """Every template with its translation."""
    from babel.messages.pofile import read_po

    with (FOLDER / f"{language}.po").open("rb") as file:
        return {str(one.id): str(one.string) for one in read_po(file, locale=language) if one.id}


@lru_cache
def _templates(language: str) -> list[tuple[re.Pattern[str], str]]:
    """Those with values, the most telling first."""
    held = [(one, said) for one, said in catalogue(language).items() if VALUE.search(one)]
    held.sort(key=lambda pair: (-len(VALUE.sub("", pair[0])), pair[0]))
    return [(pattern(one), said) for one, said in held]


def translated(text: str, language: str) -> str:
    """A part of an error's message, or one that was kept whole, in `language`; as it is where nothing fits."""
    if language not in LANGUAGES or len(text) > LONGEST:
        return text
    if found := catalogue(language).get(text):
        return found
    return _kept_whole(text, language) or _with_values(text, language) or text


def _with_values(text: str, language: str) -> str:
    for one, said in _templates(language):
        if found := one.fullmatch(text):
            return _filled(said, [translated(value, language) if " " in value else value for value in found.groups()])
    return ""


def _filled(said: str, values: list[str]) -> str:
    return VALUE.sub(lambda match: values[int(match[1]) - 1], said)


def _kept_whole(text: str, language: str) -> str:
    """A message of three parts in one text, parted again where its first part is one that the catalogue has."""
    said, following, step = text.removesuffix(".").rpartition(NEXT)
    for colon in re.finditer(": ", said) if following else ():
        parts = said[: colon.start()], said[colon.end() :], step
        in_words = [translated(one, language) for one in parts]
        if in_words[0] != parts[0] and in_words[1] != parts[1]:
            return WHOLE.format(asked=in_words[0], allowed=in_words[1], next_step=in_words[2])
    return ""


def language_of(accepted: str) -> str:
    """The language that an Accept-Language header asks for first, of those there are; English else."""
    asked: list[tuple[float, str]] = []
    for one in accepted[:200].split(","):
        name, _semicolon, weight = one.strip().partition(";q=")
        quality = float(weight) if re.fullmatch(r"[01](\.\d{1,3})?", weight) else 1.0
        asked.append((-quality, name.strip().lower()))
    for _quality, name in sorted(asked, key=lambda pair: pair[0]):
        if name.split("-")[0] == "zh":
            return LANGUAGES[0]
        if name.split("-")[0] == "en":
            return ENGLISH
    return ENGLISH
