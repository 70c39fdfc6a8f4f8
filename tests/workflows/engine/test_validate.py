"""What is refused, whatever is sent: always with a message, never with a broken server."""

import copy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workflows.engine.labels import KEY_RULE, VALUE_RULE
from workflows.engine.validate import WorkflowInvalid, check_workflow
from workflows.engine.validate.fields import read_fields

pytestmark = pytest.mark.usefixtures("tables")

SAY = {
    "name": "say",
    "inputs": {"parameters": [{"name": "x", "default": "1"}]},
    "container": {"image": "busybox", "command": ["echo"]},
}
DAG = {"name": "main", "dag": {"tasks": [{"name": "a", "template": "say"}, {"name": "b", "template": "say", "depends": "a.Succeeded",
       "withItems": [1, {"k": "v"}], "arguments": {"parameters": [{"name": "x", "value": "{{tasks.a.outputs.result}}"}]}}]}}  # fmt: skip
STEPS = {
    "name": "other",
    "steps": [[{"name": "a", "template": "say"}], [{"name": "b", "templateRef": {"name": "kept", "template": "say"}}]],
}
SOUND = {
    "metadata": {"generateName": "x-"},
    "spec": {"entrypoint": "main", "onExit": "say", "templates": [DAG, STEPS, SAY]},
}
KEPT = {"metadata": {"name": "kept"}, "spec": {"templates": [SAY]}}
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from(["", "a", "say", "main", "{{x", "{{inputs.parameters.y}}", "1", "a.b.c"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "template", "value", "dag", "steps"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


PLACES = [path for path in places(SOUND) if path]


def lookup(name, cluster):
    return KEPT if (name, cluster) == ("kept", False) else None


def test_a_sound_workflow_passes():
    read_fields("Workflow", SOUND, "workflow.")
    check_workflow(lookup, SOUND)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(PLACES), JSON), min_size=1, max_size=3))
def test_whatever_stands_in_a_workflow_it_passes_or_is_refused_with_a_message(changes):
    document = copy.deepcopy(SOUND)
    for path, value in changes:
        at = document
        for key in path[:-1]:
            at = (
                at[key]
                if isinstance(at, dict) and key in at
                else at[key]
                if isinstance(at, list) and isinstance(key, int) and key < len(at)
                else None
            )
            if at is None:
                break
        if isinstance(at, dict) or (isinstance(at, list) and isinstance(path[-1], int) and path[-1] < len(at)):
            at[path[-1]] = value
    try:
        read_fields("Workflow", document, "workflow.")
        check_workflow(lookup, document)
    except WorkflowInvalid as refused:
        assert str(refused)


def test_a_template_that_uses_itself_is_no_endless_check():
    again = {"name": "main", "steps": [[{"name": "once-more", "template": "main"}]]}
    check_workflow(lookup, {"metadata": {"generateName": "r-"}, "spec": {"entrypoint": "main", "templates": [again]}})


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (b"{", 400, "the body is no JSON"), (b"[" * 100_000, 400, "the body is no JSON"), (b"[1]", 400, "cannot unmarshal"),
        (b'{"workflow": 3}', 400, "workflow body not specified"), (b'{"createOptions": 3, "workflow": {}}', 400, "createOptions"),
        (b'{"workflow": {"metadata": {"name": "../../x"}, "spec": {"entrypoint": "m", "templates": [{"name": "m", "suspend": {}}]}}}',
         400, "a lowercase RFC 1123 subdomain"),
        (b'{"workflow": {"metadata": {}, "spec": {"entrypoint": "m", "templates": [{"name": "m", "suspend": {}}]}}}', 400,
         "name or generateName is required"),
        (b'{"workflow": {"metadata": {"name": "a", "namespace": "other"}, "spec": {"entrypoint": "m", "templates": '
         b'[{"name": "m", "suspend": {}}]}}}', 400, "does not match the namespace"),
    ],
)  # fmt: skip
def test_a_body_that_is_no_workflow_is_refused(engine_server, content, status, said):
    answer = engine_server.http.post("/api/v1/workflows/flights", content=content)
    assert (answer.status_code, said in answer.json()["message"]) == (status, True), answer.text


def test_three_hundred_nested_templates_are_checked(engine_server):
    chain = [{"name": f"t{n}", "steps": [[{"name": "next", "template": f"t{n + 1}"}]]} for n in range(300)]
    spec = {"entrypoint": "t0", "templates": [*chain, {"name": "t300", "suspend": {}}]}
    answer = engine_server.http.post(
        "/api/v1/workflows/flights/lint", json={"workflow": {"metadata": {"generateName": "n-"}, "spec": spec}}
    )
    assert answer.status_code == 200, answer.text


def test_what_a_workflow_did_is_not_for_its_maker_to_say(engine_server):
    document = {"metadata": {"generateName": "forged-"}, "spec": {"entrypoint": "m", "templates": [{"name": "m", "suspend": {"duration": "1"}}]},
                "status": {"phase": "Succeeded", "nodes": {"x": {"id": "x"}}}}  # fmt: skip
    made = engine_server.submit(document)
    assert "x" not in engine_server.ended(made["metadata"]["name"])["status"]["nodes"]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"podGC": {"labelSelector": {"matchExpressions": [{"key": "a", "operator": "Is"}]}}},
         'podGC.labelSelector invalid: "Is" is not a valid label selector operator'),
        ({"podGC": {"labelSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}},
         "podGC.labelSelector invalid: values: Invalid value: []string(nil): for 'in', 'notin' operators, values set can't be empty"),
        ({"podGC": {"labelSelector": {"matchLabels": {"a/b/c": "d"}}}}, "podGC.labelSelector invalid: key: Invalid value: \"a/b/c\": "
         f"a qualified name {KEY_RULE} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"),
        ({"podGC": {"labelSelector": {"matchLabels": {"a": "b c"}}}},
         f'podGC.labelSelector invalid: values[0][a]: Invalid value: "b c": {VALUE_RULE}'),
        ({"templates": [{**SAY, "archiveLocation": {"git": {}}}]}, "templates.say.archiveLocation.git.repo is required"),
        ({"templates": [{**SAY, "archiveLocation": {"hdfs": {"addresses": ["a"], "path": "b"}}}]},
         "templates.say.archiveLocation.hdfs.path must be a absolute file path"),
        ({"templates": [{**SAY, "inputs": {"artifacts": [{"name": "f", "path": "/f", "hdfs": {"addresses": ["a"], "path": "/b"}}]}}]},
         "either templates.say.inputs.artifacts.f.hdfs.hdfsUser, templates.say.inputs.artifacts.f.hdfs.krbCCacheSecret or "
         "templates.say.inputs.artifacts.f.hdfs.krbKeytabSecret is required"),
    ],
)  # fmt: skip
def test_places_of_artifacts_and_label_selectors_are_refused_in_argos_words(more, told):
    spec = {"entrypoint": "say", "templates": [SAY], **more}
    with pytest.raises(WorkflowInvalid) as refused:
        check_workflow(lookup, {"metadata": {"generateName": "x-"}, "spec": spec})
    assert str(refused.value) == told


def test_labels_are_refused_in_the_words_of_kubernetes(engine_server):
    metadata = {"name": "badly-labelled", "labels": {"a b": "c", "d": "e f"}}
    spec = {"entrypoint": "m", "templates": [{"name": "m", "suspend": {}}]}
    answer = engine_server.http.post(
        "/api/v1/workflows/flights", json={"workflow": {"metadata": metadata, "spec": spec}}
    )
    assert answer.json()["message"] == (
        f'Workflow.argoproj.io "badly-labelled" is invalid: [metadata.labels: Invalid value: "a b": name part {KEY_RULE}, '
        f'metadata.labels: Invalid value: "e f": {VALUE_RULE}]'
    )
