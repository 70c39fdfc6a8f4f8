"""Real steps on a real server: what they give each other, what a kill of the server leaves, how quick it is."""

import os
import time
from datetime import datetime

import psutil
import pytest
from servers import wait_until


def container(name: str, script: str, **more: object) -> dict:
    return {"name": name, "container": {"image": "busybox", "command": ["sh", "-c", script]}, **more}


def steps_workflow(*templates: dict, steps: list, **spec: object) -> dict:
    main = {"name": "main", "steps": steps}
    return {"metadata": {"generateName": "t-"}, "spec": {"entrypoint": "main", "templates": [main, *templates], **spec}}


def node(workflow: dict, display_name: str) -> dict:
    return next(one for one in workflow["status"]["nodes"].values() if one["displayName"] == display_name)


def test_parameters_and_artifacts_pass_from_step_to_step(engine_server):
    make = container(
        "make",
        "mkdir /tmp/d && echo deep >/tmp/d/f && echo one >/tmp/plain && echo 42 >/tmp/p",
        outputs={
            "parameters": [{"name": "answer", "valueFrom": {"path": "/tmp/p"}}],
            "artifacts": [
                {"name": "folder", "path": "/tmp/d"},
                {"name": "plain", "path": "/tmp/plain", "archive": {"none": {}}},
            ],
        },
    )
    use = container(
        "use",
        "cat /in/d/f /in/plain; echo {{inputs.parameters.answer}}",
        inputs={
            "parameters": [{"name": "answer"}],
            "artifacts": [{"name": "folder", "path": "/in/d"}, {"name": "plain", "path": "/in/plain"}],
        },
    )
    given = {
        "parameters": [{"name": "answer", "value": "{{steps.make.outputs.parameters.answer}}"}],
        "artifacts": [
            {"name": name, "from": f"{{{{steps.make.outputs.artifacts.{name}}}}}"} for name in ("folder", "plain")
        ],
    }
    done = engine_server.run(
        steps_workflow(
            make,
            use,
            steps=[
                [{"name": "make", "template": "make"}],
                [{"name": "use", "template": "use", "arguments": given}],
            ],
        )
    )
    assert done["status"]["phase"] == "Succeeded", done["status"]
    logged = engine_server.http.get(
        f"/api/v1/workflows/flights/{done['metadata']['name']}/log", params={"logOptions.container": "main"}
    )
    assert [word in logged.text for word in ("deep", "one", "42")] == [True] * 3
    made = node(done, "make")
    answer = engine_server.http.get(f"/artifacts/flights/{done['metadata']['name']}/{made['id']}/plain")
    assert (answer.text, answer.headers["content-disposition"].split(";")[0]) == ("one\n", "attachment")


@pytest.mark.parametrize(
    ("link", "phase", "told"),
    [
        ("../../etc/passwd", "Error", "illegal symlink target: d/x -> ../../etc/passwd"),
        ("/etc/passwd", "Succeeded", "step:x:"),  # what the reading step has there itself
        ("HOME/keys", "Failed", "No such file or directory"),
    ],
)
def test_a_link_in_an_artifact_leads_to_nothing_of_the_server(engine_server, link, phase, told):
    make = container(
        "make",
        f"mkdir /tmp/d && ln -s {link.replace('HOME', str(engine_server.home))} /tmp/d/x",
        outputs={"artifacts": [{"name": "d", "path": "/tmp/d"}]},
    )
    use = container("use", "cat /in/x", inputs={"artifacts": [{"name": "d", "path": "/in"}]})
    given = {"artifacts": [{"name": "d", "from": "{{steps.make.outputs.artifacts.d}}"}]}
    used = {"name": "use", "template": "use", "arguments": given}
    done = engine_server.run(steps_workflow(make, use, steps=[[{"name": "make", "template": "make"}], [used]]))
    logged = engine_server.http.get(
        f"/api/v1/workflows/flights/{done['metadata']['name']}/log", params={"logOptions.container": "main"}
    )
    assert node(done, "use")["phase"] == phase
    assert told in node(done, "use").get("message", "") + logged.text


def test_killing_the_server_in_the_middle_of_a_run_loses_nothing(mortal_server):
    slow = container("slow", "echo started; sleep 2; echo ended >/tmp/o", outputs={
        "parameters": [{"name": "said", "valueFrom": {"path": "/tmp/o"}}]})  # fmt: skip
    steps = [[{"name": f"s{number}", "template": "slow"}] for number in range(2)]
    name = mortal_server.submit(steps_workflow(slow, steps=steps))["metadata"]["name"]

    def running() -> bool:
        nodes = mortal_server.get(name)["status"].get("nodes") or {}
        log = list(mortal_server.home.glob(f"engine/steps/flights/*/{name}-slow-*/main.log"))
        return any(one["phase"] == "Running" for one in nodes.values()) and any(one.read_text() for one in log)

    wait_until(running, "the first step runs")
    before = {one.pid for one in psutil.process_iter(["cmdline"]) if "sleep" in (one.info["cmdline"] or [])}
    mortal_server.kill()
    assert any(psutil.pid_exists(pid) for pid in before), "steps outlive the server"
    mortal_server.start()
    done = mortal_server.ended(name)
    assert done["status"]["phase"] == "Succeeded", done["status"]
    assert {node(done, f"s{number}")["outputs"]["parameters"][0]["value"] for number in range(2)} == {"ended"}
    logs = [one.read_text() for one in mortal_server.home.glob(f"engine/steps/flights/*/{name}-slow-*/main.log")]
    assert logs == ["started\n"] * 2, "no step ran twice"


def test_a_step_over_its_memory_limit_is_ended_and_says_so(engine_server):
    greedy = {
        "name": "main",
        "script": {
            "image": "python:3.11",
            "command": ["python"],
            "source": "import time\nkept = b'x' * 400_000_000\ntime.sleep(60)",
            "resources": {"limits": {"memory": "100Mi"}},
        },
    }
    done = engine_server.run(
        {"metadata": {"generateName": "m-"}, "spec": {"entrypoint": "main", "templates": [greedy]}}
    )
    assert done["status"]["phase"] == "Failed"
    assert "OOMKilled (exit code 137)" in done["status"]["message"]


def test_a_step_starts_within_the_allowed_overhead(engine_server):
    steps = [[{"name": f"s{number}", "template": "nothing"}] for number in range(20)]
    started = time.monotonic()
    done = engine_server.run(steps_workflow(container("nothing", "true"), steps=steps))
    seconds = time.monotonic() - started
    assert done["status"]["phase"] == "Succeeded"
    assert seconds / 20 < 0.150 * (2 if (os.getloadavg()[0] > 3) else 1), "start-to-start overhead of a step"


def test_a_thousand_steps_that_do_nothing_do_not_wait_for_the_machinery(engine_server):
    step = {"name": "n", "template": "nothing", "withSequence": {"count": "1000"}}
    done = engine_server.ended(
        engine_server.submit(steps_workflow(container("nothing", "true"), steps=[[step]]))["metadata"]["name"],
        seconds=150,
    )
    assert done["status"]["progress"] == "1000/1000"
    begun, ended = (datetime.fromisoformat(done["status"][key]) for key in ("startedAt", "finishedAt"))
    print(f"1,000 steps in {(ended - begun).total_seconds():.0f} s")


@pytest.mark.parametrize("image", ["golang:1.22", "example.com/own:1"])
def test_an_unknown_image_is_refused_with_the_list(engine_server, image):
    template = {"name": "main", "container": {"image": image, "command": ["true"]}}
    answer = engine_server.http.post(
        "/api/v1/workflows/flights",
        json={"workflow": {"metadata": {"name": "x"}, "spec": {"entrypoint": "main", "templates": [template]}}},
    )
    assert answer.status_code == 400
    assert "atrium/runtime:1" in answer.json()["message"]
