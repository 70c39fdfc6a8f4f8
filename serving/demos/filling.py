"""What a demo's form is filled in with: what is typical for the case, or the newest values of the feature store."""

import logging
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import gradio as gr

from atrium.errors import Unavailable
from serving.demos.fields import Form
from serving.demos.known import Question
from serving.demos.words import Tongue, say, tongue

if TYPE_CHECKING:
    from serving.demos.asking import Asker

log = logging.getLogger(__name__)
TYPICAL, NEWEST = "typical", "newest"
Filled = tuple[dict[str, float], str]


def language_of(request: gr.Request) -> Tongue:
    """The language to answer a request in."""
    return tongue(request.headers.get("accept-language", ""))


def sources(form: Form) -> list[str]:
    """Where values for the form can come from, the best first."""
    return [TYPICAL] * bool(form.typical) + [NEWEST] * bool(form.feature_service)


def _called(form: Form, row: Mapping[str, object], names: tuple[str, ...], language: Tongue) -> str:
    """The values of some fields in the words of their choices."""
    fields = {one.name: one for one in form.fields}
    said = []
    for name in names:
        choices = {value: called for called, value in fields[name].choices(language == "zh")}
        value = row.get(name)
        said.append(choices.get(float(value) if isinstance(value, int) else value, str(value)))  # type: ignore[call-overload]
    return ("、" if language == "zh" else ", ").join(said)


def typical(form: Form, row: Mapping[str, object], language: Tongue) -> Filled:
    """What is typical for a case, and a sentence that says for which."""
    found: dict[str, float] = {}
    for part in form.typical:
        found |= part.of(row)
    cases = [_called(form, row, part.by, language) for part in form.typical if part.of(row)]
    return found, say(language, "typical_for", cases=("；" if language == "zh" else "; ").join(cases) or "–")


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def newest(asker: "Asker", row: Mapping[str, object], language: Tongue) -> Filled | None:
    """The newest values of the feature store, and a sentence that says of which moment; None where it is silent."""
    form = asker.form
    keys = {name: row[name] for name in form.entities if name in row}
    try:
        found, moment = asker.look_up(keys)
    except Unavailable as error:
        log.warning("%s: %s", asker.item, error)
        return None
    entities = _called(form, row, tuple(keys), language)
    if moment is None:
        return found, say(language, "nothing", entities=entities)
    return found, say(language, "looked_up", entities=entities, moment=_moment(moment))


def filler(asker: "Asker", source: str | None = None) -> Callable[..., Any]:
    """A function of the page that fills in the looked-up fields, by the fields they depend on and the chosen source."""
    form = asker.form
    fields = form.looked_up

    def fill(request: gr.Request, *values: object) -> Any:
        language = language_of(request)
        row: dict[str, object] = dict(zip(form.chosen_by, values, strict=False))
        chosen = source or str(values[-1])
        found = typical(form, row, language) if chosen == TYPICAL else newest(asker, row, language)
        if found is None:
            return *(gr.skip() for _ in fields), say(language, "no_lookup")
        held, told = found
        return *(_rounded(held.get(field.name)) for field in fields), told

    return fill


def _rounded(value: float | None) -> float | None:
    return round(value, 3) if value is not None and math.isfinite(value) else None


def routing(question: Question) -> Callable[..., Any]:
    """A function of the page that keeps a question's answers, and what it fills in, in step with what they depend on."""

    def route(request: gr.Request, at: object, asked: object) -> Any:
        chinese = language_of(request) == "zh"
        chosen = question.chosen(at, asked)
        return gr.Dropdown(choices=question.choices(at, chinese), value=chosen), question.value(at, chosen)

    return route
