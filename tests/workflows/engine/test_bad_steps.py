"""Steps that misbehave: the server answers, other workflows go on, and what is kept is bounded."""

import json
import time
from pathlib import Path

import pytest
from servers import EngineServer, wait_until
from test_pods import single
from test_running import container, node

MIB = 1 << 20


def answered(server: EngineServer, seconds: float = 30) -> None:
    """The server answers soon, and a small workflow comes to its end meanwhile, on a busy machine too."""
    began = time.monotonic()
    assert server.http.get("/api/v1/version").status_code == 200
    assert time.monotonic() - began < seconds
    assert server.run(single(container("main", "echo fine")), seconds=120)["status"]["phase"] == "Succeeded"


def lines_of(server: EngineServer, name: str, **options: object) -> list[str]:
    """The lines of a workflow's log."""
    query = {f"logOptions.{key}": str(value) for key, value in options.items()}
    answer = server.http.get(f"/api/v1/workflows/flights/{name}/log", params=query)
    assert answer.status_code == 200, answer.text
    found = [json.loads(line) for line in answer.text.replace("data: ", "").splitlines() if line.strip()]
    return [one["result"]["content"] for one in found]


@pytest.fixture
def small_logs(tmp_path):
    """A server that keeps one MiB of a step's output."""
    server = EngineServer(tmp_path)
    server.kill()
    server.environment["ATRIUM_STEP_LOG_MIB"] = "1"
    server.start()
    yield server
    server.stop()


def test_a_step_that_prints_a_gibibyte_goes_on_and_one_mebibyte_is_kept(small_logs):
    loud = container("main", "yes 0123456789abcdef | head -c 1073741824; echo last >&2")
    name = small_logs.submit(single(loud))["metadata"]["name"]
    wait_until(lambda: small_logs.get(name)["status"].get("phase") == "Running", "it prints", 60)
    answered(small_logs)
    done = small_logs.ended(name, seconds=300)
    assert done["status"]["phase"] == "Succeeded", done["status"]
    kept = next(small_logs.home.glob(f"engine/steps/flights/{done['metadata']['uid']}/*/main.log"))
    assert kept.stat().st_size < MIB + 1000
    assert "bound of 1 MiB is reached" in lines_of(small_logs, name, tailLines=2)[-1]


def test_a_line_without_an_end_comes_in_pieces(engine_server):
    done = engine_server.run(single(container("main", "head -c 200000 /dev/zero | tr '\\0' x")))
    lines = lines_of(engine_server, done["metadata"]["name"])
    assert (len(lines), sum(len(one) for one in lines)) == (4, 200_000)


def test_binary_output_is_shown_as_text(engine_server):
    done = engine_server.run(single(container("main", "printf '\\377\\000\\200ok\\n'; head -c 100000 /dev/urandom")))
    assert done["status"]["phase"] == "Succeeded"
    assert lines_of(engine_server, done["metadata"]["name"])[0].endswith("ok")


def test_a_step_that_ignores_sigterm_ends_soon_after_a_stop(engine_server):
    stubborn = container("main", "trap '' TERM INT HUP; echo ready; while :; do sleep 0.1; done")
    name = engine_server.submit(single(stubborn))["metadata"]["name"]
    wait_until(lambda: lines_of(engine_server, name) == ["ready"], "it ignores signals", 60)
    engine_server.http.put(f"/api/v1/workflows/flights/{name}/stop", json={"name": name, "namespace": "flights"})
    done = engine_server.ended(name, seconds=60)
    assert (done["status"]["phase"], node(done, name)["message"]) == ("Failed", "main: Error (exit code 137)")


def running(word: str) -> list[Path]:
    """Processes of this machine with the word in their command line."""
    found = []
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word.encode() in one.read_bytes():
                found.append(one)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def test_what_a_step_leaves_running_ends_with_it(engine_server):
    word = "86399.25"
    left = container("main", f"setsid nohup sleep {word} >/dev/null 2>&1 & (sleep {word} &) ; sleep 0.2; echo left")
    done = engine_server.run(single(left))
    assert done["status"]["phase"] == "Succeeded"
    wait_until(lambda: not running(word), "nothing is left of it")


def test_a_step_that_forks_without_an_end_is_ended_with_all_of_it(engine_server):
    word = "86398.25"
    many = container("main", f"while :; do sleep {word} & sleep 0.05; done", activeDeadlineSeconds=3)
    name = engine_server.submit(single(many))["metadata"]["name"]
    wait_until(lambda: len(running(word)) > 5, "it forks", 60)
    answered(engine_server)
    assert engine_server.ended(name)["status"]["phase"] == "Failed"
    wait_until(lambda: not running(word), "nothing is left of it")


def test_a_parameter_of_a_mebibyte_comes_through(engine_server):
    template = {"name": "main", "inputs": {"parameters": [{"name": "text"}]},
                "script": {"image": "busybox", "command": ["sh"], "source": "grep -c . <<'END'\n{{inputs.parameters.text}}\nEND\n"}}  # fmt: skip
    given = {"parameters": [{"name": "text", "value": "ab" * (MIB // 2)}]}
    done = engine_server.run(single(template, arguments=given))
    assert lines_of(engine_server, done["metadata"]["name"]) == ["1"]


def test_templates_that_call_themselves_end_at_argos_depth(engine_server):
    again = {"name": "main", "steps": [[{"name": "again", "template": "main"}]]}
    done = engine_server.run(single(again), seconds=120)
    told = json.dumps(done["status"])
    assert done["status"]["phase"] == "Failed" and "Maximum recursion depth exceeded" in told, told[:500]


def test_five_thousand_pods_at_once_hold_up_nobody(engine_server):
    """Their workflow waits in a line of its own; stopping it ends all of them."""
    steps = [[{"name": "many", "template": "one", "withSequence": {"count": "5000"}}]]
    wide = {"name": "main", "steps": steps}
    one = {"name": "one", "container": {"image": "busybox", "command": ["sleep", "0.5"]}}
    document = {"metadata": {"generateName": "wide-"}, "spec": {"entrypoint": "main", "templates": [wide, one]}}
    name = engine_server.submit(document)["metadata"]["name"]

    def begun() -> bool:
        found = engine_server.http.get(f"/api/v1/workflows/flights/{name}", params={"fields": "status.progress"}).json()
        return str((found.get("status") or {}).get("progress", "")).endswith("/5000")

    wait_until(begun, "all of them are nodes", 120)
    answered(engine_server, 60)
    engine_server.http.put(f"/api/v1/workflows/flights/{name}/terminate", json={"name": name, "namespace": "flights"})
    done = engine_server.ended(name, seconds=180)
    assert (done["status"]["phase"], len(done["status"]["nodes"])) == ("Failed", 5002)


def test_an_argument_of_a_mebibyte_is_refused_in_linuxs_words_as_in_a_container(engine_server):
    template = container(
        "main", "true {{inputs.parameters.text}}", inputs={"parameters": [{"name": "text", "value": "x" * MIB}]}
    )
    done = engine_server.run(single(template))
    assert done["status"]["phase"] == "Failed"
    assert done["status"]["message"] == "main: Error (exit code 1)"
    assert "argument list too long" in lines_of(engine_server, done["metadata"]["name"])[0]


def test_an_output_parameter_of_a_mebibyte_is_handed_on_and_a_longer_one_refused(engine_server):
    def write(size: int) -> dict:
        outputs = {"parameters": [{"name": "text", "valueFrom": {"path": "/tmp/text"}}]}
        return single(container("main", f"head -c {size} /dev/zero | tr '\\0' x >/tmp/text", outputs=outputs))

    done = engine_server.run(write(MIB))
    assert len(node(done, done["metadata"]["name"])["outputs"]["parameters"][0]["value"]) == MIB
    refused = engine_server.run(write(MIB + 1))["status"]
    assert (refused["phase"], "etcdserver: request is too large" in refused["message"]) == ("Error", True)


def test_shared_memory_of_a_step_is_bounded_as_in_a_pod(engine_server):
    said = "df -m /dev/shm | tail -1; dd if=/dev/zero of=/dev/shm/big bs=1M count=100 2>&1 | grep -o 'No space left on device'; touch /dev/x"
    done = engine_server.run(single(container("main", f"{said} || echo fixed")))
    lines = lines_of(engine_server, done["metadata"]["name"])
    assert lines[0].split()[1] == "64" and lines[1] == "No space left on device" and lines[-1] == "fixed"


def test_a_loop_of_a_hundred_million_is_refused_at_once(engine_server):
    steps = [[{"name": "many", "template": "one", "withSequence": {"count": "100000000"}}]]
    one = {"name": "one", "container": {"image": "busybox", "command": ["true"]}}
    spec = {"entrypoint": "main", "templates": [{"name": "main", "steps": steps}, one]}
    done = engine_server.run({"metadata": {"generateName": "vast-"}, "spec": spec})["status"]
    assert (done["phase"], "a loop has at most 10000" in done["message"]) == ("Failed", True), done["message"]
    answered(engine_server)
