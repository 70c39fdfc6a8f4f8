"""Registered images: who may, what is refused, and real steps in a virtual environment and in a root file system."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from servers import EngineServer

PRELUDE = """
import workflows
from atrium.errors import AtriumError
from atrium.identity import Actor, Kind, Role, platform_actor
boss = platform_actor("boss")
eve = Actor("eve", Kind.SESSION, {"flights": Role.ADMIN})
def refused(*arguments, who=boss, what=workflows.add_image, **more):
    try:
        what(who, *arguments, **more)
    except AtriumError as error:
        return f"{type(error).__name__}: {error.asked} | {error.allowed}"
    return "allowed"
"""


def ask(server, script: str) -> str:
    """What a script prints that runs in the server's home."""
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + script], env=server.environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def workflow(image: str, script: str, **more: object) -> dict:
    body = {"image": image, "command": ["sh", "-c", script]}
    spec = {"entrypoint": "main", "templates": [{"name": "main", "container": body, **more}]}
    return {"metadata": {"generateName": "image-"}, "spec": spec}


def logs(server, done: dict) -> str:
    name = done["metadata"]["name"]
    answer = server.http.get(
        f"/api/v1/workflows/flights/{name}/log", params={"podName": name, "logOptions.container": "main"}
    )
    return "\n".join(
        json.loads(line.removeprefix("data: "))["result"]["content"] for line in answer.text.splitlines() if line
    )


def only(done: dict) -> dict:
    return next(iter(done["status"]["nodes"].values()))


@pytest.fixture(scope="module")
def venv(tmp_path_factory):
    """A virtual environment with a package that nothing else has."""
    place = tmp_path_factory.mktemp("environments") / "torch"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(place), "platbase": str(place)}))
    (packages / "only_here.py").write_text("WORD = 'from the environment'\n")
    return place


@pytest.fixture(scope="module")
def rootfs(tmp_path_factory):
    """A root file system of a shell, its libraries and busybox's tools, and no /usr."""
    place = tmp_path_factory.mktemp("rootfs")
    for folder in ("bin", "etc", "opt/deep"):
        (place / folder).mkdir(parents=True)
    (place / "etc/os-release").write_text("ID=tiny\n")
    told = subprocess.run(["ldd", "/bin/sh"], capture_output=True, text=True, check=True).stdout
    libraries = [word for word in told.split() if word.startswith("/")]
    for tool in ("/bin/sh", "/bin/cat", "/bin/ls", "/bin/touch", *libraries):
        (place / tool.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tool, place / tool.lstrip("/"))
    more = subprocess.run(["ldd", "/bin/ls", "/bin/cat"], capture_output=True, text=True, check=True).stdout.split()
    for library in {word for word in more if word.startswith("/") and not word.endswith(":")}:
        (place / library.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, place / library.lstrip("/"))
    return place


def test_a_step_runs_in_the_virtual_environment_that_stands_for_its_image(engine_server, venv):
    ask(engine_server, f"workflows.add_image(boss, 'team/torch:*', 'venv', {str(venv)!r})")
    script = (
        "python -c 'import only_here, sys; print(only_here.WORD, sys.prefix)'; touch $(dirname $(command -v python))/x"
    )
    done = engine_server.run(workflow("docker.io/team/torch:2.1", script))
    assert f"from the environment {venv}" in logs(engine_server, done)
    assert done["status"]["phase"] == "Failed" and not (venv / "bin/x").exists()
    assert only(done)["standsFor"] == {"docker.io/team/torch:2.1": f"a virtual environment: {venv}"}


def test_a_step_sees_a_registered_root_file_system_and_nothing_of_the_machine(engine_server, rootfs):
    ask(engine_server, f"workflows.add_image(boss, 'tiny', 'rootfs', {str(rootfs)!r})")
    script = (
        "cat /etc/os-release; ls /usr/bin; for f in /bin/x /x /opt/deep/x /tmp/x; do touch $f && echo wrote $f; done; "
        "echo 42 >/tmp/p; cat $ATRIUM_TOKEN_FILE >/work/t && touch $ATRIUM_DATA/mine && echo out >/out/f"
    )
    outputs = {
        "parameters": [{"name": "answer", "valueFrom": {"path": "/tmp/p"}}],
        "artifacts": [{"name": "made", "path": "/out/f"}],
    }
    done = engine_server.run(workflow("tiny:latest", script, outputs=outputs))
    text = logs(engine_server, done)
    assert done["status"]["phase"] == "Succeeded", text
    assert only(done)["outputs"]["parameters"][0]["value"] == "42"
    assert "ID=tiny" in text and "/usr/bin" in text and text.count("wrote") == 1 and "wrote /tmp/x" in text
    assert sorted(one.name for one in rootfs.rglob("x")) == []


@pytest.fixture(scope="module")
def podman_image(rootfs, tmp_path_factory):
    """An image of podman's made of the root file system, with an entrypoint, a command, a variable and a working folder."""
    if not shutil.which("podman"):
        pytest.skip("podman is not on this machine (apt-get install podman)")
    packed = tmp_path_factory.mktemp("image") / "image.tar"
    subprocess.run(["tar", "-cf", str(packed), "-C", str(rootfs), "."], check=True)
    changes = (
        'ENTRYPOINT ["/bin/sh", "-c"]',
        """CMD ["echo $MOOD from $(ls -d $PWD)"]""",
        "ENV MOOD=calm",
        "WORKDIR /opt/deep",
    )
    words = [word for change in changes for word in ("--change", change)]
    name = f"localhost/atrium-test:{os.getpid()}"
    made = subprocess.run(["podman", "import", *words, str(packed), name], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"podman cannot make an image here: {made.stderr[-200:]}")
    yield name
    subprocess.run(["podman", "rmi", name], capture_output=True)


def test_a_step_runs_in_an_image_of_podmans_as_its_maker_set_it(engine_server, podman_image):
    ask(engine_server, f"workflows.add_image(boss, 'team/calm:1', 'oci', {podman_image!r})")
    container = {"image": "team/calm:1"}
    plain = {"entrypoint": "main", "templates": [{"name": "main", "container": container}]}
    done = engine_server.run({"metadata": {"generateName": "oci-"}, "spec": plain})
    assert (done["status"]["phase"], logs(engine_server, done)) == ("Succeeded", "calm from /opt/deep"), done["status"]
    assert only(done)["standsFor"]["team/calm:1"].startswith("a container image: podman ")
    told = engine_server.run(workflow("team/calm:1", "cat /etc/os-release; touch /x"))
    assert (told["status"]["phase"], "ID=tiny" in logs(engine_server, told)) == ("Failed", True)
    (copy,) = (engine_server.home / "images").iterdir()
    ask(engine_server, "workflows.remove_image(boss, 'team/calm:1')")
    assert not copy.exists()


def test_an_image_that_no_runtime_has_is_refused_in_words(engine_server):
    told = ask(engine_server, "print(refused('x', 'oci', 'localhost/no-such:1'), refused('x', 'oci', '--rm'))")
    assert "localhost/no-such:1" in told and ("do not have it" in told or "no container runtime" in told)
    assert "ImageNameInvalid" in told


def test_an_exact_name_goes_before_a_pattern_and_both_before_the_machines_own(engine_server, venv):
    ask(engine_server, f"workflows.add_image(boss, 'python:3.1*', 'venv', {str(venv)!r}, exact=False)")
    script = "python -c 'import only_here'"
    assert engine_server.run(workflow("python:3.11", script))["status"]["phase"] == "Succeeded"
    other = venv.with_name("other")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(other)], check=True)
    ask(engine_server, f"workflows.add_image(boss, 'python:3.11', 'venv', {str(other)!r})")
    assert engine_server.run(workflow("python:3.11", script))["status"]["phase"] == "Failed"
    ask(engine_server, "for one in ('python:3.1*', 'python:3.11'): workflows.remove_image(boss, one)")
    told = only(engine_server.run(workflow("python:3.11", "true")))["standsFor"]["python:3.11"]
    assert told.startswith("the platform's Python: ")


def test_an_unknown_image_is_refused_with_the_list_in_which_registered_ones_stand(engine_server, venv):
    ask(engine_server, f"workflows.add_image(boss, 'team/known:1', 'venv', {str(venv)!r})")
    answer = engine_server.http.post("/api/v1/workflows/flights", json={"workflow": workflow("team/unknown:1", "true")})
    assert answer.status_code == 400
    assert "team/unknown:1" in answer.text and "team/known:1" in answer.text and "busybox:*" in answer.text


def test_a_folder_that_is_gone_is_named_at_submit(engine_server, venv):
    place = venv.with_name("short-lived")
    place.mkdir()
    (place / "bin").symlink_to(venv / "bin")
    ask(engine_server, f"workflows.add_image(boss, 'team/gone', 'venv', {str(place)!r})")
    shutil.rmtree(place)
    answer = engine_server.http.post("/api/v1/workflows/flights", json={"workflow": workflow("team/gone", "true")})
    assert answer.status_code == 400 and str(place) in answer.text


def test_an_inexact_image_is_refused_where_the_settings_ask_for_exact_ones(tmp_path, venv, monkeypatch):
    monkeypatch.setenv("ATRIUM_IMAGES_EXACT", "1")
    server = EngineServer(tmp_path)
    try:
        add = "workflows.add_image(boss, 'team/{0}', 'venv', {1!r}, exact={2})\n"
        ask(server, add.format("near", str(venv), False) + add.format("right", str(venv), True))
        posted = {
            image: server.http.post("/api/v1/workflows/flights", json={"workflow": workflow(image, "true")})
            for image in ("team/near", "team/right", "alpine:3")
        }
        assert {image: answer.status_code for image, answer in posted.items()} == {
            "team/near": 400, "team/right": 200, "alpine:3": 400,
        }  # fmt: skip
        assert "inexactly" in posted["team/near"].text
    finally:
        server.stop()


def test_only_the_administrator_registers_lists_and_removes_images(engine_server, venv):
    told = ask(
        engine_server,
        f"print(refused('a', 'venv', {str(venv)!r}, who=eve))\n"
        "print(refused(who=eve, what=workflows.list_images)); print(refused('a', who=eve, what=workflows.remove_image))",
    )
    assert [line.partition(":")[0] for line in told.splitlines()] == ["Forbidden"] * 3


def test_what_cannot_be_an_image_is_refused_with_its_value(engine_server, venv, tmp_path):
    home = str(engine_server.home)
    tries = {
        ("Bad Name", "venv", str(venv)): "ImageNameInvalid",
        ("x" * 201, "venv", str(venv)): "ImageNameInvalid",
        ("a", "vm", str(venv)): "Invalid: kind 'vm'",
        ("a", "oci", str(venv)): "ImageNameInvalid",
        ("a", "venv", "relative/path"): "ImageFolderInvalid",
        ("a", "venv", str(tmp_path / "missing")): "ImageFolderInvalid",
        ("a", "venv", str(tmp_path)): "a folder with bin/python",
        ("a", "rootfs", str(tmp_path)): "a folder with bin/sh",
        ("a", "rootfs", "/"): "the platform's home",
        ("a", "venv", home): "the platform's home",
    }
    told = ask(engine_server, f"for one in {list(tries)!r}: print(refused(*one))").splitlines()
    assert len(told) == len(tries)
    for said, (asked, expected) in zip(told, tries.items(), strict=True):
        assert expected in said, asked


def test_a_name_is_registered_once_and_both_changes_are_in_the_audit(engine_server, venv):
    told = ask(
        engine_server,
        f"import tenancy\nprint(refused('team/once', 'venv', {str(venv)!r})); print(refused('team/once', 'venv', {str(venv)!r}))\n"
        "print([one.exact for one in workflows.list_images(boss) if one.name == 'team/once'])\n"
        "workflows.remove_image(boss, 'team/once'); print(refused('team/once', what=workflows.remove_image))\n"
        "print([one.action for one in tenancy.list_audit(boss, None).items if one.object == 'team/once'])",
    ).splitlines()
    assert told[0] == "allowed" and told[1].startswith("ImageExists") and told[3].startswith("ImageNotFound")
    assert (told[2], told[4]) == ("[True]", "['image.remove', 'image.add']")
