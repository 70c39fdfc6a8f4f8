"""`podSpecPatch`: what it changes of a step's pod."""

from typing import Any

import pytest
import yaml

from workflows.engine.machine.patches import patched, volume_not_there

IMAGE = "busybox"
STEPS = """
entrypoint: main
podSpecPatch: '{"containers": [{"name": "main", "env": [{"name": "WHOM", "value": "{{workflow.name}}"}]}]}'
templates:
- name: main
  steps:
  - - {name: told, template: told}
  - - {name: heard, template: heard, arguments: {parameters: [{name: what, value: "{{steps.told.outputs.result}}"}]}}
- name: told
  podSpecPatch: |
    containers:
    - {name: main, env: [{name: WHAT, value: patched}]}
    - {name: more, image: busybox, command: [sleep, "60"]}
  container: {image: busybox, command: [sh, -c, 'echo $WHAT $KEPT for $WHOM'], env: [{name: WHAT, value: before}, {name: KEPT, value: kept}]}
- name: heard
  inputs: {parameters: [{name: what}]}
  container: {image: busybox, command: ["true"]}
"""


def test_a_step_runs_as_both_patches_say(engine_server: Any) -> None:
    ended = engine_server.run({"metadata": {"generateName": "patched-"}, "spec": yaml.safe_load(STEPS)})
    assert ended["status"]["phase"] == "Succeeded", ended["status"]
    [heard] = [one for one in ended["status"]["nodes"].values() if one["displayName"] == "heard"]
    assert heard["inputs"]["parameters"][0]["value"] == f"patched kept for {ended['metadata']['name']}"


@pytest.mark.parametrize(
    ("template", "patch", "changed"),
    [
        ({"container": {"image": IMAGE}}, "containers: [{name: main, args: [a]}]", {"container": {"image": IMAGE, "name": "main", "args": ["a"]}}),
        ({"script": {"source": "1"}}, "containers: [{name: main, image: x}]", {"script": {"source": "1", "name": "main", "image": "x"}}),
        ({"containerSet": {"containers": [{"name": "a"}, {"name": "b"}]}}, "containers: [{name: b, image: x}]",
         {"containerSet": {"containers": [{"name": "a"}, {"name": "b", "image": "x"}]}}),
        ({"container": {}, "sidecars": [{"name": "s", "image": "1"}]}, "containers: [{name: s, image: '2'}, {name: wait, image: x}]",
         {"sidecars": [{"name": "s", "image": "2"}]}),
        ({"container": {}, "initContainers": [{"name": "i"}]}, "initContainers: [{name: i, image: x}, {name: init, image: x}]",
         {"initContainers": [{"name": "i", "image": "x"}]}),
        ({"container": {}}, "volumes: [{name: v, emptyDir: {}}]", {"volumes": [{"name": "v", "emptyDir": {}}]}),
        ({"container": {}}, "activeDeadlineSeconds: 3", {"activeDeadlineSeconds": 3}),
    ],
)  # fmt: skip
def test_a_patch_reaches_the_part_of_the_template_that_it_names(
    template: dict[str, Any], patch: str, changed: dict[str, Any]
) -> None:
    made = patched(template, [patch])
    assert {key: made[key] for key in changed} == changed


def test_what_is_no_field_of_a_pod_changes_nothing() -> None:
    template = {"name": "a", "container": {"image": IMAGE, "name": "main"}, "inputs": {}}
    made = patched(template, ["{name: b, inputs: {parameters: []}, dag: {}, nodeName: x}"])
    assert {key: made[key] for key in template} == template and "dag" not in made


def test_what_has_no_container_of_its_own_stays_as_it_is() -> None:
    assert patched({"http": {"url": "x"}}, ["activeDeadlineSeconds: 3"]) == {"http": {"url": "x"}}


@pytest.mark.parametrize(
    "patch", ["{a: [", "words", "[1]", "containers: 1", "containers: [{image: x}]", "containers: [1]", "volumes: words"]
)
def test_what_is_no_part_of_a_pods_spec_is_refused_as_argo_does(patch: str) -> None:
    with pytest.raises(ValueError, match="Error applying PodSpecPatch"):
        patched({"container": {}}, [patch])


def test_the_first_volume_that_nothing_defines_is_named() -> None:
    template = {"containerSet": {"volumeMounts": [{"name": "a"}], "containers": [{"name": "c", "volumeMounts": [{"name": "b"}]}]},
                "sidecars": [{"name": "s", "volumeMounts": [{"name": "d"}]}], "volumes": [{"name": "b"}]}  # fmt: skip
    assert volume_not_there(template, [{"name": "a"}]) == "d"
    assert volume_not_there(template, [{"name": "a"}, {"name": "d"}]) == ""
