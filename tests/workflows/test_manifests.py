"""A manifest is read as Argo's own clients read it, and a refusal finds its line."""

import pytest

from workflows.engine.validate import WorkflowInvalid
from workflows.engine.validate.fields import read_fields
from workflows.manifests import in_plain_words, line_of, quoting, read_manifest, value_text
from workflows.models import ManifestInvalid

HELLO = """\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
spec:
  entrypoint: main
  arguments:
    parameters:
    - {name: m, value: 1}
    - {name: n, value: 2024-01-01}
  templates:
  - name: main
    container: {image: "busybox:1", command: [echo]}
"""


def _refusal(text: str) -> str:
    with pytest.raises(WorkflowInvalid) as told:
        read_fields("Workflow", {**read_manifest(text), "metadata": {}}, "workflow.")
    return str(told.value)


def test_a_single_n_is_a_boolean_and_a_date_a_text_as_for_the_argo_cli() -> None:
    one, other = read_manifest(HELLO)["spec"]["arguments"]["parameters"]
    assert (one["name"], other) == ("m", {"name": False, "value": "2024-01-01"})
    assert "cannot unmarshal bool into Go struct field Parameter.workflow.spec.arguments.parameters.name of type string" in _refusal(HELLO)  # fmt: skip
    assert "unless they stand in quotes" in quoting(_refusal(HELLO))


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("", "", 8),  # the n
        ("name: n", "name: 7", 8), ("name: n", "name: b, valu: 1", 8), ("entrypoint: main", "entrypoint: 3", 4), ("    container:", "    contaner:", 11),
    ],
)  # fmt: skip
def test_a_refusal_of_the_workflow_server_finds_its_line(old: str, new: str, line: int) -> None:
    text = HELLO.replace(old, new) if old else HELLO
    if old not in ("", "name: n"):
        text = text.replace("name: n,", "name: b,")
    assert line_of(text, _refusal(text)) == line


def test_a_name_that_a_refusal_tells_is_found_where_it_stands_first() -> None:
    assert line_of(HELLO.replace("entrypoint: main", "entrypoint: mian"), "template name 'mian' undefined") == 4
    assert line_of(HELLO, "templates.main.container.image may not be empty") == 11
    assert line_of(HELLO, "something else") == 0


STEPS = """\
kind: Workflow
spec:
  entrypoint: main
  templates:
  - name: main
    steps:
    - - name: make
        template: make
    - - name: show
        template: shwo
        arguments: {parameters: [{name: x, value: "{{steps.mkae.outputs.result}}"}]}
  - name: make
    container:
      image: nosuch:1
  - name: order
    dag:
      tasks:
      - name: a
        template: make
      - name: b
        template: nobody
"""


@pytest.mark.parametrize(
    ("refusal", "line"),
    [
        ("templates.main.steps[1].show template name 'shwo' undefined", 10),
        ("templates.make: image 'nosuch:1': there is no such image here", 14),
        ("templates.main.steps failed to resolve {{steps.mkae.outputs.result}}", 11),
        ("templates.order.tasks.b template name 'nobody' undefined", 21),
        ("templates.main.steps[0].make templates.make inputs.parameters.x was not supplied", 7),
        ("template 'make' type is unknown", 12),
    ],
)
def test_a_refusal_is_marked_where_the_thing_itself_stands(refusal: str, line: int) -> None:
    assert line_of(STEPS, refusal) == line


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("kind: Workflow\nspec: a: b\n", 2, "in quotes"), ("kind: Workflow\nspec: [a, b\nx: 1\n", 3, "closed with ]"),
        ("kind: Workflow\nspec:\n\ta: 1\n", 3, "never tabs"), ('kind: "Workflow\n', 2, "quote is closed"),
        ("kind: Workflow\nspec:\n  a: 1\n  a: 2\n", 4, "each key stands once"),
        ("kind: Workflow\n  a: 1\n", 2, "in quotes"), ("kind: Workflow\nspec:\n  a: 1\n b: 2\n", 4, "same column"),
    ],
)  # fmt: skip
def test_what_is_no_yaml_is_told_in_plain_words_with_its_line(text: str, line: int, told: str) -> None:
    with pytest.raises(ManifestInvalid) as refused:
        read_manifest(text)
    assert refused.value.line == line
    assert told in refused.value.allowed
    assert f"line {line}" in refused.value.asked


def test_parsers_words_that_nobody_foresaw_say_that_it_is_no_yaml() -> None:
    assert in_plain_words("found undefined tag handle") == "it is YAML"


def test_a_parameters_value_is_the_text_that_argo_makes_of_it() -> None:
    assert [value_text(one) for one in (True, 1.5, 3, "a")] == ["true", "1.5", "3", "a"]
