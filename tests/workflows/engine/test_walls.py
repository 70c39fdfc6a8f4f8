"""What a step can reach, tried by steps."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from atrium.home import Home

TRY = """
import ctypes, json, os, pathlib, signal, socket
def attempt(action):
    try:
        return str(action())[:200]
    except Exception as error:
        return f"refused: {type(error).__name__}"
def libc(name, *arguments):
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), name)
def environments():
    return [p.read_bytes().decode(errors='replace') for p in pathlib.Path('/proc').glob('[0-9]*/environ') if os.access(p, os.R_OK)]
seen = {
    "key": attempt(lambda: pathlib.Path('HOME_FOLDER/keys').joinpath('identity.key').read_text()),
    "database": attempt(lambda: open('HOME_FOLDER/atrium.db', 'rb').read(10)),
    "engine": attempt(lambda: open('HOME_FOLDER/engine/engine.db', 'rb').read(10)),
    "other": attempt(lambda: os.listdir('HOME_FOLDER/projects/other/data')),
    "shadow": attempt(lambda: open('/etc/shadow').read()),
    "root": attempt(lambda: os.listdir('/root')),
    "kill": attempt(lambda: os.kill(SERVER_PID, 0)),
    "usr": attempt(lambda: open('/usr/x', 'w')),
    "parent": any('SECRET_OF_PARENT' in text for text in environments()),
    "data": attempt(lambda: pathlib.Path(os.environ['ATRIUM_DATA'], 'mine').write_text('x')),
    "capabilities": next(line.split()[1] for line in open('/proc/self/status') if line.startswith('CapEff')),
    "token": len(open(os.environ['ATRIUM_TOKEN_FILE']).read()) > 50,
    "secret": os.environ['PASSWORD'],
    "mount": attempt(lambda: libc('mount', b'none', b'/mnt', b'tmpfs', 0, None)),
    "unmount": attempt(lambda: libc('umount2', b'/usr', 2)),
    "namespace": attempt(lambda: libc('setns', os.open('/proc/1/ns/mnt', 0), 0)),
    "chroot": attempt(lambda: os.chroot('/tmp')),
    "device": attempt(lambda: os.mknod('/tmp/disk', 0o60600, os.makedev(254, 0))),
    "owner": attempt(lambda: os.chown('/tmp', 12345, 12345)),
    "kernel": attempt(lambda: open('/proc/sys/kernel/core_pattern', 'a').close()),
    "sysrq": attempt(lambda: open('/proc/sysrq-trigger', 'w').write('h')),
    "groups": attempt(lambda: os.mkdir('/sys/fs/cgroup/memory/x')),
    "mlflow": attempt(lambda: socket.socket(socket.AF_UNIX).connect('RUN_FOLDER/mlflow.sock')),
    "triton": attempt(lambda: socket.socket(socket.AF_UNIX).connect('RUN_FOLDER/triton-http.sock')),
    "sockets": attempt(lambda: os.listdir('RUN_FOLDER')),
    "trace": attempt(lambda: libc('ptrace', 16, SERVER_PID, None, None)),
    "box": next(line.split()[1] for line in open('/proc/1/status') if line.startswith('CapEff')),
    "memory": attempt(lambda: open('/proc/SERVER_PID/mem', 'rb').read(1)),
    "keeper": attempt(lambda: socket.socket(socket.AF_UNIX).connect('RUN_FOLDER/keeper.sock')),
    "private": attempt(lambda: os.listdir('/etc/ssl/private')),
    "steps": attempt(lambda: os.listdir('HOME_FOLDER/engine/steps')),
    "written": [str(p) for p in pathlib.Path('/proc').rglob('*') if not p.parts[2].isdigit() and p.parts[2] not in ('self', 'thread-self')
                and not p.is_symlink() and p.is_file() and os.access(p, os.W_OK)][:5],
    "processes": len([p for p in pathlib.Path('/proc').glob('[0-9]*')]),
    "setuid": open('/proc/self/status').read().partition('NoNewPrivs:')[2].split()[0],
    "abstract": [line.split()[-1] for line in open('/proc/net/unix') if '@' in line.split()[-1] and 'atrium' in line],
}
print(json.dumps(seen))
"""


@contextmanager
def listening(path: Path) -> Iterator[None]:
    """A socket at the path by which the door reaches a component of the platform."""
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))
        one.listen()
        yield
    path.unlink()


@pytest.fixture(scope="module")
def seen(engine_server):
    run = Home(engine_server.home).run
    source = (
        TRY.replace("RUN_FOLDER", str(run))
        .replace("HOME_FOLDER", str(engine_server.home))
        .replace("SERVER_PID", str(engine_server.process.pid))
    )
    reference = {"secretKeyRef": {"name": "my-secret", "key": "password"}}
    script = {
        "image": "python:3.11",
        "command": ["python"],
        "source": source,
        "env": [{"name": "PASSWORD", "valueFrom": reference}],
    }
    main = {"name": "main", "steps": [[{"name": "try", "template": "try"}]], "outputs": {
        "parameters": [{"name": "seen", "valueFrom": {"parameter": "{{steps.try.outputs.result}}"}}]}}  # fmt: skip
    templates = [main, {"name": "try", "script": script}]
    with listening(run / "mlflow.sock"), listening(run / "triton-http.sock"):
        done = engine_server.run(
            {"metadata": {"generateName": "walls-"}, "spec": {"entrypoint": "main", "templates": templates}}
        )
    assert done["status"]["phase"] == "Succeeded", done["status"]
    assert "hush-hush" not in json.dumps(done["spec"])
    return json.loads(done["status"]["nodes"][done["metadata"]["name"]]["outputs"]["parameters"][0]["value"])


@pytest.mark.parametrize(
    "what",
    ["key", "database", "engine", "other", "shadow", "kill", "usr", "mount", "unmount", "namespace", "chroot", "device", "owner", "kernel",
     "sysrq", "groups", "keeper", "mlflow", "triton", "sockets", "trace", "memory", "private", "steps"],
)  # fmt: skip
def test_a_step_cannot_reach(seen, what):
    assert seen[what].startswith("refused: "), f"{what}: {seen[what]}"


def test_a_step_sees_an_empty_home_of_root(seen):
    assert seen["root"] in ("[]", "refused: PermissionError")


def test_a_step_writes_nothing_of_the_kernels(seen):
    assert seen["written"] == []


def test_a_step_sees_its_own_processes_alone_and_gains_no_rights_by_setuid_files(seen):
    assert (seen["processes"] <= 3, seen["setuid"], seen["abstract"]) == (True, "1", [])


def test_a_step_sees_no_environment_of_the_server(seen):
    assert seen["parent"] is False


def test_a_step_has_no_capabilities(seen):
    assert int(seen["capabilities"], 16) == int(seen["box"], 16) == 0


def test_a_step_has_its_data_folder_its_token_and_the_secret_that_it_asked_for(seen):
    assert (seen["data"], seen["token"], seen["secret"]) == ("1", True, "hush-hush")


def test_a_viewer_may_read_runs_and_start_none(engine_server):
    as_viewer = {"Authorization": f"Bearer {engine_server.viewer_token}"}
    listed = engine_server.http.get("/api/v1/workflows/flights", headers=as_viewer)
    started = engine_server.http.post("/api/v1/workflows/flights", json={"workflow": {}}, headers=as_viewer)
    elsewhere = engine_server.http.get("/api/v1/workflows/other", headers=as_viewer)
    assert [one.status_code for one in (listed, started, elsewhere)] == [200, 403, 403]
