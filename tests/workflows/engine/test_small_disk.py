"""A step that takes the whole disk of the home, a real small one: it ends with a message, and everything else goes on."""

import os
import subprocess
from collections.abc import Iterator

import pytest
from servers import EngineServer, wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount the small disk that this fills")
MIB = 150


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineServer]:
    home = tmp_path_factory.mktemp("small")
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={MIB}m,mode=700", "tmpfs", str(home)], check=True)
    try:
        server = EngineServer(home)
        try:
            yield server
        finally:
            server.stop()
    finally:
        subprocess.run(["umount", "-l", str(home)], check=True)


def filling(*commands: str) -> dict:
    """A workflow whose steps, one after another, run these commands."""
    names = [f"step-{number}" for number in range(len(commands))]
    templates = [
        {"name": name, "container": {"image": "busybox", "command": ["sh", "-c", command]}}
        for name, command in zip(names, commands, strict=True)
    ]
    main = {
        "name": "main",
        "steps": [[{"name": name, "template": name, "continueOn": {"failed": True, "error": True}}] for name in names],
    }
    return {"metadata": {"generateName": "fill-"}, "spec": {"entrypoint": "main", "templates": [main, *templates]}}


def steps(workflow: dict) -> list[tuple[str, str]]:
    """Phase and message of each step, in order."""
    found = {one["displayName"]: one for one in workflow["status"]["nodes"].values() if one["type"] == "Pod"}
    return [(found[name]["phase"], found[name].get("message", "")) for name in sorted(found)]


def test_a_step_that_leaves_a_full_disk_behind_ends_with_its_own_code_and_the_next_one_runs(
    small: EngineServer,
) -> None:
    made = small.submit(filling("head -c 1000000000 /dev/zero > /tmp/all; exit 3", "echo fine"))["metadata"]["name"]
    ended = small.ended(made, seconds=120)
    (first, said), second = steps(ended)
    assert (first, second) == ("Failed", ("Succeeded", ""))
    assert said.startswith("main: Error (exit code 3)") and said.endswith("No space left on device")


def test_a_step_that_keeps_the_disk_full_is_ended_and_others_go_on(small: EngineServer) -> None:
    made = small.submit(filling("head -c 1000000000 /dev/zero > /tmp/all; sleep 600", "echo fine"))["metadata"]["name"]
    wait_until(lambda: os.statvfs(small.home).f_bavail * 4096 < 1 << 20, "the disk is full", 60)
    phases = steps(small.ended(made, seconds=120))
    assert [phase for phase, _ in phases] == ["Failed", "Succeeded"]
    assert "The node was low on resource: ephemeral-storage. Threshold quantity: 7Mi." in phases[0][1]
    assert small.run(filling("echo all is well"))["status"]["phase"] == "Succeeded"
