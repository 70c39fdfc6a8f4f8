"""A full disk: told in words wherever something is written, and everything goes on once there is room again."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from instances import down, instance, sign_in, until
from support import ATRIUM, Platform

pytestmark = [pytest.mark.platform, pytest.mark.timeout(600)]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount the small disk that this fills")


def _mount(folder: Path, mib: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=700", "tmpfs", str(folder)], check=True)


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", "-l", str(folder)], check=True)


def _fill(folder: Path) -> Path:
    """Leaves not one block of the disk free."""
    ballast = folder / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return ballast


@needs_root
def test_a_home_with_too_little_room_is_told_before_anything_starts(tmp_path: Path) -> None:
    made = instance(tmp_path / "home")
    _mount(made.home, 100)
    try:
        said = subprocess.run(
            [str(ATRIUM), "up", "--no-examples"], env=made.environment, capture_output=True, text=True
        )
        assert said.returncode == 1
        assert f"MiB left for {made.home}" in said.stderr and "at least 512 MiB" in said.stderr
        assert "ATRIUM_HOME" in said.stderr
        assert not (made.home / "supervisord.conf").exists()
    finally:
        _unmount(made.home)


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    made = instance(tmp_path_factory.mktemp("small") / "home")
    _mount(made.home, 700)
    try:
        made.atrium("up", "--no-examples")
        made.atrium("project", "create", "flights")
        yield made
    finally:
        down(made)
        _unmount(made.home)


def _mlflow(platform: Platform, token: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=f"{platform.url}/mlflow/api/2.0", headers=headers, timeout=60)


def _submit(platform: Platform, token: str, command: str) -> str:
    step = {"container": {"image": "busybox:1", "command": ["sh", "-c", command]}}
    manifest = {
        "metadata": {"generateName": "fill-"},
        "spec": {"entrypoint": "main", "templates": [{"name": "main", **step}]},
    }
    answer = httpx.post(
        f"{platform.url}/argo/api/v1/workflows/flights",
        json={"workflow": manifest},
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    )
    answer.raise_for_status()
    return str(answer.json()["metadata"]["name"])


def _workflow(platform: Platform, token: str, run: str) -> str:
    url = f"{platform.url}/argo/api/v1/workflows/flights/{run}"
    answer = httpx.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=60)
    return answer.text if answer.is_success else ""


def _phase(platform: Platform, token: str, run: str) -> str:
    found = _workflow(platform, token, run)
    return str(json.loads(found)["status"].get("phase")) if found else ""


@needs_root
def test_each_writer_tells_of_the_full_disk_and_goes_on_once_there_is_room(small_disk: Platform) -> None:
    token = small_disk.token("flights")
    administrator = small_disk.atrium("token", "create", "test", "--administrator").strip()
    with _mlflow(small_disk, token) as mlflow:
        kept = mlflow.post("/mlflow/experiments/create", json={"name": "kept"})
        assert kept.status_code == 200
        ballast = _fill(small_disk.home)

        refused = mlflow.put("/mlflow-artifacts/artifacts/0/x/model.bin", content=bytes(8 << 20))
        assert refused.status_code == 507, refused.text
        assert f"the disk of {small_disk.home} is full" in refused.json()["message"]
        assert "free some room" in refused.json()["message"]

        told = httpx.post(f"{small_disk.url}/api/v1/projects", json={"name": "another"}, timeout=60,
                          headers={"Authorization": f"Bearer {administrator}"})  # fmt: skip
        assert (told.status_code, told.json()["error"]) == (507, "StorageFull"), told.text
        assert sign_in(small_disk, "correct horse battery") == 507

        ballast.unlink()
        until(lambda: sign_in(small_disk, "correct horse battery") == 303, "signing in", 60)
        again = mlflow.put("/mlflow-artifacts/artifacts/0/x/model.bin", content=bytes(8 << 20))
        assert again.status_code == 200, again.text
        assert mlflow.post("/mlflow/experiments/search", json={"max_results": 10}).json()["experiments"][0]["name"]
    run = _submit(small_disk, token, "echo all is well")
    until(lambda: _phase(small_disk, token, run) == "Succeeded", "a run after there was room")
    assert "up" in small_disk.atrium("status")


@needs_root
def test_a_step_that_fills_the_disk_fails_in_words_and_the_server_goes_on(small_disk: Platform) -> None:
    token = small_disk.token("flights")
    run = _submit(
        small_disk,
        token,
        'said=$(head -c 2000000000 /dev/zero 2>&1 >/tmp/too-much); rm -f /tmp/too-much; echo "$said"; exit 9',
    )
    until(lambda: _phase(small_disk, token, run) in ("Failed", "Error"), "the step's end")
    printed = small_disk.atrium("logs", run, "--project", "flights")
    assert "No space left on device" in printed or "low on resource: ephemeral-storage" in _workflow(
        small_disk, token, run
    )
    again = _submit(small_disk, token, "echo all is well")
    until(lambda: _phase(small_disk, token, again) == "Succeeded", "the next run")
