"""`artifactRepositoryRef`, and data templates over an S3 elsewhere: artifacts that lie where a config map of the project says."""

import json
from datetime import UTC, datetime

import pytest
from test_outside import KEYS, at
from test_pods import log_of

from workflows.engine.machine import World, advance
from workflows.engine.state import Workflow

DEFAULT = {"workflows.argoproj.io/default-artifact-repository": "usual"}
WRITE = {"name": "write", "container": {"image": "busybox", "command": ["sh", "-c", "echo kept > /tmp/f"]},
         "outputs": {"artifacts": [{"name": "f", "path": "/tmp/f", "archive": {"none": {}}},
                                   {"name": "keyed", "path": "/tmp/f", "archive": {"none": {}}, "s3": {"key": "own/key"}}]}}  # fmt: skip
READ = {"name": "read", "container": {"image": "busybox", "command": ["cat", "/in/f", "/in/keyed"]},
        "inputs": {"artifacts": [{"name": "f", "path": "/in/f"}, {"name": "keyed", "path": "/in/keyed", "s3": {"key": "own/key"}}]}}  # fmt: skip
MAIN = {"name": "main", "steps": [
    [{"name": "write", "template": "write"}],
    [{"name": "read", "template": "read", "arguments": {"artifacts": [{"name": "f", "from": "{{steps.write.outputs.artifacts.f}}"}]}}],
]}  # fmt: skip


def workflow(*templates: dict, **spec: object) -> dict:
    return {"metadata": {"generateName": "stored-"}, "spec": {"entrypoint": "main", "templates": list(templates), **spec}}  # fmt: skip


def put_map(engine_server, s3, name: str, annotations: dict, key_format: str) -> None:
    store = {
        "bucket": "models",
        "endpoint": s3.url.removeprefix("http://"),
        "insecure": True,
        "keyFormat": key_format,
        **KEYS,
    }
    body = {"metadata": {"name": name, "annotations": annotations}, "data": {"usual": json.dumps({"s3": store})}}
    answer = engine_server.http.post("/api/v1/config-maps/flights", json={"configMap": body})
    assert answer.status_code in (200, 409), answer.text


@pytest.mark.parametrize("reference", [{"configMap": "stores"}, {"configMap": "stores", "key": "usual"}])
def test_artifacts_lie_where_the_repository_says(engine_server, s3, reference):
    put_map(engine_server, s3, "stores", DEFAULT, "runs/{{workflow.name}}/{{pod.name}}")
    done = engine_server.run(workflow(MAIN, WRITE, READ, artifactRepositoryRef=reference))
    assert done["status"]["phase"] == "Succeeded", done["status"]
    assert done["status"]["artifactRepositoryRef"]["key"] == "usual"
    name = done["metadata"]["name"]
    (kept,) = (s3.folder / "models/runs" / name).glob("*/f")
    assert kept.read_text() == "kept\n"
    assert (s3.folder / "models/own/key").read_text() == "kept\n"
    assert log_of(engine_server, name).count("kept") == 2


def test_a_data_template_lists_an_s3_elsewhere(engine_server, s3):
    for name in ("a.txt", "b.log", "deep/c.txt"):
        place = s3.folder / "models/list" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(name)
    source = {"artifactPaths": {"name": "files", **at(s3, "list/")}}
    listed = {"name": "main", "data": {"source": source, "transformation": [{"expression": "filter(data, {# endsWith '.txt'})"}]}}  # fmt: skip
    done = engine_server.run(workflow(listed))
    assert done["status"]["phase"] == "Succeeded", done["status"]
    (node,) = done["status"]["nodes"].values()
    assert json.loads(node["outputs"]["result"]) == ["list/a.txt", "list/deep/c.txt"]
    source["artifactPaths"]["s3"]["bucket"] = "nowhere"
    done = engine_server.run(workflow(listed))
    assert "unable to source artifact paths: failed to list directory: " in done["status"]["message"]


class Maps(dict):
    def config_map(self, namespace, name):
        return self.get(name)


@pytest.mark.parametrize(
    ("maps", "reference", "told"),
    [
        ({}, {"key": "my-key"}, 'failed to find any artifact repository for artifact repository ref "#my-key"'),
        ({"m": {"data": {}}}, {"configMap": "m"}, 'failed to find any artifact repository for artifact repository ref "m#"'),
        ({"m": {"data": {"k": "s3: ["}}}, {"configMap": "m", "key": "k"}, 'failed to unmarshall config map key "k"'),
        ({"m": {"data": {"k": "gcs: {bucket: b}"}}}, {"configMap": "m", "key": "k"}, "or in an S3: set s3.endpoint"),
    ],
)  # fmt: skip
def test_a_repository_that_is_not_to_be_had_ends_the_workflow_as_on_argo(maps, reference, told):
    spec = {"entrypoint": "main", "templates": [WRITE | {"name": "main"}], "artifactRepositoryRef": reference}
    metadata = {"name": "w", "namespace": "flights", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"}
    found = Workflow({"metadata": metadata, "spec": spec, "status": {}})
    advance(found, datetime(2026, 1, 1, tzinfo=UTC), World.of(Maps(maps)))
    assert found.status["phase"] == "Error"
    assert found.status["message"].startswith("failed to resolve artifact repository: ")
    assert told in found.status["message"]
