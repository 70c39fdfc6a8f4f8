"""The table of fields, and what is refused by it."""

import json

import pytest
from argo_fields import FILE, fields

from workflows.engine.validate import WorkflowInvalid
from workflows.engine.validate.fields import read_fields


def test_the_table_of_fields_is_that_of_the_models():
    assert json.loads(FILE.read_text()) == fields()


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"parallelism": "many"}, "cannot unmarshal string into Go struct field WorkflowSpec.workflow.spec.parallelism of type int64"),
        ({"templates": "x"}, "cannot unmarshal string into Go struct field WorkflowSpec.workflow.spec.templates of type []v1alpha1.Template"),
        ({"entrypoint": 3}, "cannot unmarshal number into Go struct field WorkflowSpec.workflow.spec.entrypoint of type string"),
        ({"suspend": 1}, "cannot unmarshal number into Go struct field WorkflowSpec.workflow.spec.suspend of type bool"),
        ({"templates": [{"contaner": {}}]}, 'strict decoding error: unknown field "spec.templates[0].contaner"'),
    ],
)  # fmt: skip
def test_a_field_of_another_type_is_refused_in_argos_words(spec, said):
    with pytest.raises(WorkflowInvalid) as refused:
        read_fields("Workflow", {"spec": spec}, "workflow.")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (True, "true"), (False, "false"), (1, "1"), (1.50, "1.5"), (1e21, "1000000000000000000000"), (1e-7, "0.0000001"), (-0.0, "-0"),
        (2**53 + 1, "9007199254740992"), ([1, 2], ""), ({"a": 1}, ""), ("[1, 2]", "[1, 2]"), (None, None),
    ],
)  # fmt: skip
def test_a_parameter_keeps_of_json_what_argos_type_any_string_keeps(sent, kept):
    one = {"name": "p", "value": sent, "default": sent, "valueFrom": {"default": sent}, "enum": [sent]}
    step = {"name": "a", "withItems": [sent], "arguments": {"parameters": [one]}}
    read_fields("WorkflowTemplate", {"spec": {"templates": [{"name": "main", "steps": [[step]]}]}}, "template.")
    assert one == {
        "name": "p", "value": kept, "default": kept, "valueFrom": {"default": kept}, "enum": [kept or ""]
    }  # fmt: skip
    assert step["withItems"] == [sent]


@pytest.mark.parametrize("number", [10**400, float("inf")])
def test_a_parameter_that_is_no_float_of_go_is_refused(number):
    with pytest.raises(WorkflowInvalid, match="cannot unmarshal number into Go value of type float64"):
        read_fields("Workflow", {"spec": {"arguments": {"parameters": [{"name": "p", "value": number}]}}}, "workflow.")
