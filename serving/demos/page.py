"""A demo's page, built with Gradio from its form."""

import inspect
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from atrium.errors import AtriumError, Unavailable
from atrium.identity import IDENTITY_HEADER, read_identity
from serving.demo_service import keep_feedback
from serving.demos.answers import Answer, in_words, refused
from serving.demos.asking import Asker
from serving.demos.fields import Field, Form
from serving.demos.pad import ink_of, sketch_pad
from serving.demos.sketches import shrink
from serving.demos.words import CHINESE, LABELS, Tongue, say, tongue
from serving.models import DemoView, RowsRefused, ServiceView

if TYPE_CHECKING:
    from gradio.i18n import I18nData

log = logging.getLogger(__name__)
QUEUE_LENGTH, AT_ONCE = 32, 4
ANYBODY = "visitor"
I18N = gr.I18n(en=LABELS["en"], **{CHINESE: LABELS["zh"], "zh": LABELS["zh"]})
Changes = tuple[Any, ...]


def _label(key: str) -> "I18nData":
    return I18N(key)


def _language(request: gr.Request) -> Tongue:
    return tongue(request.headers.get("accept-language", ""))


def _visitor(request: gr.Request) -> str:
    header = request.headers.get(IDENTITY_HEADER)
    return read_identity(header, expired_too=True).name if header else ANYBODY


def _input(field: Field) -> gr.components.Component:
    if field.names:
        choices = field.choices()
        values = [value for _, value in choices]
        return gr.Dropdown(choices, value=field.first if field.first in values else values[0], label=field.label)
    if not field.numeric:
        return gr.Textbox(label=field.label, value=str(field.first or ""), max_length=200)
    start = round(float(field.first), 3) if isinstance(field.first, int | float) else field.minimum
    return gr.Number(label=field.label, value=start, precision=0 if field.whole else None,
                     info=_range(field))  # fmt: skip


def _range(field: Field) -> str | None:
    if field.minimum is None or field.maximum is None:
        return None
    return f"{field.minimum:g} – {field.maximum:g}"


@dataclass(frozen=True)
class Demo:
    """What the page's functions need."""

    view: DemoView
    service: ServiceView
    form: Form
    asker: Asker

    @property
    def version(self) -> str:
        """The model version that answers."""
        return self.service.live_version or ""

    def answer(self, language: Tongue, row: Mapping[str, object]) -> Answer:
        """The model's answer to a row, in words. Raises `AtriumError`."""
        return in_words(language, self.asker.predict(row), self.form.outputs, self.version)

    def row_of(self, values: tuple[object, ...]) -> dict[str, object]:
        """The form's values by input."""
        return {field.name: value for field, value in zip(self.form.fields, values, strict=True)}


def _answered(answer: Answer, row: Mapping[str, object]) -> Changes:
    record = {"inputs": dict(row), "output": answer.text}
    label = gr.Label(value=dict(answer.classes), visible=len(answer.classes) > 2)
    return answer.html, label, record, gr.Column(visible=True), ""


def _refused(error: AtriumError) -> Changes:
    hidden = gr.Label(visible=False)
    return refused(error.asked, error.allowed, error.next_step), hidden, None, gr.Column(visible=False), ""


def _signed(run: Callable[..., Any], fields: tuple[Field, ...]) -> Callable[..., Any]:
    """Gives the page's API parameters the names of the model's inputs."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    first = inspect.Parameter("request", kind, annotation=gr.Request)
    named = [inspect.Parameter(field.name, kind, annotation=float if field.numeric else str) for field in fields]
    run.__annotations__ = {"request": gr.Request}
    run.__signature__ = inspect.Signature([first, *named])  # type: ignore[attr-defined]  # read by Gradio
    return run


def _predict(demo: Demo) -> Callable[..., Changes]:
    def predict(request: gr.Request, *values: object) -> Changes:
        row = demo.row_of(values)
        try:
            return _answered(demo.answer(_language(request), row), row)
        except AtriumError as error:
            return _refused(error)

    return _signed(predict, demo.form.fields)


def _predict_sketch(demo: Demo) -> Callable[..., Changes]:
    field = demo.form.fields[0]

    def predict(request: gr.Request, drawn: str) -> Changes:
        ink = ink_of(drawn)
        if ink is None:
            return _refused(RowsRefused(say(_language(request), "empty_sketch"), "", ""))
        pixels = shrink(ink, math.isqrt(demo.asker.width(field.name)), field.maximum or 1.0)
        row = {field.name: pixels}
        try:
            return _answered(demo.answer(_language(request), row), row)
        except AtriumError as error:
            return _refused(error)

    return predict


def _look_up(demo: Demo) -> Callable[..., Changes]:
    fields = demo.form.looked_up

    def look_up(request: gr.Request, *keys: object) -> Changes:
        language, named = _language(request), dict(zip(demo.form.entities, keys, strict=True))
        try:
            found = demo.asker.look_up(demo.form, named)
        except Unavailable as error:
            log.warning("demo %s: %s", demo.view.name, error)
            return *(gr.skip() for _ in fields), say(language, "no_lookup")
        shown = ", ".join(str(value) for value in keys)
        values = [round(found[field.name], 3) if field.name in found else None for field in fields]
        return *values, say(language, "looked_up", entities=shown)

    return look_up


def _judge(demo: Demo, right: bool) -> Callable[..., Changes]:
    def judge(request: gr.Request, record: dict[str, Any] | None) -> Changes:
        language = _language(request)
        if not record:
            return say(language, "not_kept"), None
        view = demo.view
        keep_feedback(_visitor(request), view.project, view.name, record["inputs"], record["output"], right)
        return say(language, "kept"), None

    return judge


def _fields(demo: Demo) -> list[gr.components.Component]:
    made: dict[str, gr.components.Component] = {}
    for field in demo.form.fields:
        if not field.looked_up:
            made[field.name] = _input(field)
    if demo.form.looked_up:
        with gr.Accordion(_label("details"), open=False):
            source = gr.Markdown()
            for field in demo.form.looked_up:
                made[field.name] = _input(field)
        if demo.form.feature_service:
            _connect_look_up(demo, made, source)
    return [made[field.name] for field in demo.form.fields]


def _connect_look_up(demo: Demo, made: dict[str, gr.components.Component], source: gr.Markdown) -> None:
    keys = [made[name] for name in demo.form.entities if name in made]
    if len(keys) != len(demo.form.entities):
        return
    filled = [*(made[field.name] for field in demo.form.looked_up), source]
    context = gr.context.Context.root_block
    triggers = [key.change for key in keys] + ([context.load] if context else [])  # type: ignore[attr-defined]
    gr.on(triggers, _look_up(demo), keys, filled, api_name="look_up", show_progress="hidden")


def _in_chinese(demo: Demo) -> Callable[..., Any]:
    """Gives fields their makers' Chinese titles and names, for who reads Chinese."""

    def told(request: gr.Request) -> Any:
        if _language(request) != "zh":
            return [gr.skip() for _ in demo.form.fields]
        return [
            gr.update(label=one.title(True), choices=one.choices(True))
            if one.names
            else gr.update(label=one.title(True))
            for one in demo.form.fields
        ]

    return told


def _answer_side(demo: Demo) -> tuple[list[Any], gr.State]:
    html = gr.HTML(padding=False)
    label = gr.Label(label=_label("answer"), num_top_classes=10, visible=False, show_heading=False)
    record = gr.State()
    with gr.Column(visible=False) as panel:
        gr.Markdown(_label("judge"))
        with gr.Row():
            right = gr.Button(_label("right"), size="md")
            wrong = gr.Button(_label("wrong"), size="md")
    thanks = gr.Markdown()
    for button, verdict in ((right, True), (wrong, False)):
        button.click(_judge(demo, verdict), record, [thanks, record], queue=False, api_visibility="private")
    return [html, label, record, panel, thanks], record


def build(view: DemoView, service: ServiceView, form: Form, asker: Asker) -> gr.Blocks:
    """The demo's page: a form, or a sketch pad, and the answer beside it."""
    demo = Demo(view, service, form, asker)
    page: gr.Blocks
    with gr.Blocks(title=view.title, analytics_enabled=False) as page:
        gr.Markdown(f"# {view.title}")
        with gr.Row():
            with gr.Column():
                if form.kind == "image":
                    gr.Markdown(_label("sketch"))
                    inputs: list[Any] = [sketch_pad()]
                    run = _predict_sketch(demo)
                else:
                    inputs, run = _fields(demo), _predict(demo)
                    page.load(_in_chinese(demo), None, inputs, api_visibility="private", show_progress="hidden")
                button = gr.Button(_label("ask"), variant="primary")
            with gr.Column():
                outputs, _ = _answer_side(demo)
        button.click(run, inputs, outputs, api_name="predict", concurrency_limit=AT_ONCE, concurrency_id=service.name)
    page.queue(max_size=QUEUE_LENGTH, default_concurrency_limit=AT_ONCE)
    return page
