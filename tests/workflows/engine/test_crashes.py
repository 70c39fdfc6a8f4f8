"""The server is killed again and again in the middle of a run: the same final result comes, and no step runs twice."""

import os
import random
import time

import pytest
from servers import wait_until
from test_running import container, node, steps_workflow

KILLS = 50 if os.environ.get("CI") == "true" else 8  # each costs a start of the server


@pytest.mark.timeout(900)
def test_kills_during_one_run_leave_the_same_result(mortal_server):
    marked = container(
        "marked", "echo {{inputs.parameters.n}} >>$ATRIUM_DATA/marks; sleep 0.3; echo {{inputs.parameters.n}} >/tmp/o",
        inputs={"parameters": [{"name": "n"}]}, outputs={"parameters": [{"name": "o", "valueFrom": {"path": "/tmp/o"}}]},
    )  # fmt: skip
    given = {"parameters": [{"name": "n", "value": "{{item}}"}]}
    groups = [
        [{"name": f"g{group}", "template": "marked", "arguments": given, "withSequence": {"start": str(group * 10), "count": "10"}}]
        for group in range(12)
    ]  # fmt: skip
    name = mortal_server.submit(steps_workflow(marked, steps=groups))["metadata"]["name"]
    chance = random.Random(7)
    for number in range(KILLS):
        if number % 5:
            wait_until(mortal_server.answers, "the server answers", 180)
        time.sleep(chance.uniform(0, 0.4))  # a kill at any moment, now and then while it starts
        mortal_server.kill()
        mortal_server.launch()
    wait_until(mortal_server.answers, "the server answers", 180)
    done = mortal_server.ended(name, seconds=180)
    wrong = {one["name"]: one.get("message") for one in done["status"]["nodes"].values() if one["phase"] != "Succeeded"}
    assert (done["status"]["phase"], wrong) == ("Succeeded", {})
    pods = [one for one in done["status"]["nodes"].values() if one["type"] == "Pod"]
    assert sorted(int(one["outputs"]["parameters"][0]["value"]) for one in pods) == list(range(120))
    marks = (mortal_server.home / "projects/flights/data/marks").read_text().split()
    assert sorted(map(int, marks)) == list(range(120)), "no step ran twice, none was left out"
    assert node(done, "[11]")["phase"] == "Succeeded"
