"""Artifacts over HTTP, from git and in an S3 elsewhere: brought and taken by a helper inside the step's own walls."""

import json
import shutil
import subprocess
import tarfile
from io import BytesIO

import pytest
from test_pods import log_of, said, single

CAT = {"image": "busybox", "command": ["sh", "-c"]}
LOGIN = {f"{one}Secret": {"name": "my-secret", "key": one} for one in ("username", "password")}
KEYS = {f"{one}KeySecret": {"name": "s3", "key": one} for one in ("access", "secret")}


def at(s3, key: str, **more: object) -> dict:
    """Where an object of the S3 lies, as a template says it."""
    endpoint = s3.url.removeprefix("http://")
    return {"s3": {"endpoint": endpoint, "insecure": True, "bucket": "models", "key": key, **KEYS}, **more}


def reads(artifact: dict, script: str = "cat /in") -> dict:
    return {"name": "main", "inputs": {"artifacts": [{"name": "in", "path": "/in", **artifact}]},
            "container": {**CAT, "args": [script]}}  # fmt: skip


def writes(artifact: dict, script: str) -> dict:
    return {"name": "main", "outputs": {"artifacts": [{"name": "out", "path": "/tmp/out", **artifact}]},
            "container": {**CAT, "args": [script]}}  # fmt: skip


def failure(engine_server, template: dict) -> str:
    done = engine_server.run(single(template))
    assert done["status"]["phase"] == "Error", done["status"]
    return str(done["status"]["message"])


# --- HTTP -------------------------------------------------------------------------------------------------------------


def test_a_file_comes_by_http_with_its_headers(engine_server, web):
    (web.folder / "files").mkdir(exist_ok=True)
    (web.folder / "files/plain").write_text("from the web")
    artifact = {"http": {"url": f"{web.url}/files/plain", "headers": [{"name": "X-Asked", "value": "by a step"}]}}
    assert "from the web" in said(engine_server, reads(artifact))
    assert web.asked[-1][2]["X-Asked"] == "by a step"


def test_an_archive_that_comes_by_http_is_unpacked_unless_it_is_to_stay(engine_server, web):
    packed = BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("inner.txt")
        member.size = 5
        archive.addfile(member, BytesIO(b"inner"))
    (web.folder / "files").mkdir(exist_ok=True)
    (web.folder / "files/packed.tgz").write_bytes(packed.getvalue())
    artifact = {"http": {"url": f"{web.url}/files/packed.tgz"}}
    assert "inner" in said(engine_server, reads(artifact))
    assert "same" in said(
        engine_server, reads({**artifact, "archive": {"none": {}}}, "tar tzf /in >/dev/null && echo same")
    )


def test_a_password_of_the_projects_secrets_opens_a_locked_address(engine_server, web):
    (web.folder / "locked").mkdir(exist_ok=True)
    (web.folder / "locked/x").write_text("behind a lock")
    url = f"{web.url}/locked/x"
    done = engine_server.run(single(reads({"http": {"url": url, "auth": {"basicAuth": LOGIN}}})))
    assert "behind a lock" in log_of(engine_server, done["metadata"]["name"])
    assert "hush-hush" not in json.dumps(done)
    assert failure(engine_server, reads({"http": {"url": url}})) == (
        f"init: Error (exit code 64): artifact in failed to load: loading content from {url} failed with reason: 401 Unauthorized"
    )


def test_what_is_not_there_fails_unless_it_is_optional(engine_server, web):
    artifact = {"http": {"url": f"{web.url}/files/none"}}
    assert failure(engine_server, reads(artifact)).endswith("artifact in failed to load: 404 Not Found")
    assert "absent" in said(engine_server, reads({**artifact, "optional": True}, "test -e /in || echo absent"))


def test_an_output_goes_out_by_http_and_comes_in_again(engine_server, web):
    artifact = {"http": {"url": f"{web.url}/locked/made", "auth": {"basicAuth": LOGIN}}}
    done = engine_server.run(single(writes({**artifact, "archive": {"none": {}}}, "echo made >/tmp/out")))
    assert done["status"]["phase"] == "Succeeded", done["status"]
    assert (web.folder / "locked/made").read_text() == "made\n"
    assert "made" in said(engine_server, reads(artifact))


def test_an_output_that_is_not_taken_fails_the_step(engine_server, web):
    url = f"{web.url}/status/507"
    message = failure(engine_server, writes({"http": {"url": url}}, "echo x >/tmp/out"))
    assert message.startswith("wait: Error (exit code 64): saving file") and url in message


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("file:///etc/passwd", 'unsupported protocol scheme "file"'),
        ("nowhere", 'unsupported protocol scheme ""'),
        ("http:///x", "http: no Host in request URL"),
        ("http://nowhere.invalid/x", "dial tcp: lookup nowhere.invalid: no such host"),
        ("http://127.0.0.1:1/x", "dial tcp 127.0.0.1:1: connect: connection refused"),
    ],
)
def test_an_address_that_cannot_be_asked_is_told_in_gos_words(engine_server, url, told):
    said = failure(engine_server, reads({"http": {"url": url}}))
    assert said == f'init: Error (exit code 64): artifact in failed to load: Get "{url}": {told}'


def test_an_address_may_be_a_parameter_and_one_without_address_was_not_supplied(engine_server, web):
    (web.folder / "files").mkdir(exist_ok=True)
    (web.folder / "files/plain").write_text("from the web")
    artifact = {"http": {"url": "{{inputs.parameters.where}}"}}
    template = reads(artifact)
    template["inputs"]["parameters"] = [{"name": "where", "value": f"{web.url}/files/plain"}]
    assert "from the web" in said(engine_server, template)


# --- git --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def repository(engine_server):
    """A repository in the project's data folder, with two branches, a tag and three commits."""
    if not shutil.which("git"):
        pytest.skip("git is not on this machine")
    place = engine_server.home / "projects/flights/data/code"
    place.mkdir(parents=True)

    def git(*words: str) -> str:
        who = ("-c", "user.name=t", "-c", "user.email=t@test.invalid")
        return subprocess.run(["git", *who, *words], cwd=place, check=True, capture_output=True, text=True).stdout

    git("init", "-q", "-b", "main")
    for number in (1, 2):
        (place / "file").write_text(f"main {number}")
        git("add", "file")
        git("commit", "-qm", f"{number}")
        git("tag", f"v{number}")
    git("checkout", "-qb", "other", "v1")
    (place / "file").write_text("other")
    git("commit", "-qam", "other")
    git("checkout", "-q", "main")
    return place


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({}, "main 2"),
        ({"revision": "v1"}, "main 1"),
        ({"revision": "other"}, "other"),
        ({"singleBranch": True, "branch": "other"}, "other"),
        ({"depth": 1}, "main 2"),
        ({"depth": 1, "revision": "v1"}, "main 1"),
    ],
)
def test_a_repository_of_the_projects_folder_is_cloned(engine_server, repository, how, expected):
    template = reads({"git": {"repo": str(repository), **how}}, 'printf "[%s]" "$(cat /in/file)"; ls -d /in/.git')
    assert f"[{expected}]" in said(engine_server, template)


def test_a_depth_is_kept(engine_server, repository):
    script = "test -s /in/.git/shallow && echo shallow"
    assert "shallow" in said(engine_server, reads({"git": {"repo": str(repository), "depth": 1}}, script))


def test_a_relative_path_is_one_of_the_projects_data_folder(engine_server, repository):
    assert "main 2" in said(engine_server, reads({"git": {"repo": repository.name}}, "cat /in/file"))


def test_a_repository_comes_by_http(engine_server, repository, web):
    served = web.folder / "files/code.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(repository), str(served)], check=True)
    subprocess.run(["git", "update-server-info"], cwd=served, check=True)
    template = reads({"git": {"repo": f"{web.url}/files/code.git", **LOGIN}}, "cat /in/file")
    assert "main 2" in said(engine_server, template)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"repo": "/no/such"}, 'failed to clone "/no/such": repository not found'),
        ({"revision": "none"}, "failed to get resolve revision: reference not found"),
        ({"singleBranch": True}, "single branch mode without a branch specified"),
        ({"singleBranch": True, "branch": "none"}, "reference not found"),
    ],
)
def test_what_git_cannot_do_is_told_in_argos_words(engine_server, repository, how, message):
    told = failure(engine_server, reads({"git": {"repo": str(repository), **how}}))
    assert told.startswith("init: Error (exit code 64): artifact in failed to load: ") and told.endswith(message)


def test_another_projects_repository_is_not_there(engine_server, repository):
    other = engine_server.home / "projects/other/data/code"
    shutil.copytree(repository, other)
    assert failure(engine_server, reads({"git": {"repo": str(other)}})).endswith("repository not found")


# --- S3 ---------------------------------------------------------------------------------------------------------------


def test_an_output_goes_to_an_s3_and_comes_from_it(engine_server, s3):
    done = engine_server.run(single(writes(at(s3, "sub/out.tgz"), "echo kept >/tmp/out")))
    assert done["status"]["phase"] == "Succeeded", done["status"]
    with tarfile.open(s3.folder / "models/sub/out.tgz") as archive:
        assert archive.getnames() == ["out"]
    assert "kept" in said(engine_server, reads(at(s3, "sub/out.tgz")))


def test_a_folder_of_an_s3_comes_whole_and_a_sub_path_alone(engine_server, s3):
    for name in ("a", "b"):
        (s3.folder / "models/many").mkdir(exist_ok=True)
        (s3.folder / "models/many" / name).write_text(f"part {name}")
    assert "part apart b" in said(engine_server, reads(at(s3, "many"), "cat /in/a /in/b"))
    assert "part b" in said(engine_server, reads(at(s3, "many", subPath="b")))


def test_a_key_that_is_not_there_is_told_as_by_argo(engine_server, s3):
    told = failure(engine_server, reads(at(s3, "none")))
    assert told == "init: Error (exit code 64): artifact in failed to load: The specified key does not exist."
    assert "absent" in said(engine_server, reads(at(s3, "none", optional=True), "test -e /in || echo absent"))


def test_wrong_keys_of_an_s3_are_told(engine_server, s3):
    artifact = at(s3, "sub/out.tgz")
    artifact["s3"] |= {"accessKeySecret": {"name": "my-secret", "key": "password"}}
    assert "ACCESS_DENIED" in failure(engine_server, reads(artifact)).upper().replace(" ", "_")


def test_an_archive_location_takes_the_outputs_that_name_no_place(engine_server, s3):
    place = at(s3, "runs/{{workflow.name}}")["s3"]
    template = writes({}, "echo archived >/tmp/out") | {"archiveLocation": {"s3": place}}
    done = engine_server.run(single(template))
    name = done["metadata"]["name"]
    assert done["status"]["phase"] == "Succeeded", done["status"]
    assert (s3.folder / f"models/runs/{name}/out.tgz").is_file()
    assert "archived" in said(engine_server, reads(at(s3, f"runs/{name}/out.tgz")))
