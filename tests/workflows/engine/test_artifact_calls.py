"""Artifacts by REST: outputs, inputs, by uid, folders; and nothing beyond them."""

import io
import tarfile

import pytest

WORKFLOW = {
    "metadata": {"generateName": "files-"},
    "spec": {
        "entrypoint": "all",
        "templates": [
            {"name": "all", "steps": [[{"name": "make", "template": "make"}], [{"name": "use", "template": "use", "arguments": {
                "artifacts": [{"name": "given", "from": "{{steps.make.outputs.artifacts.packed}}"}]}}]]},
            {"name": "make",
             "container": {"image": "busybox", "command": ["sh", "-c", "mkdir -p /tmp/d/in; echo deep > /tmp/d/in/a; echo one > /tmp/one"]},
             "outputs": {"artifacts": [{"name": "packed", "path": "/tmp/one"}, {"name": "plain", "path": "/tmp/one", "archive": {"none": {}}},
                                       {"name": "folder", "path": "/tmp/d", "archive": {"none": {}}}]}},
            {"name": "use", "container": {"image": "busybox", "command": ["cat", "/tmp/given"]},
             "inputs": {"artifacts": [{"name": "given", "path": "/tmp/given"}, {"name": "said", "path": "/tmp/said", "raw": {"data": "text"}}]}},
        ],
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def made(engine_server):
    found = engine_server.run(WORKFLOW)
    assert found["status"]["phase"] == "Succeeded", found["status"]
    return found


def node(made: dict, name: str) -> str:
    return next(key for key, one in made["status"]["nodes"].items() if one["displayName"] == name)


def get(server, path: str):
    return server.http.get(path, follow_redirects=False)


def test_an_output_is_downloaded_by_name_and_by_uid_as_an_attachment(engine_server, made):
    name, uid, make = made["metadata"]["name"], made["metadata"]["uid"], node(made, "make")
    for path in (f"/artifacts/flights/{name}/{make}/plain", f"/artifacts-by-uid/{uid}/{make}/plain",
                 f"/artifact-files/flights/workflows/{name}/{make}/outputs/plain",
                 f"/artifact-files/flights/archived-workflows/{uid}/{make}/outputs/plain"):  # fmt: skip
        answer = get(engine_server, path)
        assert (answer.status_code, answer.text) == (200, "one\n"), path
        assert "attachment" in answer.headers["content-disposition"]
        assert "sandbox" in answer.headers["content-security-policy"]
    packed = get(engine_server, f"/artifacts/flights/{name}/{make}/packed").content
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        assert archive.getnames() == ["one"]


def test_an_input_is_downloaded_too(engine_server, made):
    name, use = made["metadata"]["name"], node(made, "use")
    assert get(engine_server, f"/input-artifacts/flights/{name}/{use}/said").text == "text"
    assert get(engine_server, f"/input-artifacts/flights/{name}/{use}/given").status_code == 200


@pytest.mark.parametrize("file", ["..%2f..%2f..%2fengine.db", "%2e%2e/%2e%2e/%2e%2e/%2e%2e/engine.db"])
def test_no_path_leads_out_of_an_artifact(engine_server, made, file):
    name, make = made["metadata"]["name"], node(made, "make")
    answer = get(engine_server, f"/artifact-files/flights/workflows/{name}/{make}/outputs/plain/{file}")
    assert answer.status_code in (400, 404)


def test_what_is_not_there_is_not_found_and_another_project_sees_nothing(engine_server, made):
    name, make, uid = made["metadata"]["name"], node(made, "make"), made["metadata"]["uid"]
    assert get(engine_server, f"/artifacts/flights/{name}/{make}/nothing").status_code == 404
    assert get(engine_server, f"/artifacts/other/{name}/{make}/plain").status_code == 404
    assert get(engine_server, f"/artifact-files/other/archived-workflows/{uid}/{make}/outputs/plain").status_code == 404
