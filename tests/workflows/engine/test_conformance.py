"""Argo's own examples on this server, compared node for node with what real Argo v3.7.3 did (../shared/conformance)."""

import json
import os
from pathlib import Path

import pytest
from recordings import differences, facts, put_support, submit
from servers import CHECKOUT

FOLDER = Path(os.environ.get("ATRIUM_TEST_ASSETS") or CHECKOUT.parent / "shared") / "conformance"
RECORDED = json.loads((FOLDER / "recorded.json").read_text()) if FOLDER.exists() else {}
TOSSES = set(json.loads((FOLDER / "random.json").read_text())) if FOLDER.exists() else set()
TOSSES |= {"retry-backoff.yaml", "retry-on-error.yaml", "retry-script.yaml"}  # exit codes by chance too
LONG_SECONDS = 60  # examples that sleep longer than this run in CI alone
NOT_YET = {
    "dag-task-level-timeout.yaml": "on Kubernetes the pod's own start counts into its timeout of 20 s; here it is done in 15 s",
    "k8s-patch-merge-pod.yaml": "resource templates need a cluster",
}


def is_long(name: str) -> bool:
    return any(one.get("seconds", 0) > LONG_SECONDS for one in RECORDED[name]) and os.environ.get("CI") != "true"


def cases():
    for name in RECORDED:
        if not is_long(name):
            marks = [pytest.mark.xfail(reason=NOT_YET[name], strict=True)] if name in NOT_YET else []
            yield pytest.param(name, marks=marks)


@pytest.fixture(scope="module")
def submitted(engine_server, conformance):
    """Every example is submitted at once; each test waits for its own."""
    put_support(engine_server, conformance / "examples")
    return {name: submit(engine_server, conformance / "examples", name) for name in RECORDED if not is_long(name)}


@pytest.mark.parametrize("name", list(cases()))
def test_an_example_does_what_it_does_on_argo(engine_server, submitted, name):
    for number, theirs in enumerate(RECORDED[name]):
        answer = submitted[name][number]
        assert (answer.status_code != 200) == ("refused" in theirs), answer.text
        if "refused" in theirs:
            continue
        ours = facts(engine_server.ended(answer.json()["metadata"]["name"], seconds=170))
        if name in TOSSES:
            assert {"type", "phase", "children"} <= set(ours["nodes"]["WF"]), "chance decides the rest"
        else:
            assert differences(ours, theirs) == []
