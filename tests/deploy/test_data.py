"""A project's part of the shared volume: its own folder, for its own namespace."""

import pytest

from app.deploying.data import VolumeNotShared, part_of
from workflows.clusters.steps import VOLUME, with_data

SPEC = {"capacity": {"storage": "100Gi"}, "accessModes": ["ReadWriteMany"], "claimRef": {"name": "atrium-data"}}


@pytest.mark.parametrize("kind", ["nfs", "hostPath", "local"])
def test_a_projects_part_is_its_folder_and_bound_to_its_namespace(kind: str) -> None:
    volume = {"metadata": {"name": "all"}, "spec": {**SPEC, kind: {"path": "/data/", "server": "files"}}}
    made = part_of(volume, "flights")
    assert made["spec"][kind] == {"path": "/data/flights/data", "server": "files"}
    assert made["spec"]["claimRef"]["namespace"] == "flights"


def test_a_volume_without_folders_is_refused_with_what_can_be_done() -> None:
    with pytest.raises(VolumeNotShared) as refused:
        part_of({"metadata": {"name": "all"}, "spec": {**SPEC, "csi": {"driver": "rbd"}}}, "flights")
    assert "by hand" in refused.value.next_step


def test_every_container_of_a_workflow_mounts_the_projects_data_by_its_own_template() -> None:
    templates = [{"name": "a", "container": {"volumeMounts": [{"name": "own"}]}, "volumes": [{"name": "more"}]}, {"name": "b", "dag": {}},
                 {"name": "c", "script": {}}, {"name": "d", "containerSet": {"containers": []}}]  # fmt: skip
    given = {"spec": {"templates": templates, "volumes": [{"name": "own"}]}}
    made = with_data(given, "claim", "/data/flights")
    assert made["spec"]["volumes"] == [{"name": "own"}]
    a, b, c, d = made["spec"]["templates"]
    mount, volume = {"name": VOLUME, "mountPath": "/data/flights"}, [VOLUME]
    assert (a["container"]["volumeMounts"], c["script"]["volumeMounts"]) == ([{"name": "own"}, mount], [mount])
    assert (d["containerSet"]["volumeMounts"], b) == ([mount], {"name": "b", "dag": {}})
    assert [[one["name"] for one in each["volumes"]] for each in (a, c, d)] == [["more", VOLUME], volume, volume]
    assert with_data(made, "claim", "/data/flights") == made


@pytest.mark.parametrize(
    "spec",
    [{"templates": [{"container": {}}], "volumes": [{"name": VOLUME}]}, {"workflowTemplateRef": {"name": "kept"}}],
)
def test_a_workflow_with_such_a_volume_of_its_own_or_without_templates_stays_as_it_is(spec: dict[str, object]) -> None:
    assert with_data({"spec": spec}, "claim", "/data") == {"spec": spec}
