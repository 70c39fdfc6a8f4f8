"""Argo's own examples on this server."""

from typing import ClassVar

import pytest
from conformance_contract import NAMES, ConformanceContract, Outcome
from recordings import facts, put_support, submit


@pytest.fixture(scope="module")
def submitted(engine_server, conformance):
    """Every example is submitted at once; each test waits for its own."""
    put_support(engine_server, conformance / "examples")
    return {name: submit(engine_server, conformance / "examples", name) for name in NAMES}


class TestEmbedded(ConformanceContract):
    """The embedded engine."""

    different: ClassVar[dict[str, str]] = {
        "dag-task-level-timeout.yaml": "on Kubernetes the pod's own start counts into its timeout of 20 s; here it is done in 15 s",
        "k8s-patch-merge-pod.yaml": "resource templates need a cluster",
    }

    @pytest.fixture
    def outcome(self, engine_server, submitted) -> Outcome:
        def look(answer) -> dict:
            if answer.status_code != 200:
                return {"refused": answer.text}
            return facts(engine_server.ended(answer.json()["metadata"]["name"], seconds=170))

        return lambda name: [look(answer) for answer in submitted[name]]
