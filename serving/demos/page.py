"""A demo's page, built with Gradio from its form."""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as attribute
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, Final

import gradio as gr

from atrium.errors import AtriumError
from atrium.errors import in_words as error_in_words
from atrium.identity import IDENTITY_HEADER, read_identity
from atrium.words import ENGLISH, LANGUAGES
from serving.demo_service import keep_feedback
from serving.demos.answers import Answer, in_words, refused, waiting
from serving.demos.asking import Asker
from serving.demos.checks import complaint
from serving.demos.fields import Field, Form
from serving.demos.filling import filler, language_of, routing, sources
from serving.demos.frame import bar
from serving.demos.known import Question
from serving.demos.pad import ink_of, sketch_pad
from serving.demos.sketches import shrink
from serving.demos.words import CHINESE, LABELS, Tongue, say
from serving.models import DemoView, ServiceView

if TYPE_CHECKING:
    from gradio.i18n import I18nData

QUEUE_LENGTH, AT_ONCE = 32, 4
ANYBODY = "visitor"
# where the answer lies beside the form it is in sight; below it, or above, the page goes there
SHOW_ANSWER: Final = """() => setTimeout(() => {
  const answer = document.querySelector('.atrium-answer');
  if (!answer) return;
  const box = answer.getBoundingClientRect();
  if (box.top < 0 || box.bottom > innerHeight) answer.scrollIntoView({block: 'center'});
}, 100)"""
Changes = tuple[Any, ...]


def labels(view: DemoView, form: Form) -> gr.I18n:
    """The words of a demo's page that the browser chooses by its language, with the demo's own title."""
    english, chinese = form.headed(view.title)
    about, about_in_chinese = form.about
    in_english = LABELS["en"] | {"heading": f"# {english}", "about": about or about_in_chinese}
    in_chinese = LABELS["zh"] | {"heading": f"# {chinese}", "about": about_in_chinese or about}
    return gr.I18n(en=in_english, **{CHINESE: in_chinese, "zh": in_chinese})


def _label(key: str) -> "I18nData":
    return gr.I18n()(key)


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
    asker: Asker
    beside: dict[str, Any] = attribute(default_factory=dict)

    @property
    def form(self) -> Form:
        """What is asked for."""
        return self.asker.form

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


def _without_answer(html: str) -> Changes:
    return html, gr.Label(visible=False), None, gr.Column(visible=False), ""


def _refused(error: AtriumError, language: Tongue) -> Changes:
    said = error_in_words(error, LANGUAGES[0] if language == "zh" else ENGLISH)
    return _without_answer(refused(said["asked"], said["allowed"], said["next_step"]))


def _cleared(request: gr.Request) -> Changes:
    return _without_answer(waiting(language_of(request)))


def _parameter(place: int, name: str) -> str:
    return name if name.isidentifier() and not iskeyword(name) else f"input_{place}"


def _signed(run: Callable[..., Any], fields: tuple[Field, ...]) -> Callable[..., Any]:
    """Gives the page's API parameters the names of the model's inputs, where Python can have such names."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    first = inspect.Parameter("request", kind, annotation=gr.Request)
    named = [
        inspect.Parameter(_parameter(place, field.name), kind, annotation=float if field.numeric else str)
        for place, field in enumerate(fields, 1)
    ]
    run.__annotations__ = {"request": gr.Request}
    run.__signature__ = inspect.Signature([first, *named])  # type: ignore[attr-defined]  # read by Gradio
    return run


def _predict(demo: Demo) -> Callable[..., Changes]:
    def predict(request: gr.Request, *values: object) -> Changes:
        row, language = demo.row_of(values), language_of(request)
        if wrong := complaint(demo.form, row, language):
            return _without_answer(refused(*wrong, ""))
        try:
            return _answered(demo.answer(language, row), row)
        except AtriumError as error:
            return _refused(error, language)

    return _signed(predict, demo.form.fields)


def _predict_sketch(demo: Demo) -> Callable[..., Changes]:
    field = demo.form.fields[0]

    def predict(request: gr.Request, drawn: str) -> Changes:
        ink, language = ink_of(drawn), language_of(request)
        if ink is None:
            return _without_answer(refused(say(language, "empty_sketch"), "", ""))
        pixels = shrink(ink, math.isqrt(demo.asker.width(field.name)), field.maximum or 1.0)
        row = {field.name: pixels}
        try:
            return _answered(demo.answer(language, row), row)
        except AtriumError as error:
            return _refused(error, language)

    return predict


def _judge(demo: Demo, right: bool) -> Callable[..., Changes]:
    def judge(request: gr.Request, record: dict[str, Any] | None) -> Changes:
        language = language_of(request)
        if not record:
            return say(language, "not_kept"), None
        view = demo.view
        keep_feedback(_visitor(request), view.project, view.name, record["inputs"], record["output"], right)
        return say(language, "kept"), None

    return judge


def _fields(demo: Demo) -> list[gr.components.Component]:
    """The form's inputs in the model's order; `demo.beside` is given the components that no model reads."""
    form, made = demo.form, dict[str, gr.components.Component]()
    asked = {one.fills: one for one in form.questions}
    for field in form.fields:
        if field.looked_up:
            continue
        if question := asked.get(field.name):
            _ask_beside(demo, question, made)
        made[field.name] = _input(field)
        if question:
            _connect_question(demo, question, made)
    if form.looked_up:
        told = gr.Markdown(elem_classes="atrium-told")
        with gr.Accordion(_label("details"), open=False):
            source = _source(demo)
            for field in form.looked_up:
                made[field.name] = _input(field)
        _connect_filling(demo, made, source, told)
    return [made[field.name] for field in form.fields]


def _source(demo: Demo) -> gr.Radio | None:
    choices = sources(demo.form)
    if len(choices) < 2:
        return None
    said = [(say("en", one), one) for one in choices]
    source = gr.Radio(said, value=choices[0], label=_label("source"))
    demo.beside["source"] = source
    return source


def _connect_filling(
    demo: Demo, made: dict[str, gr.components.Component], source: gr.Radio | None, told: gr.Markdown
) -> None:
    there = sources(demo.form)
    if not there:
        return
    keys = [made[name] for name in demo.form.chosen_by]
    filled = [*(made[field.name] for field in demo.form.looked_up), told]
    context = gr.context.Context.root_block
    triggers = [one.change for one in [*keys, *([source] if source else [])]] + ([context.load] if context else [])  # type: ignore[attr-defined]
    fill = filler(demo.asker, None if source else there[0])
    gr.on(triggers, fill, [*keys, *([source] if source else [])], filled, api_name="look_up", show_progress="hidden")


def _ask_beside(demo: Demo, question: Question, made: dict[str, gr.components.Component]) -> None:
    at = getattr(made.get(question.by), "value", None)
    demo.beside[question.fills] = gr.Dropdown(
        question.choices(at), value=question.chosen(at), label=question.title(chinese=False)
    )


def _connect_question(demo: Demo, question: Question, made: dict[str, gr.components.Component]) -> None:
    by, asked = made[question.by], demo.beside[question.fills]
    context = gr.context.Context.root_block
    triggers = [by.change, asked.input, *([context.load] if context else [])]  # type: ignore[attr-defined]
    filled = [asked, made[question.fills]]
    gr.on(triggers, routing(question), [by, asked], filled, api_visibility="private", show_progress="hidden")


def _begin(demo: Demo) -> Callable[..., Any]:
    """Gives fields their makers' Chinese titles and names, for who reads Chinese, and the answer's place its words."""

    def told(request: gr.Request) -> Any:
        language = language_of(request)
        if language != "zh":
            return [gr.skip() for _ in [*demo.form.fields, *demo.beside, ""]]
        fields = [
            gr.update(label=one.title(True), choices=one.choices(True))
            if one.names
            else gr.update(label=one.title(True))
            for one in demo.form.fields
        ]
        return [*fields, *(_beside_in_chinese(demo, name) for name in demo.beside), waiting(language)]

    return told


def _beside_in_chinese(demo: Demo, name: str) -> Any:
    if name == "source":
        return gr.update(choices=[(say("zh", one), one) for one in sources(demo.form)])
    return gr.update(label=next(one for one in demo.form.questions if one.fills == name).title(True))


def _answer_side(demo: Demo) -> tuple[list[Any], gr.State]:
    html = gr.HTML(waiting("en"), padding=False)
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


def _form_side(demo: Demo) -> tuple[list[Any], Callable[..., Any]]:
    if demo.form.kind == "image":
        gr.Markdown(_label("sketch"))
        return [sketch_pad()], _predict_sketch(demo)
    return list(_fields(demo)), _predict(demo)


def build(view: DemoView, service: ServiceView, asker: Asker) -> gr.Blocks:
    """The demo's page: a form, or a sketch pad, and the answer beside it."""
    demo = Demo(view, service, asker)
    page: gr.Blocks
    with gr.Blocks(title=view.title, analytics_enabled=False) as page:
        bar(view, demo.form.headed(view.title))
        gr.Markdown(_label("heading"))
        if any(demo.form.about):
            gr.Markdown(_label("about"), elem_classes="atrium-about")
        gr.Markdown(_label("lead_sketch" if demo.form.kind == "image" else "lead"), elem_classes="atrium-told")
        with gr.Row():
            with gr.Column():
                inputs, run = _form_side(demo)
                button = gr.Button(_label("ask"), variant="primary")
            with gr.Column(elem_classes="atrium-side"):
                outputs, _ = _answer_side(demo)
        _start(page, demo, inputs, outputs)
        asked = button.click(
            run, inputs, outputs, api_name="predict", concurrency_limit=AT_ONCE, concurrency_id=service.name
        )
        asked.then(None, None, None, js=SHOW_ANSWER)
    page.queue(max_size=QUEUE_LENGTH, default_concurrency_limit=AT_ONCE)
    return page


def _start(page: gr.Blocks, demo: Demo, inputs: list[Any], outputs: list[Any]) -> None:
    """What happens when the page opens, and when a drawing changes: the answer to another one must not stay."""
    hidden: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    if demo.form.kind == "image":
        page.load(_cleared, None, outputs, **hidden)
        inputs[0].change(_cleared, None, outputs, queue=False, **hidden)
    else:
        page.load(_begin(demo), None, [*inputs, *demo.beside.values(), outputs[0]], **hidden)
