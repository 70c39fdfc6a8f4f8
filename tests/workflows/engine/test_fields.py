"""The table of fields, and what is refused by it."""

import json

import pytest
from argo_fields import FILE, fields

from workflows.engine.validate import WorkflowInvalid
from workflows.engine.validate.fields import check_fields


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
        check_fields("Workflow", {"spec": spec}, "workflow.")
    assert said in str(refused.value)
